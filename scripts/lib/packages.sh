# shellcheck shell=bash
# What this project needs from the system, and how to get it. Sourced by quickstart, test and
# the two system-setup scripts.
#
# A need is a word; `have` tells whether this host meets it and `package_for` what brings it here.
# Nothing that is there already is installed again, and each package is asked for by itself: one
# that cannot be had must not keep the others away.

say() { printf '%s\n' "$*"; }
step() { printf '• %s\n' "$*"; }
fail() {
    printf '✗ %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}

has_command() { command -v "$1" >/dev/null 2>&1; }

# The words that `have` and `package_for` know, in the order in which they are met.
# shellcheck disable=SC2034 # used by those who source this
NEEDS=(qemu qemu-img cc static-libc)

have() {
    case $1 in
        qemu) has_command "qemu-system-$(uname -m)" ;;
        qemu-img) has_command qemu-img ;;
        cc) has_command cc ;;
        mke2fs) PATH=$PATH:/usr/sbin:/sbin has_command mke2fs ;;
        # The compiler prints the name back unchanged when it has no such file.
        static-libc)
            local archive
            archive=$(cc -print-file-name=libc.a 2>/dev/null) && [[ $archive == /* ]]
            ;;
        ip | nft | sysctl | sudo | tar | mmdebstrap | fakeroot) has_command "$1" ;;
        groups) has_command usermod || has_command adduser ;;
        download) has_command curl || has_command wget ;;
        certificates)
            local bundle
            for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt \
                /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
                [[ -s $bundle ]] && return
            done
            return 1
            ;;
    esac
}

words_for() {
    case $1 in
        qemu) say "qemu-system-$(uname -m)" ;;
        qemu-img) say "qemu-img" ;;
        cc) say "a C linker (cc)" ;;
        mke2fs) say "mke2fs" ;;
        static-libc) say "the static C library (libc.a), which the guest's agent is linked with" ;;
        groups) say "a program that puts users into groups (usermod or adduser)" ;;
        download) say "a program that downloads (curl or wget)" ;;
        certificates) say "the certificates that https is checked with" ;;
        *) say "$1" ;;
    esac
}

package_manager() {
    local name
    for name in apt-get dnf pacman zypper apk brew; do
        if has_command "$name"; then
            say "$name"
            return
        fi
    done
}

# package_for MANAGER NEED: prints the package, or nothing when we do not know one.
package_for() {
    local machine
    machine=$(uname -m)
    case "$1 $2 $machine" in
        "apt-get qemu x86_64") say qemu-system-x86 ;;
        "apt-get qemu aarch64") say qemu-system-arm ;;
        "apt-get qemu-img "*) say qemu-utils ;;
        "apt-get cc "*) say gcc ;;
        "apt-get static-libc "*) say libc6-dev ;;
        "dnf qemu x86_64") say qemu-system-x86-core ;;
        "dnf qemu aarch64") say qemu-system-aarch64-core ;;
        "dnf static-libc "*) say glibc-static ;;
        "pacman qemu x86_64") say qemu-system-x86 ;;
        "pacman qemu aarch64") say qemu-system-aarch64 ;;
        "pacman static-libc "*) say glibc ;;
        "zypper qemu x86_64") say qemu-x86 ;;
        "zypper qemu aarch64") say qemu-arm ;;
        "zypper static-libc "*) say glibc-devel-static ;;
        "apk qemu "*) say "qemu-system-$machine" ;;
        "apk static-libc "*) say musl-dev ;;
        "brew qemu "* | "brew qemu-img "*) say qemu ;;
        *" mke2fs "*) say e2fsprogs ;;
        *" qemu-img "*) say qemu-img ;;
        *" cc "*) say gcc ;;
        "dnf ip "*) say iproute ;;
        *" ip "*) say iproute2 ;;
        *" nft "*) say nftables ;;
        "apt-get sysctl "* | "zypper sysctl "*) say procps ;;
        *" sysctl "*) say procps-ng ;;
        "apt-get groups "*) say passwd ;;
        "dnf groups "*) say shadow-utils ;;
        *" groups "*) say shadow ;;
        *" download "*) say curl ;;
        *" certificates "*) say ca-certificates ;;
        *" sudo "* | *" tar "* | *" mmdebstrap "* | *" fakeroot "*) say "$2" ;;
    esac
}

# install_command MANAGER PACKAGE: sets COMMAND to the words that install it, without sudo.
install_command() {
    case $1 in
        apt-get) COMMAND=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2") ;;
        dnf) COMMAND=(dnf install -y --setopt=install_weak_deps=False "$2") ;;
        pacman) COMMAND=(pacman -S --noconfirm --needed "$2") ;;
        zypper) COMMAND=(zypper --non-interactive install --no-recommends "$2") ;;
        apk) COMMAND=(apk add "$2") ;;
        brew) COMMAND=(brew install "$2") ;;
    esac
}

# Becomes the prefix that lets a command change the system, once the user has agreed to it.
AS_ROOT=()
ASSENTED=no

# assent COMMAND…: returns when the command may be run; ends the script with it named when not.
assent() {
    [[ $ASSENTED == yes ]] && return
    if [[ $(id -u) -eq 0 || $1 == brew ]]; then
        ASSENTED=yes
        return
    fi
    has_command sudo || fail "This needs root, and there is no sudo here." "As root, run: $*"
    if [[ ${YES:-no} == yes ]]; then
        # Without a terminal nobody could type a password: fail at once instead.
        if [[ -t 0 ]]; then AS_ROOT=(sudo); else AS_ROOT=(sudo -n); fi
    elif [[ -t 0 && -t 1 ]]; then
        local answer
        read -r -p "  May I run \`sudo $*\`? [Y/n] " answer
        [[ $answer =~ ^([Yy]([Ee][Ss])?)?$ ]] || fail "Nothing was installed." "Run it yourself: sudo $*"
        AS_ROOT=(sudo)
    else
        fail "This needs root, and without a terminal nobody is asked." \
            "Run: sudo $*" "or let this script do it: $0 --yes"
    fi
    ASSENTED=yes
}

# bash 3.2, as macOS has it, calls an empty array unset.
privileged() { ${AS_ROOT[@]+"${AS_ROOT[@]}"} "$@"; }

# run_quietly COMMAND…: shows the output only when the command fails, and then the end of it.
run_quietly() {
    local output
    if ! output=$("$@" 2>&1 </dev/null); then
        tail -n 15 <<<"$output" >&2
        return 1
    fi
}

# install_package MANAGER PACKAGE
install_package() {
    local manager=$1 package=$2
    install_command "$manager" "$package"
    assent "${COMMAND[@]}"
    step "installing $package"
    if [[ $manager == apt-get ]]; then
        # The lists are fetched only when they do not know the package or are too old to get it.
        if [[ $(apt-cache policy "$package" 2>/dev/null) == *"Candidate: "[0-9]* ]] &&
            privileged "${COMMAND[@]}" </dev/null >/dev/null 2>&1; then
            return
        fi
        run_quietly privileged apt-get update || true
    fi
    run_quietly privileged "${COMMAND[@]}"
}

# ensure NEED…: meets each need that is not met yet, or ends the script with the command that would.
ensure() {
    local manager need package
    manager=$(package_manager)
    for need in "$@"; do
        have "$need" && continue
        [[ -n $manager ]] || fail "$(words_for "$need") is missing, and no package manager that I know is here." \
            "Install it with the one of your system and run me again."
        package=$(package_for "$manager" "$need")
        [[ -n $package ]] || fail "$(words_for "$need") is missing, and I know no package of $manager that has it."
        install_package "$manager" "$package" ||
            fail "$(words_for "$need") is missing and could not be installed." "This failed: ${AS_ROOT[*]-} ${COMMAND[*]}"
        have "$need" || fail "$package is installed, and yet $(words_for "$need") is not found." \
            "Look at PATH: $PATH"
    done
}

# A Rust toolchain belongs to its user, so it is never installed behind their back.
ensure_rust() {
    has_command cargo || fail "There is no Rust toolchain (cargo) on PATH." \
        "Get one: https://rustup.rs, then open a new shell and run me again."
}
