# shellcheck shell=bash
# What the set-up made on this host, so that it can be told from what was there before and undone.
#
# One line each in $MADE, written before the thing itself is made, so that a set-up cut short is
# known too: `file SHA256 PATH`, `directory PATH`, `group NAME`, `member USER GROUP`,
# `node MODE OWNER:GROUP MODE OWNER:GROUP PATH` (what a device had before, and what we gave it).

MADE=/var/lib/smolvm-tui/system-setup

sum_of() { sha256sum <"$1" | cut -d' ' -f1; }

# record WORDS…: notes that this was made.
record() {
    is_recorded "$@" && return
    mkdir -p "${MADE%/*}"
    printf '%s\n' "$*" >>"$MADE"
}

is_recorded() { [[ -f $MADE ]] && grep -qxF -- "$*" "$MADE"; }

# Whether the file `$1` is one that we made and nobody changed since.
is_ours() { [[ -f $MADE && -f $1 ]] && is_recorded file "$(sum_of "$1")" "$1"; }

make_directory() {
    [[ -d $1 ]] && return
    make_directory "$(dirname "$1")"
    record directory "$1"
    mkdir "$1"
}

# install_file SOURCE PATH MODE: puts a copy of SOURCE at PATH. A file of another origin is never
# replaced: it may be somebody's work.
install_file() {
    local source=$1 path=$2 mode=$3
    if [[ -e $path || -L $path ]]; then
        cmp -s "$source" "$path" && [[ $(stat -c %a "$path") == "${mode#0}" ]] && return
        is_ours "$path" || cmp -s "$source" "$path" || fail "$path is there, and I did not make it." \
            "Look at it, and if it may go: rm $path" "Then run me again."
    fi
    make_directory "$(dirname "$path")"
    # sudo and udev do not read a name with such a beginning or a dot.
    local new="${path%/*}/.${path##*/}.new.$$"
    record file "$(sum_of "$source")" "$path"
    rm -f "$new"
    if ! (umask 077 && cat "$source" >"$new" && chmod "$mode" "$new" && mv -f "$new" "$path"); then
        rm -f "$new"
        fail "could not write $path."
    fi
    forget_but "$(sum_of "$path")" "$path"
}

# forget_but SUM PATH: drops what is noted of earlier contents of PATH.
forget_but() {
    local kept
    kept=$(grep -v "^file [0-9a-f]* $2\$" "$MADE" || true)
    printf '%s%s\n' "${kept:+$kept$'\n'}" "file $1 $2" >"$MADE.new"
    mv -f "$MADE.new" "$MADE"
}

# give_node PATH MODE OWNER:GROUP: a device gets them, until the next boot.
give_node() {
    local before
    before=$(stat -c '%a %U:%G' "$1")
    [[ $before != "$2 $3" ]] || return 0
    step "giving $1 mode $2 and owner $3, until the next boot"
    # shellcheck disable=SC2086 # two words
    record node $before "$2" "$3" "$1"
    chown "$3" "$1"
    chmod "$2" "$1"
}

# Takes back what was made, the last thing first.
undo_all() {
    local lines=() line index
    if [[ ! -s $MADE ]]; then
        say "Nothing to remove: this set-up made nothing here."
        return
    fi
    while read -r line; do lines+=("$line"); done <"$MADE"
    for ((index = ${#lines[@]} - 1; index >= 0; index--)); do
        # shellcheck disable=SC2086 # the words of a line are apart by blanks; a path comes last
        undo ${lines[index]}
    done
    rm -f "$MADE"
    rmdir "${MADE%/*}" 2>/dev/null || true
    if has_command udevadm && [[ -d /run/udev ]]; then run_quietly udevadm control --reload || true; fi
    say "Packages stay: remove them with the system's package manager if nothing else needs them."
}

undo() { # undo KIND WORDS…
    local kind=$1
    shift
    case $kind in
        file)
            [[ -e $2 ]] || return 0
            if [[ $(sum_of "$2") == "$1" ]]; then
                step "removing $2"
                rm -f "$2"
            else
                step "keeping $2: it was changed since I made it"
            fi
            ;;
        directory)
            [[ -d $1 ]] || return 0
            if [[ -z $(ls -A "$1") ]]; then
                step "removing the empty directory $1"
                rmdir "$1"
            fi
            ;;
        member)
            is_member "$1" "$2" || return 0
            step "taking $1 out of the group $2"
            leave_group "$1" "$2"
            ;;
        group)
            if [[ -n $(members_of "$1") ]]; then
                step "keeping the group $1: it has members that I did not add"
            elif has_group "$1"; then
                step "removing the group $1"
                remove_group "$1"
            fi
            ;;
        node)
            [[ -e $5 && $(stat -c '%a %U:%G' "$5") == "$3 $4" ]] || return 0
            step "giving $5 its mode and group back ($1, $2)"
            chown "$2" "$5"
            chmod "$1" "$5"
            ;;
    esac
}

has_group() { grep -q "^$1:" /etc/group; }
members_of() { sed -n "s/^$1:[^:]*:[^:]*://p" /etc/group; }
is_member() { id -nG "$1" 2>/dev/null | tr ' ' '\n' | grep -qx -- "$2"; }

# Debian and most others have the programs of shadow, Alpine those of busybox.
add_group() { if has_command groupadd; then groupadd --system "$1"; else addgroup -S "$1"; fi; }
remove_group() { if has_command groupdel; then groupdel "$1"; else delgroup "$1"; fi; }
join_group() { if has_command usermod; then usermod -aG "$2" "$1"; else addgroup "$1" "$2"; fi; }
leave_group() { if has_command gpasswd; then gpasswd -d "$1" "$2" >/dev/null; else delgroup "$1" "$2"; fi; }
