use super::*;

#[test]
fn the_commands_have_the_shapes_that_the_room_promises() {
    let address = Ipv4Addr::new(10, 213, 43, 249);
    let steps = Step::of_each_shape("smt0badcafe", 1000, address);
    let lines: Vec<String> = steps.iter().map(|step| step.argv().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "ip tuntap add dev smt0badcafe mode tap user 1000".to_owned(),
            "ip address add 10.213.43.249/30 dev smt0badcafe".to_owned(),
            "ip link set dev smt0badcafe up".to_owned(),
            "ip tuntap del dev smt0badcafe mode tap".to_owned(),
            format!("nft {RULES}"),
            "nft delete table inet smolvm_tui".to_owned(),
            "nft list table inet smolvm_tui".to_owned(),
            "sysctl -w net.ipv4.ip_forward=1".to_owned(),
        ]
    );
}

#[test]
fn the_sudoers_lines_permit_each_shape_and_hold_no_open_star() {
    let text = sudoers("dev", 1000, Pool::default(), |_| "/usr/sbin".to_owned());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7 + 9);
    assert_eq!(
        lines[0],
        "dev ALL=(root) NOPASSWD: /usr/sbin/ip tuntap add dev \
         smt[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f] mode tap user 1000"
    );
    assert!(!text.replace("\\*", "").contains('*'));
    assert!(text.ends_with("/usr/sbin/sysctl -w net.ipv4.ip_forward\\=1\n"));
}
