#!/usr/bin/env bash
# Makes a Mac ready for VMs. Run again it changes nothing.
set -euo pipefail

usage() {
    cat <<USAGE
usage: scripts/system-setup-macos.sh [--check-only] [--configure-runtime] [--remove-runtime-config]

Installs QEMU with Homebrew when it is missing. QEMU is the backend on macOS: Firecracker needs
Linux. Its network needs no rights, so that there is nothing else to set up or to undo.

  --check-only             change nothing; print what is missing and exit with its count
  --configure-runtime      as on Linux; here it adds nothing
  --remove-runtime-config  as on Linux; here there is nothing to remove
USAGE
}

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/lib
# shellcheck source=scripts/lib/packages.sh
. "$LIB/packages.sh"

MODE=set-up
while [[ $# -gt 0 ]]; do
    case $1 in
        --check-only) MODE=check ;;
        --configure-runtime) ;;
        --remove-runtime-config) MODE=remove ;;
        --help | -h)
            usage
            exit 0
            ;;
        *)
            echo "unknown option: $1" >&2
            usage >&2
            exit 2
            ;;
    esac
    shift
done
[[ $(uname -s) == Darwin ]] || fail "This is for macOS." "On Linux: scripts/system-setup.sh"

# check: prints each need with its state; exits with the count of what is missing.
check() {
    local need missing=0
    for need in qemu qemu-img; do
        if have "$need"; then
            say "✅ $(words_for "$need")"
        else
            say "❌ $(words_for "$need"): brew install qemu"
            missing=$((missing + 1))
        fi
    done
    if [[ $missing -eq 0 ]]; then say "Nothing is missing."; else say "$missing missing."; fi
    return "$missing"
}

case $MODE in
    check) check ;;
    remove) say "Nothing to remove: on macOS the set-up makes nothing but packages. To remove QEMU: brew uninstall qemu" ;;
    set-up)
        if ! has_command brew && ! { have qemu && have qemu-img; }; then
            fail "There is no Homebrew here, which QEMU comes from." "Get it: https://brew.sh, then run me again."
        fi
        ensure qemu qemu-img
        check
        ;;
esac
