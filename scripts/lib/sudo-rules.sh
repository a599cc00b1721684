# shellcheck shell=bash
# The sudo rules with which a plain user gets TAP networks.
#
# A `*` among a command's arguments matches blanks too, so that `ip link set smt* up` would allow
# any further argument between; and `ip *`, `nft -f -` and `sysctl *` are as good as root: the first
# two read any file (`ip -batch`, nft's `include`), the last names a program that the kernel starts.
# So every rule here is a whole command line; what varies in it is matched sign by sign.


# By number: sudo reads no file in there with a dot in its name, and a user's name may have one.
sudo_rules_file() { say "/etc/sudoers.d/smolvm-tui-$(id -u -- "$RUNTIME_USER")"; }

# The table that the packet filter gets, to the word as `src/network/filter.rs` has it.
FILTER='table inet smolvm_tui {} ; delete table inet smolvm_tui ; table inet smolvm_tui { chain source { type filter hook prerouting priority raw ; policy accept ; iifname smt* fib saddr . iif oif 0 drop ; } ; chain forward { type filter hook forward priority filter ; policy accept ; iifname smt* oifname smt* drop ; iifname smt* meta nfproto ipv6 drop ; oifname smt* ct state established accept ; oifname smt* ct state related accept ; oifname smt* drop ; } ; chain postrouting { type nat hook postrouting priority srcnat ; policy accept ; meta nfproto ipv4 iifname smt* masquerade ; } ; }'

# Where the program looks for those of the administrator, in its order.
located() {
    local place
    for place in /usr/sbin /sbin /usr/bin /bin; do
        [[ ! -f $place/$1 ]] || { say "$place/$1" && return; }
    done
    fail "$1 is in none of the places that sudo rules are written for: /usr/sbin, /sbin, /usr/bin, /bin."
}

is_pool() {
    local byte='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
    [[ $1 =~ ^($byte\.){3}$byte/(8|9|1[0-9]|2[0-8])$ ]]
}

# Patterns that the addresses of $NETWORK_POOL match: the whole bytes of its prefix to the letter, the
# others as one to three digits.
pool_patterns() {
    local -a bytes
    IFS=. read -r -a bytes <<<"${NETWORK_POOL%/*}"
    extend_patterns "" "${bytes[@]:0:${NETWORK_POOL#*/}/8}"
}

extend_patterns() { # extend_patterns BEFORE BYTE…: BYTEs are what is fixed of the rest
    local before=$1 byte dots=${1//[!.]/}
    shift
    if [[ ${#dots} -eq 4 ]]; then
        say "${before%.}"
    elif [[ $# -gt 0 ]]; then
        extend_patterns "$before$1." "${@:2}"
    else
        for byte in '[0-9]' '[0-9][0-9]' '[0-9][0-9][0-9]'; do extend_patterns "$before$byte."; done
    fi
}

# The shapes of commands are those of `src/network/step.rs`.
sudo_rules() {
    local uid ip nft sysctl hex='[0-9a-f]' device address
    [[ $RUNTIME_USER =~ ^[A-Za-z_][A-Za-z0-9_.-]*$ ]] ||
        fail "The name of the user $RUNTIME_USER has signs that I put into no sudo rule."
    uid=$(id -u -- "$RUNTIME_USER")
    ip=$(located ip) nft=$(located nft) sysctl=$(located sysctl)
    device=smt$hex$hex$hex$hex$hex$hex$hex$hex
    permit() { say "$RUNTIME_USER ALL=(root) NOPASSWD: $*"; }
    say "# Written by smolvm-tui's system-setup.sh: what $RUNTIME_USER needs for VMs with TAP networks."
    permit "$ip tuntap add dev $device mode tap user $uid"
    while read -r address; do permit "$ip address add $address/30 dev $device"; done < <(pool_patterns)
    permit "$ip link set dev $device up"
    permit "$ip tuntap del dev $device mode tap"
    permit "$nft ${FILTER//\*/\\*}"
    permit "$nft delete table inet smolvm_tui"
    permit "$nft list table inet smolvm_tui"
    permit "$sysctl -w net.ipv4.ip_forward\\=1"
    say "# What the doctor asks: which tables there are, and which chains drop what is forwarded."
    permit "$nft list tables"
    permit "$nft list chains"
}

# The sudo of recent Ubuntus forbids patterns among arguments; it would take each `[` for itself.
is_sudo_rs() { [[ $(sudo --version 2>/dev/null) == sudo-rs* ]]; }

# as_runtime_user COMMAND…
as_runtime_user() {
    if [[ $(id -u) -ne 0 ]]; then
        "$@"
    elif has_command runuser; then
        runuser -u "$RUNTIME_USER" -- "$@"
    else
        su -s /bin/sh -c 'exec "$0" "$@"' -- "$RUNTIME_USER" "$@"
    fi
}

# Whether they are there, but not as we write them; nobody but root may look.
are_outdated() {
    local file
    file=$(sudo_rules_file)
    [[ $(id -u) -eq 0 && -e $file ]] && ! cmp -s <(sudo_rules) "$file"
}

# Whether the rules are there, of this version as far as we may read them, and sudo follows them.
sudo_rules_hold() {
    has_command sudo || return 1
    ! are_outdated || return 1
    as_runtime_user sudo -n nft list tables >/dev/null 2>&1 </dev/null &&
        as_runtime_user sudo -n -l ip link set dev smt00000000 up >/dev/null 2>&1 </dev/null
}
