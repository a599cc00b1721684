# shellcheck shell=bash
# Firecracker's program: from a file, or its pinned release from a mirror.
#
# What is verified: the sha256 of the downloaded archive. With a value in $FIRECRACKER_SHA256 the
# archive must have that one, so it is the very release that whoever set the value looked at.
# Without, it must have the one that the release publishes beside it (`….tgz.sha256.txt`): that
# tells a damaged download, but a mirror that lies about the archive can lie about its sum too, so
# a mirror without TLS is only accepted with a value. Signatures are not checked.

FIRECRACKER_VERSION=v1.14.1
# shellcheck disable=SC2034 # used by those who source this
FIRECRACKER_MIRROR=https://github.com/firecracker-microvm/firecracker/releases/download
FIRECRACKER_SHA256=${FIRECRACKER_SHA256:-}
FIRECRACKER=/usr/local/bin/firecracker

# What the program at `$1` says that it is: `v1.14.1`. Its first line only; some versions log after it.
firecracker_version() {
    { "$1" --version </dev/null 2>/dev/null || true; } | sed -n '1s/^Firecracker \(v[0-9][0-9A-Za-z.+-]*\).*/\1/p'
}

# The Firecracker that is here already, wherever on PATH.
present_firecracker() {
    if [[ -x $FIRECRACKER ]]; then say "$FIRECRACKER"; else command -v firecracker; fi
}

check_mirror() {
    case $1 in
        https://?* | file:///?*) ;;
        http://?*)
            [[ -n $FIRECRACKER_SHA256 ]] || fail "$1 can be tampered with on the way, and so can the sum beside it." \
                "Use https, or give the archive's sha256 in FIRECRACKER_SHA256."
            ;;
        *)
            echo "--mirror needs an https:// or file:/// address, not: $1" >&2
            exit 2
            ;;
    esac
}

fetch() { # fetch URL FILE
    case $1 in
        file://*) cp -- "${1#file://}" "$2" ;;
        *)
            ensure certificates download
            if has_command curl; then
                run_quietly curl -fsSL --retry 2 --connect-timeout 20 -o "$2" -- "$1"
            else
                run_quietly wget -q --tries 3 --timeout 20 -O "$2" -- "$1"
            fi
            ;;
    esac || fail "could not fetch $1." "Fetch it elsewhere and use --mirror file:///DIR, or --firecracker PATH."
}

# fetch_firecracker MIRROR DIR: leaves the verified program at DIR/firecracker.
fetch_firecracker() {
    local mirror=${1%/} dir=$2 version=$FIRECRACKER_VERSION arch url expected actual origin
    arch=$(uname -m)
    url=$mirror/$version/firecracker-$version-$arch.tgz
    step "fetching $url"
    fetch "$url" "$dir/archive.tgz"
    if [[ -n $FIRECRACKER_SHA256 ]]; then
        expected=$FIRECRACKER_SHA256 origin="FIRECRACKER_SHA256"
    else
        fetch "$url.sha256.txt" "$dir/sum"
        expected=$(grep -oE '^[0-9a-fA-F]{64}\b' "$dir/sum" | head -n 1) || true
        origin="$url.sha256.txt"
    fi
    [[ $expected =~ ^[0-9a-fA-F]{64}$ ]] || fail "$origin holds no sha256."
    actual=$(sum_of "$dir/archive.tgz")
    [[ $actual == "$(tr A-F a-f <<<"$expected")" ]] || fail "The archive is not the one that was asked for; nothing was installed." \
        "sha256 of $url:" "  $actual" "sha256 by $origin:" "  $expected"
    step "its sha256 is $actual, as $origin says"
    # One member by its whole name and to a name of ours: nothing else in the archive is looked at.
    tar -xzOf "$dir/archive.tgz" "release-$version-$arch/firecracker-$version-$arch" >"$dir/firecracker" 2>/dev/null ||
        fail "$url holds no release-$version-$arch/firecracker-$version-$arch."
    chmod 755 "$dir/firecracker"
    [[ $(firecracker_version "$dir/firecracker") == "$version" ]] ||
        fail "The program in $url does not run here as Firecracker $version."
}

# install_firecracker PATH MIRROR: does nothing when a Firecracker is here and no other was asked for.
install_firecracker() {
    local path=$1 mirror=$2 present version
    if [[ -n $path ]]; then
        version=$(firecracker_version "$path")
        [[ -n $version ]] || fail "$path does not run here as Firecracker." "Try it: $path --version"
        cmp -s "$path" "$FIRECRACKER" && return
        step "installing Firecracker $version from $path as $FIRECRACKER; only that it runs was verified"
        install_file "$path" "$FIRECRACKER" 755
        return
    fi
    if present=$(present_firecracker); then
        version=$(firecracker_version "$present")
        [[ $version == "$FIRECRACKER_VERSION" ]] && return
        if ! is_ours "$present"; then
            [[ -n $version ]] || fail "$present does not run here as Firecracker, and I did not install it." \
                "Try it: $present --version" "Remove it, or leave it alone with --skip-firecracker."
            step "keeping Firecracker $version at $present, which I did not install"
            return
        fi
    fi
    fetch_firecracker "$mirror" "$WORK"
    step "installing Firecracker $FIRECRACKER_VERSION as $FIRECRACKER"
    install_file "$WORK/firecracker" "$FIRECRACKER" 755
}
