# shellcheck shell=sh
# Sourced by the scripts of this folder: what they share. They all run from the root of the checkout.
cd "$(dirname "$0")/.." || exit
mkdir -p .cache

say() { printf '==> %s\n' "$*"; }

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# as_root COMMAND...: run it as root, through sudo when need be.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root: $* (run make as root, or install sudo)"
    fi
}

# install_packages NAME...: from the distribution, with fresh package lists only where they are needed.
install_packages() {
    command -v apt-get >/dev/null || fail "please install: $* (this machine has no apt-get)"
    say "Installing $* with apt-get"
    apt_install="env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2"
    # shellcheck disable=SC2086 # a list of words
    {
        as_root $apt_install "$@" >.cache/apt.log 2>&1 && return
        as_root apt-get update --quiet=2 >.cache/apt.log 2>&1 &&
            as_root $apt_install "$@" >>.cache/apt.log 2>&1 && return
    }
    tail -n 20 .cache/apt.log >&2
    fail "apt-get could not install: $*"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; fails when the time is over.
wait_for() {
    seconds=$1
    say "Waiting for $2 (at most $1 s)"
    shift 2
    until "$@" >/dev/null 2>&1; do
        seconds=$((seconds - 1))
        [ "$seconds" -gt 0 ] || return 1
        sleep 1
    done
}
