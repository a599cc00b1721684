use super::*;
use crate::backends::sample;
use crate::vm::PortForward;
use std::ffi::OsStr;

fn text(launch: &Launch, facts: &Facts) -> String {
    let argv = argv(launch, facts).unwrap();
    let mut text = String::new();
    for argument in &argv {
        let argument = argument.to_str().unwrap();
        // One option a line.
        text += if argument.starts_with('-') { "\n" } else { " " };
        text += argument;
    }
    text.trim().replace(
        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny\n",
        "",
    )
}

fn launch() -> Launch {
    sample::launch(Path::new("/d"))
}

#[test]
fn an_emulated_guest() {
    let facts = Facts {
        qboot: Some("/usr/share/qemu/qboot.rom".into()),
        vhost_net: false,
        disk: None,
    };
    insta::assert_snapshot!(text(&launch(), &facts), @r#"
    /usr/bin/qemu-system-x86_64
    -name guest=web,process=smolvm-web,debug-threads=on
    -nodefaults
    -no-user-config
    -display none
    -action reboot=shutdown,panic=exit-failure
    -S
    -M q35
    -accel tcg,thread=multi
    -cpu qemu64,+rdrand
    -smp 1
    -m 256M
    -bios /usr/share/qemu/qboot.rom
    -kernel /images/tiny/vmlinux
    -initrd /images/tiny/initramfs.cpio
    -append console=ttyS0 panic=-1 reboot=t cryptomgr.notests noreplace-smp initcall_blacklist=ftrace_check_for_weak_functions,trace_eval_init nolapic_timer smolvm.name=web smolvm.ip=10.0.2.15/24 smolvm.gw=10.0.2.2 smolvm.dns=10.0.2.3
    -chardev socket,id=serial,fd=3,server=on,wait=off,logfile=/d/vms/web/gap.log,logappend=on
    -serial chardev:serial
    -chardev socket,id=qmp,fd=4,server=on,wait=off
    -mon chardev=qmp,mode=control
    -device virtio-serial-pci-non-transitional,id=vserial0,max_ports=2
    -chardev socket,id=agent,fd=5,server=on,wait=off
    -device virtserialport,id=agent0,bus=vserial0.0,chardev=agent,name=org.smolvm.agent.0
    -netdev user,id=net0
    -device virtio-net-pci-non-transitional,id=nic0,netdev=net0,romfile=
    -device virtio-rng-pci-non-transitional,id=rng0
    -device virtio-balloon-pci-non-transitional,id=balloon0,deflate-on-oom=on,free-page-reporting=on
    -device pvpanic-pci,id=panic0
    "#);
}

#[test]
fn a_guest_with_kvm_ports_and_a_layer_of_its_own() {
    let mut launch = launch();
    launch.accel = Accel::Kvm;
    launch.spec.vcpu_count = 4;
    launch.spec.publish = vec![
        PortForward {
            host: 8080,
            guest: 80,
        },
        PortForward {
            host: 2222,
            guest: 22,
        },
    ];
    launch.rootfs = Some("/images/r.ext4".into());
    let facts = Facts {
        qboot: Some("/usr/share/qemu/qboot.rom".into()),
        vhost_net: false,
        disk: Some(("/d/vms/web/disk.qcow2".into(), Format::Qcow2)),
    };
    insta::assert_snapshot!(text(&launch, &facts), @r#"
    /usr/bin/qemu-system-x86_64
    -name guest=web,process=smolvm-web,debug-threads=on
    -nodefaults
    -no-user-config
    -display none
    -action reboot=shutdown,panic=exit-failure
    -S
    -M q35
    -accel kvm
    -cpu host
    -smp 4
    -m 256M
    -kernel /images/tiny/vmlinux
    -initrd /images/tiny/initramfs.cpio
    -append console=ttyS0 panic=-1 reboot=t smolvm.root=/dev/vda smolvm.name=web smolvm.ip=10.0.2.15/24 smolvm.gw=10.0.2.2 smolvm.dns=10.0.2.3
    -chardev socket,id=serial,fd=3,server=on,wait=off,logfile=/d/vms/web/gap.log,logappend=on
    -serial chardev:serial
    -chardev socket,id=qmp,fd=4,server=on,wait=off
    -mon chardev=qmp,mode=control
    -device virtio-serial-pci-non-transitional,id=vserial0,max_ports=2
    -chardev socket,id=agent,fd=5,server=on,wait=off
    -device virtserialport,id=agent0,bus=vserial0.0,chardev=agent,name=org.smolvm.agent.0
    -blockdev {"driver":"qcow2","node-name":"disk0","discard":"unmap","file":{"driver":"file","filename":"/d/vms/web/disk.qcow2"}}
    -device virtio-blk-pci-non-transitional,id=vda,drive=disk0
    -netdev user,id=net0,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:127.0.0.1:2222-:22
    -device virtio-net-pci-non-transitional,id=nic0,netdev=net0,romfile=
    -device virtio-rng-pci-non-transitional,id=rng0
    -device virtio-balloon-pci-non-transitional,id=balloon0,deflate-on-oom=on,free-page-reporting=on
    -device pvpanic-pci,id=panic0
    "#);
}

#[test]
fn an_arm_guest_without_agent_and_network() {
    let mut launch = launch();
    launch.spec.arch = Arch::Aarch64;
    launch.spec.cpu_model = CpuModel::Max;
    launch.spec.network = NetworkMode::None;
    launch.has_agent = false;
    launch.initrd = None;
    launch.rootfs = Some("/r.img".into());
    let facts = Facts {
        qboot: None,
        vhost_net: false,
        disk: Some(("/r.img".into(), Format::Raw)),
    };
    insta::assert_snapshot!(text(&launch, &facts), @r#"
    /usr/bin/qemu-system-x86_64
    -name guest=web,process=smolvm-web,debug-threads=on
    -nodefaults
    -no-user-config
    -display none
    -action reboot=shutdown,panic=exit-failure
    -S
    -M virt
    -accel tcg,thread=multi
    -cpu max,pauth-impdef=on
    -smp 1
    -m 256M
    -kernel /images/tiny/vmlinux
    -append console=ttyAMA0 panic=-1 root=/dev/vda rw
    -chardev socket,id=serial,fd=3,server=on,wait=off,logfile=/d/vms/web/gap.log,logappend=on
    -serial chardev:serial
    -chardev socket,id=qmp,fd=4,server=on,wait=off
    -mon chardev=qmp,mode=control
    -blockdev {"driver":"raw","node-name":"disk0","discard":"unmap","file":{"driver":"file","filename":"/r.img"}}
    -device virtio-blk-pci-non-transitional,id=vda,drive=disk0
    -device virtio-rng-pci-non-transitional,id=rng0
    -device virtio-balloon-pci-non-transitional,id=balloon0,deflate-on-oom=on,free-page-reporting=on
    -device pvpanic-pci,id=panic0
    "#);
}

#[cfg(target_os = "linux")]
#[test]
fn qemu_may_start_no_program_and_gain_no_privilege() {
    let argv = argv(&launch(), &Facts::default()).unwrap();
    let at = argv
        .iter()
        .position(|argument| argument == "-sandbox")
        .unwrap();
    let sandbox = argv[at + 1].to_str().unwrap();
    for part in [
        "on,",
        "spawn=deny",
        "elevateprivileges=deny",
        "resourcecontrol=deny",
    ] {
        assert!(sandbox.contains(part), "{sandbox}");
    }
}

#[test]
fn commas_and_quotes_in_paths_stay_within_their_values() {
    let mut launch = launch();
    launch.paths.gap_log = "/a,b/gap,x.log".into();
    launch.rootfs = Some("/r".into());
    let facts = Facts {
        qboot: None,
        vhost_net: false,
        disk: Some(("/d/\"q\",file.driver=x\\".into(), Format::Raw)),
    };
    let argv = argv(&launch, &facts).unwrap();
    let has = |text: &str| argv.iter().any(|argument| argument == OsStr::new(text));
    assert!(has(
        "socket,id=serial,fd=3,server=on,wait=off,logfile=/a,,b/gap,,x.log,logappend=on"
    ));
    assert!(has(
        r#"{"driver":"raw","node-name":"disk0","discard":"unmap","file":{"driver":"file","filename":"/d/\"q\",file.driver=x\\"}}"#
    ));
}

#[test]
fn what_cannot_be_put_on_a_command_line_is_refused_and_named() {
    let refused = |change: &dyn Fn(&mut Launch), facts: &Facts| {
        let mut launch = launch();
        change(&mut launch);
        match argv(&launch, facts) {
            Err(error) => error.to_string(),
            Ok(argv) => panic!("{argv:?}"),
        }
    };
    let none = Facts::default();
    let cases = [
        (
            refused(&|l| l.kernel = "vmlinux".into(), &none),
            "kernel `vmlinux`: the path is not absolute",
        ),
        (
            refused(&|l| l.initrd = Some("/a\nb".into()), &none),
            "it contains a line break",
        ),
        (
            refused(&|l| l.spec.boot_args = Some("a\0b".into()), &none),
            "boot arguments",
        ),
        (
            refused(&|l| l.spec.network = NetworkMode::Tap, &none),
            "TAP network of `web`: no device was made for it",
        ),
        (
            refused(
                &|l| {
                    l.spec.network = NetworkMode::None;
                    l.spec.publish = vec![PortForward {
                        host: 80,
                        guest: 80,
                    }];
                },
                &none,
            ),
            "published port `80:80`: the VM has no network",
        ),
        (
            refused(
                &|_| {},
                &Facts {
                    qboot: None,
                    vhost_net: false,
                    disk: Some((OsStr::from_bytes(b"/\xff").into(), Format::Raw)),
                },
            ),
            "it is not UTF-8",
        ),
    ];
    for (error, expected) in cases {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_guest_with_a_tap_device_has_its_addresses_and_no_forwarded_ports() {
    let mut launch = launch();
    launch.spec.network = NetworkMode::Tap;
    launch.spec.publish = vec![PortForward {
        host: 8080,
        guest: 80,
    }];
    launch.tap = Some(crate::network::Tap {
        device: "smt0badcafe".to_owned(),
        mac: "06:00:0a:d5:2b:fa".to_owned(),
        host: [10, 213, 43, 249].into(),
        guest: [10, 213, 43, 250].into(),
        prefix: 30,
        name_servers: vec![[9, 9, 9, 9].into()],
    });
    let mut facts = Facts::default();
    let line = text(&launch, &facts);
    let has = |line: &str, words: &str| assert!(line.contains(words), "{words}\n{line}");
    has(
        &line,
        "-netdev tap,id=net0,ifname=smt0badcafe,script=no,downscript=no,vhost=off\n\
         -device virtio-net-pci-non-transitional,id=nic0,netdev=net0,romfile=,mac=06:00:0a:d5:2b:fa\n",
    );
    has(
        &line,
        " smolvm.ip=10.213.43.250/30 smolvm.gw=10.213.43.249 smolvm.dns=9.9.9.9\n",
    );
    assert!(!line.contains("hostfwd"));
    facts.vhost_net = true;
    has(&text(&launch, &facts), ",vhost=on\n");
    launch.has_agent = false;
    has(
        &text(&launch, &facts),
        " ip=10.213.43.250::10.213.43.249:255.255.255.252:web:eth0:off:9.9.9.9\n",
    );
}
