# shellcheck shell=bash
# The manual page and the completions, made by the program and put where a user's programs look.

# install_generated PROGRAM: leaves what is as it should be alone. Only shells that are here get theirs.
install_generated() {
    local program=$1 data=${XDG_DATA_HOME:-$HOME/.local/share} changed=
    generated man "$HOME/.local/share/man/man1/smolvm-tui.1" man
    # bash-completion and fish look there by themselves, zsh has to be told.
    ! has_command bash || generated bash "$data/bash-completion/completions/smolvm-tui" completions bash
    ! has_command fish || generated fish "${XDG_CONFIG_HOME:-$HOME/.config}/fish/completions/smolvm-tui.fish" completions fish
    ! has_command zsh || generated zsh "$data/zsh/site-functions/_smolvm-tui" completions zsh
    [[ -z $changed ]] || step "installed the manual page and completions:$changed"
    if [[ $changed == *" zsh"* ]]; then
        say "  zsh finds its one with this line in ~/.zshrc, before compinit: fpath+=($data/zsh/site-functions)"
    fi
}

# generated WHAT PATH ARGUMENT…
generated() {
    local what=$1 path=$2 text
    shift 2
    text=$("$program" "$@") || fail "The program could not write its $what." "This failed: $program $*"
    [[ ! -f $path || $(<"$path") != "$text" ]] || return 0
    mkdir -p "${path%/*}"
    printf '%s\n' "$text" >"$path"
    changed+=" $what"
}
