//! What a VM's own network device needs. None of it makes a host *not ready*.

use super::*;

#[test]
fn missing_tools_and_permissions_are_warnings_and_never_not_ready() {
    let host = FakeHost::sound().without("ip nft sudo");
    let install = "Not found\nsudo apt-get install -y";
    // Without sudo there is a root who needs none.
    let install = install.replace("sudo ", "");
    expect(
        &host,
        Firecracker,
        "command:ip",
        Warn,
        &format!("{install} iproute2"),
    );
    expect(
        &host,
        Firecracker,
        "command:nft",
        Warn,
        &format!("{install} nftables"),
    );
    expect(&host, Firecracker, "sudo", Warn, "TAP networking needs it");
    let words = "`ip` is not in PATH; VMs have no TAP network until then";
    expect(&host, Firecracker, "network-permissions", Warn, words);
    expect(&host, Firecracker, "forward-policy", Skip, "no nft");
    assert_eq!(
        report(&host, Firecracker).verdict().unwrap().words(),
        "ready"
    );
    for name in ["command:ip", "command:nft", "sudo", "network-permissions"] {
        expect(&host, Qemu, name, Skip, "qemu does without");
    }
}

#[test]
fn a_tap_network_is_permitted_to_root_to_capabilities_and_by_sudo() {
    const PERMISSIONS: &str = "network-permissions";
    let refused = FakeHost::sound().with(|host| {
        host.refuse("sudo");
        host.rules = false;
    });
    expect(&refused, Qemu, "sudo", Skip, "qemu does without");
    expect(&refused, Qemu, PERMISSIONS, Skip, "qemu does without");
    expect(&refused, Firecracker, "sudo", Warn, "failed");
    let words = "does not permit it; VMs have no TAP network until then, `--network none` works\n\
                 sudo /opt/tree/scripts/system-setup.sh --configure-runtime";
    expect(&refused, Firecracker, PERMISSIONS, Warn, words);
    assert_eq!(report(&refused, Firecracker).summary.failures, 0);
    let own = refused.clone().without("sudo").with(|host| {
        host.privilege = Privilege::Own;
        host.rules = true;
    });
    expect(&own, Firecracker, "sudo", Pass, "not needed");
    expect(
        &own,
        Firecracker,
        PERMISSIONS,
        Pass,
        "CAP_NET_ADMIN is held",
    );
    let root = own.with(|host| host.user = 0);
    expect(&root, Firecracker, "sudo", Pass, "configured");
    expect(&root, Firecracker, PERMISSIONS, Pass, "root needs no sudo");
    // Rules are for one pool of addresses, and what writes them is told which.
    let elsewhere = Examination {
        network_pool: "10.9.0.0/16".parse().unwrap(),
        ..examination(Firecracker)
    };
    let report = report_on(&FakeHost::sound(), &elsewhere);
    let mut checks = report.checks.iter();
    let found = checks.find(|check| check.name == PERMISSIONS).unwrap();
    assert_eq!(found.status, Warn);
    let command = found.fix.as_ref().unwrap().command().unwrap();
    assert!(
        command.ends_with("--configure-runtime --network-pool 10.9.0.0/16"),
        "{command}"
    );
    // Rules that allow what is needed and nothing else are enough.
    let narrow = FakeHost::sound().with(|host| host.refuse("sudo -n true"));
    expect(&narrow, Firecracker, "sudo", Pass, "configured");
    let words = "network commands and sudo policy are available";
    expect(&narrow, Firecracker, PERMISSIONS, Pass, words);
    // What else is in the way of a TAP device is not sudo's fault.
    let closed = narrow.with(|host| host.tap = Err("`/dev/net/tun` cannot be opened".to_owned()));
    expect(&closed, Firecracker, "sudo", Pass, "configured");
    expect(&closed, Firecracker, PERMISSIONS, Warn, "cannot be opened");
    let without_rules = FakeHost::sound().with(|host| host.rules = false);
    expect(&without_rules, Firecracker, "sudo", Pass, "configured");
}

#[test]
fn a_sudo_whose_rules_know_no_patterns_is_told_with_the_way_out() {
    let host = FakeHost::sound().with(|host| {
        host.rules = false;
        host.answer("sudo --version", "sudo-rs 0.2.8\n");
    });
    let told = |host: &FakeHost, fix: &str| {
        let words = format!(
            "sudo-rs, whose rules know no patterns; VMs have no TAP network until then, `--network none` works\n{fix}"
        );
        expect(host, Firecracker, "network-permissions", Warn, &words);
    };
    told(&host, "install the sudo of sudo.ws");
    let both = host.clone().with(|host| {
        let sudo = host.entries["/dev/kvm".as_ref() as &Path];
        host.entries.insert("/usr/bin/sudo.ws".into(), sudo);
    });
    told(
        &both,
        "sudo update-alternatives --set sudo /usr/bin/sudo.ws",
    );
    let other = both.with(|host| host.answer("sudo --version", "Sudo version 1.9.13p3\n"));
    let finding = finding(&other, Firecracker, "network-permissions");
    assert!(!finding.detail.contains("sudo-rs"), "{finding:?}");
}

#[test]
fn who_may_administer_the_network_is_told_no_sudo() {
    const ASK: &str = "nft list tables";
    let own = FakeHost::sound().with(|host| {
        host.privilege = Privilege::Own;
        host.answer(ASK, "table inet smolvm_tui\n");
        host.write("/proc/sys/net/ipv4/ip_forward", "0\n");
        host.holds("/sys/class/net", &["smt0000aaaa"]);
    });
    expect(
        &own,
        Firecracker,
        "nft-table:inet:smolvm_filter",
        Pass,
        "exists",
    );
    let fix = finding(&own, Firecracker, "ip-forward").fix.unwrap();
    assert_eq!(fix.command(), Some("sysctl -w net.ipv4.ip_forward=1"));
}

#[test]
fn a_table_that_the_first_tap_will_make_is_a_pass_that_says_so() {
    const ASK: &str = "sudo -n /usr/bin/nft list tables";
    let answer = "table ip other\ntable inet smolvm_tui\n";
    for name in ["nft-table:ip:smolvm_nat", "nft-table:inet:smolvm_filter"] {
        table(
            name,
            Firecracker,
            &[
                (&|_| {}, Pass, "the first TAP makes it"),
                (
                    &|host| host.answer(ASK, answer),
                    Pass,
                    "`inet smolvm_tui` exists",
                ),
                (&|host| host.refuse(ASK), Pass, "could not be looked for"),
            ],
        );
    }
}

#[test]
fn devices_that_cannot_be_opened_are_told_with_what_opens_them() {
    table(
        "tun",
        Firecracker,
        &[
            (
                &|host| host.devices.clear(),
                Warn,
                "there is no /dev/net/tun; VMs have no TAP",
            ),
            (&|host| host.devices.clear(), Warn, "sudo modprobe tun"),
            (
                &|host| {
                    host.devices.clear();
                    host.closed = io::ErrorKind::PermissionDenied;
                },
                Warn,
                "sudo chmod 666 /dev/net/tun",
            ),
        ],
    );
    let none = FakeHost::sound().with(|host| host.devices.clear());
    expect(
        &none,
        Firecracker,
        "vhost-vsock",
        Skip,
        "nothing here needs it",
    );
    expect(
        &FakeHost::sound(),
        Firecracker,
        "vhost-vsock",
        Pass,
        "/dev/vhost-vsock",
    );
}

#[test]
fn forwarding_that_was_switched_off_under_living_taps_is_told() {
    const FILE: &str = "/proc/sys/net/ipv4/ip_forward";
    table(
        "ip-forward",
        Firecracker,
        &[
            (&|_| {}, Pass, "on"),
            (
                &|host| host.write(FILE, "0\n"),
                Pass,
                "the first TAP switches it on",
            ),
            (
                &|host| {
                    host.write(FILE, "0\n");
                    host.holds("/sys/class/net", &["lo", "smt0000aaaa"]);
                },
                Warn,
                "sudo sysctl -w net.ipv4.ip_forward=1",
            ),
            (&|host| host.remove(FILE), Skip, "does not tell"),
        ],
    );
}

#[test]
fn chains_that_drop_what_is_forwarded_are_told_with_a_rule_against_it() {
    const ASK: &str = "sudo -n /usr/bin/nft list chains";
    let chain = |table: &str, policy: &str, more: &str| {
        format!(
            "table ip nat {{\n\tchain X {{\n\t}}\n}}\n{table} {{\n{more}\tchain FORWARD {{\n\t\t\
             type filter hook forward priority filter; policy {policy};\n\t}}\n}}\n"
        )
    };
    let own = chain("table inet firewall", "drop", "");
    let docker = chain("table ip filter", "drop", "\tchain DOCKER-USER {\n\t}\n");
    let open = chain("table ip filter", "accept", "");
    let input =
        "table ip f {\n\tchain I {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}\n";
    table(
        "forward-policy",
        Firecracker,
        &[
            (
                &|host| host.answer(ASK, &own),
                Warn,
                "chain `inet firewall FORWARD` drops",
            ),
            (
                &|host| host.answer(ASK, &own),
                Warn,
                "sudo nft insert rule inet firewall FORWARD 'iifname \"smt*\" accept' && sudo nft",
            ),
            (
                &|host| host.answer(ASK, &docker),
                Warn,
                "insert rule ip filter DOCKER-USER",
            ),
            (&|host| host.answer(ASK, &open), Pass, "no chain drops"),
            (&|host| host.answer(ASK, input), Pass, "no chain drops"),
            (&|host| host.refuse(ASK), Skip, "not known"),
        ],
    );
}

#[test]
fn a_host_without_a_way_out_is_told() {
    const FILE: &str = "/proc/net/route";
    let local = "Iface\tDestination\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n";
    table(
        "default-route",
        Qemu,
        &[
            (&|_| {}, Pass, "by eth0"),
            (
                &|host| host.write(FILE, local),
                Warn,
                "reach nothing beyond this host",
            ),
            (&|host| host.remove(FILE), Skip, "does not tell"),
        ],
    );
}
