use super::*;

fn network(text: &str) -> Network {
    let (address, prefix) = text.split_once('/').unwrap();
    Network::new(address.parse().unwrap(), prefix.parse().unwrap())
}

fn block(pool: &str, id: &str, taken: &[&str]) -> Option<String> {
    let taken: Vec<Network> = taken.iter().map(|text| network(text)).collect();
    let block = pool.parse::<Pool>().unwrap().block(id, &taken)?;
    Some(format!("{}/{}", block.address, block.prefix))
}

#[test]
fn everything_of_a_vm_follows_from_its_block() {
    let servers = vec![Ipv4Addr::new(9, 9, 9, 9), Ipv4Addr::new(1, 1, 1, 1)];
    let tap = Tap::new("0BADcafe", network("10.213.43.248/30"), servers);
    assert_eq!(tap.device, "smt0badcafe");
    assert_eq!(tap.mac, "06:00:0a:d5:2b:fa");
    assert_eq!(
        tap.agent_args(),
        "smolvm.ip=10.213.43.250/30 smolvm.gw=10.213.43.249 smolvm.dns=9.9.9.9,1.1.1.1"
    );
    assert_eq!(
        tap.kernel_arg("web"),
        "ip=10.213.43.250::10.213.43.249:255.255.255.252:web:eth0:off:9.9.9.9:1.1.1.1"
    );
}

#[test]
fn a_host_without_name_servers_names_none() {
    let tap = Tap::new("0badcafe", network("10.213.0.0/30"), Vec::new());
    assert!(tap.agent_args().ends_with("smolvm.gw=10.213.0.1"));
    assert!(tap.kernel_arg("web").ends_with(":off"));
}

#[test]
fn device_names_fit_and_lead_back_to_their_vm() {
    assert!(device_name("ffffffff").len() <= 15);
    assert_eq!(id_of("smt0badcafe"), Some("0badcafe"));
    for other in ["smt", "smt0badcaf", "smtx0badcaf", "eth0", "smt0badcafe0"] {
        assert_eq!(id_of(other), None, "{other}");
    }
}

#[test]
fn a_block_is_where_the_id_says_unless_something_is_there() {
    let pool = "10.213.0.0/16";
    let first = block(pool, "00000005", &[]);
    assert_eq!(first.as_deref(), Some("10.213.0.20/30"));
    // An address of an interface, a route over half of the pool, and one that does not touch it.
    let next = block(pool, "00000005", &["10.213.0.22/32", "192.168.0.0/16"]);
    assert_eq!(next.as_deref(), Some("10.213.0.24/30"));
    let half = block(pool, "00000005", &["10.213.0.0/17"]);
    assert_eq!(half.as_deref(), Some("10.213.128.0/30"));
    // The last one wraps around.
    let wrapped = block(pool, "ffffffff", &["10.213.255.252/30"]);
    assert_eq!(wrapped.as_deref(), Some("10.213.0.0/30"));
}

#[test]
fn a_pool_that_the_host_uses_otherwise_gives_nothing() {
    assert_eq!(block("10.213.0.0/16", "00000005", &["10.0.0.0/8"]), None);
    let all: Vec<String> = (0..4).map(|n| format!("10.9.8.{}/30", n * 4)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert_eq!(block("10.9.8.0/28", "00000005", &all), None);
    let but_one = block("10.9.8.0/28", "00000005", &all[..3]);
    assert_eq!(but_one.as_deref(), Some("10.9.8.12/30"));
}

#[test]
fn pools_are_whole_networks_of_a_useful_size() {
    assert_eq!(Pool::default().to_string(), "10.213.0.0/16");
    assert_eq!("10.213.0.0/16".parse(), Ok(Pool::default()));
    for bad in [
        "10.213.0.1/16",
        "10.0.0.0/7",
        "10.0.0.0/29",
        "10.0.0.0",
        "10.0.0/8",
        "fd00::/16",
        "10.0.0.0/99",
        "",
    ] {
        assert!(bad.parse::<Pool>().is_err(), "{bad}");
    }
}

#[test]
fn patterns_of_a_pool_have_its_whole_bytes_to_the_letter() {
    let patterns = Pool::default().patterns();
    assert_eq!(patterns.len(), 9);
    assert_eq!(patterns[0], "10.213.[0-9].[0-9]");
    assert_eq!(patterns[8], "10.213.[0-9][0-9][0-9].[0-9][0-9][0-9]");
}
