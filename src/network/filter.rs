//! What the packet filter does for VMs: one table, the same for any number of them.

/// The table, as nft names it: family and name.
pub const TABLE: &str = "inet smolvm_tui";

/// Replaces the table by one with these rules, in one transaction (nft(8)).
///
/// `fib saddr . iif oif 0`: a source that would not be answered by way of the device that it came
/// from. That a masqueraded packet came from a VM is seen by its first interface, for which the
/// kernel must be 5.7 or newer. No comma, colon, equals sign, quote or line break, each of which
/// means something in a sudoers file.
pub const RULES: &str = concat!(
    "table inet smolvm_tui {} ; delete table inet smolvm_tui ; table inet smolvm_tui { ",
    "chain source { type filter hook prerouting priority raw ; policy accept ; ",
    "iifname smt* fib saddr . iif oif 0 drop ; } ; ",
    "chain forward { type filter hook forward priority filter ; policy accept ; ",
    "iifname smt* oifname smt* drop ; ",
    "iifname smt* meta nfproto ipv6 drop ; ",
    "oifname smt* ct state established accept ; ",
    "oifname smt* ct state related accept ; ",
    "oifname smt* drop ; } ; ",
    "chain postrouting { type nat hook postrouting priority srcnat ; policy accept ; ",
    "meta nfproto ipv4 iifname smt* masquerade ; } ; }",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_can_stand_in_a_sudoers_file() {
        assert!(RULES.contains(TABLE));
        for special in [',', ':', '=', '"', '\'', '\\', '\n', '#', '!', '%'] {
            assert!(!RULES.contains(special), "{special:?}");
        }
    }
}
