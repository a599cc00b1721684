#!/usr/bin/env bash
# Makes a Linux host ready for Firecracker. Run again it changes nothing; what it made it can undo.
set -euo pipefail

usage() {
    cat <<USAGE
usage: scripts/system-setup.sh [--configure-runtime] [--check-only] [--yes]
           [--firecracker PATH | --mirror URL | --skip-firecracker]
           [--runtime-user U] [--network-pool NETWORK] [--remove-runtime-config]

Puts U into the group kvm and gives /dev/kvm to that group (udev rule), installs the packages that
are missing (iproute2, nftables, procps), and Firecracker $FIRECRACKER_VERSION as
$FIRECRACKER. Each change is printed before it is made.

  --configure-runtime      also write the sudo rules with which U gets TAP networks
  --check-only             change nothing; print what is missing and exit with its count
  --firecracker PATH       install this Firecracker
  --mirror URL             fetch Firecracker's release from here (https:// or file:///), as
                           URL/$FIRECRACKER_VERSION/firecracker-$FIRECRACKER_VERSION-ARCH.tgz
                           with its .sha256.txt beside it; default:
                           $FIRECRACKER_MIRROR
  --skip-firecracker       leave Firecracker alone
  --runtime-user U         who runs VMs; default: whoever calls this, through sudo or not
  --network-pool NETWORK   the configuration's \`network_pool\`, when it is not $NETWORK_POOL
  --remove-runtime-config  undo what this set-up made; packages, and what others made, stay
  --yes                    assent to sudo; without it you are asked on a terminal, and refused without one

FIRECRACKER_SHA256 in the environment pins the sha256 of the release's archive. Without it the sum
that the release publishes beside the archive is used.
USAGE
}

SELF=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/${BASH_SOURCE[0]##*/}
LIB=${SELF%/*}/lib
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
# shellcheck source=scripts/lib/packages.sh
. "$LIB/packages.sh"
# shellcheck source=scripts/lib/made.sh
. "$LIB/made.sh"
# shellcheck source=scripts/lib/firecracker.sh
. "$LIB/firecracker.sh"
# shellcheck source=scripts/lib/sudo-rules.sh
. "$LIB/sudo-rules.sh"

wrong_usage() {
    printf '%s\n' "$1" >&2
    usage >&2
    exit 2
}

MODE=set-up
RUNTIME=no
SOURCE=
MIRROR=
SKIP=no
RUNTIME_USER=
NETWORK_POOL=10.213.0.0/16
YES=no
ARGUMENTS=("$@")
while [[ $# -gt 0 ]]; do
    case $1 in
        --firecracker | --mirror | --runtime-user | --network-pool)
            [[ -n ${2:-} && ${2:-} != --* ]] || wrong_usage "$1 needs a value"
            ;;&
        --configure-runtime) RUNTIME=yes ;;
        --check-only) MODE=check ;;
        --remove-runtime-config) MODE=remove ;;
        --skip-firecracker) SKIP=yes ;;
        --yes | -y) YES=yes ;;
        --firecracker)
            SOURCE=$2
            shift
            ;;
        --mirror)
            MIRROR=$2
            shift
            ;;
        --runtime-user)
            RUNTIME_USER=$2
            shift
            ;;
        --network-pool)
            is_pool "$2" || wrong_usage "--network-pool needs a network of IPv4 from /8 to /28, such as 10.213.0.0/16"
            NETWORK_POOL=$2
            shift
            ;;
        --help | -h)
            usage
            exit 0
            ;;
        *) wrong_usage "unknown option: $1" ;;
    esac
    shift
done
case "${SOURCE:+firecracker}${MIRROR:+mirror}${SKIP/no/}" in
    firecracker | mirror | yes | "") ;;
    *) wrong_usage "only one of --firecracker, --mirror and --skip-firecracker can be meant" ;;
esac
[[ -z $SOURCE || -f $SOURCE ]] || fail "There is no file $SOURCE."
[[ -z $MIRROR ]] || check_mirror "$MIRROR"
[[ $(uname -s) == Linux ]] || fail "This is for Linux." "On macOS: scripts/system-setup-macos.sh"

# Who runs VMs: root itself only when nobody else is named.
[[ -n $RUNTIME_USER ]] || RUNTIME_USER=${SUDO_USER:-$(id -un)}
id -u -- "$RUNTIME_USER" >/dev/null 2>&1 || fail "There is no user $RUNTIME_USER."
is_root_user() { [[ $(id -u -- "$RUNTIME_USER") -eq 0 ]]; }

KVM_RULE=/etc/udev/rules.d/65-smolvm-tui-kvm.rules
kvm_rule() {
    cat <<'RULE'
# Written by smolvm-tui's system-setup.sh: VMs for the group kvm and whoever sits at the machine.
KERNEL=="kvm", GROUP="kvm", MODE="0660", TAG+="uaccess"
RULE
}

# ── what is missing ────────────────────────────────────────────────────────────────────────────

MISSING=0
present() { say "✅ $1"; }
missing() {
    say "❌ $1"
    MISSING=$((MISSING + 1))
}

check_packages() {
    local need program
    for need in ip nft sysctl; do
        if program=$(command -v "$need"); then
            present "$need: $program"
        else
            missing "$need: not found (package $(package_for "$(package_manager)" "$need"))"
        fi
    done
}

# opens PATH: whether the runtime user may open the device to read and write.
# shellcheck disable=SC2016 # for the shell that is started
opens() { as_runtime_user sh -c '[ -r "$0" ] && [ -w "$0" ]' "$1"; }

check_devices() {
    if [[ -c /dev/kvm ]]; then
        present "Device /dev/kvm"
    else
        missing "Device /dev/kvm: not there; switch on virtualization in the firmware, or nested virtualization for this machine"
    fi
    if [[ ! -c /dev/net/tun ]]; then
        missing "Device /dev/net/tun: not there; load its driver: sudo modprobe tun"
    elif opens /dev/net/tun; then
        present "Device /dev/net/tun"
    else
        missing "Device /dev/net/tun: $RUNTIME_USER may not open it"
    fi
}

check_access_to_kvm() {
    if is_root_user; then
        present "Group kvm: root needs none"
    elif is_member "$RUNTIME_USER" kvm; then
        present "Group kvm: $RUNTIME_USER is in it"
    else
        missing "Group kvm: $RUNTIME_USER is not in it"
    fi
    if cmp -s <(kvm_rule) "$KVM_RULE"; then
        present "udev rule for /dev/kvm: $KVM_RULE"
    else
        missing "udev rule for /dev/kvm: $KVM_RULE is not there as I write it"
    fi
}

check_firecracker() {
    local program version
    [[ $SKIP == no ]] || return 0
    if ! program=$(present_firecracker); then
        missing "Firecracker: not found"
    elif version=$(firecracker_version "$program") && [[ -n $version ]]; then
        present "Firecracker: $version, $program"
    else
        missing "Firecracker: $program does not run here"
    fi
}

check_sudo_rules() {
    if is_root_user; then
        present "Sudo rules: root needs none"
    elif are_outdated; then
        missing "Sudo rules: $(sudo_rules_file) is not as I write it; --configure-runtime writes it anew"
    elif sudo_rules_hold; then
        present "Sudo rules: $RUNTIME_USER may set up TAP networks"
    else
        missing "Sudo rules: $RUNTIME_USER may not set up TAP networks without a password; --configure-runtime writes them"
    fi
}

check() {
    check_devices
    check_access_to_kvm
    check_packages
    check_firecracker
    check_sudo_rules
}

# ── what is done ───────────────────────────────────────────────────────────────────────────────

become_root() {
    [[ $(id -u) -ne 0 ]] || return 0
    assent "$SELF" ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}
    exec "${AS_ROOT[@]}" env ${FIRECRACKER_SHA256:+FIRECRACKER_SHA256="$FIRECRACKER_SHA256"} \
        "$SELF" ${ARGUMENTS[@]+"${ARGUMENTS[@]}"}
}

set_up_packages() {
    local needs=(ip nft sysctl)
    is_root_user || needs+=(groups)
    [[ $RUNTIME == no ]] || is_root_user || needs+=(sudo)
    [[ $SKIP == yes || -n $SOURCE ]] || needs+=(tar)
    ensure "${needs[@]}"
}

# write_file PATH MODE: shows what standard input holds and installs it.
write_file() {
    cat >"$WORK/content"
    cmp -s "$WORK/content" "$1" && [[ $(stat -c %a "$1") == "${2#0}" ]] && return
    step "writing $1, mode $2:"
    sed 's/^/    /' "$WORK/content"
    install_file "$WORK/content" "$1" "$2"
}

set_up_kvm() {
    if ! has_group kvm; then
        step "making the group kvm"
        record group kvm
        add_group kvm || fail "could not make the group kvm."
    fi
    if ! is_root_user && ! is_member "$RUNTIME_USER" kvm; then
        step "adding $RUNTIME_USER to the group kvm, from the next login on"
        record member "$RUNTIME_USER" kvm
        join_group "$RUNTIME_USER" kvm || fail "could not add $RUNTIME_USER to the group kvm."
    fi
    kvm_rule | write_file "$KVM_RULE" 0644
    # What the rule, and udev by itself for the other, do at each boot.
    [[ ! -c /dev/kvm ]] || give_node /dev/kvm 660 root:kvm
    opens /dev/net/tun || [[ ! -c /dev/net/tun ]] || give_node /dev/net/tun 666 root:root
    if has_command udevadm && [[ -d /run/udev ]]; then
        if run_quietly udevadm control --reload; then run_quietly udevadm trigger --name-match=kvm || true; fi
    fi
}

set_up_sudo() {
    if is_root_user; then
        say "root needs no sudo rules; name who does: --runtime-user U"
        return
    fi
    ! is_sudo_rs || fail "This sudo is sudo-rs, which knows no patterns in a command's arguments; no sudo rules were written." \
        "Take the other one where it is installed too: update-alternatives --set sudo /usr/bin/sudo.ws" \
        "Then run me again. Without: --network none, or QEMU's user-mode network, which need no rules."
    local file
    file=$(sudo_rules_file)
    sudo_rules >"$WORK/rules"
    visudo -cqf "$WORK/rules" || fail "visudo refuses the sudo rules; they were not installed." \
        "Please report what it said, and: $(sudo --version | head -n 1)"
    write_file "$file" 0440 <"$WORK/rules"
    sudo_rules_hold || fail "The sudo rules are in $file, and yet sudo does not follow them." \
        "Does /etc/sudoers have the line: @includedir /etc/sudoers.d"
}

if [[ $MODE == check ]]; then
    check
    if [[ $MISSING -eq 0 ]]; then say "Nothing is missing."; else say "$MISSING missing. Set up with: sudo $SELF --configure-runtime"; fi
    exit "$MISSING"
fi

[[ $MODE == remove && ! -s $MADE ]] || become_root
if [[ $MODE == remove ]]; then
    undo_all
    exit 0
fi

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
umask 022
set_up_packages
set_up_kvm
[[ $SKIP == yes ]] || install_firecracker "$SOURCE" "${MIRROR:-$FIRECRACKER_MIRROR}"
[[ $RUNTIME == no ]] || set_up_sudo
say ""
check
[[ $RUNTIME == yes || $MISSING -eq 0 ]] || say "TAP networks for a plain user take --configure-runtime as well."
exit 0
