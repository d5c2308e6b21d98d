# Output and steps of tools/setup. Sourced.
# shellcheck shell=bash

HEARTBEAT_SECONDS=15

say() { printf 'setup: %s\n' "$*"; }

# One line that says what is wrong and what to do, then the end.
die() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}

# reachable WHAT ADDRESS VARIABLE...: what to ask when nothing can be fetched: the address in use, and the variables
# that lead elsewhere. Their values are not shown, a proxy's may hold a password.
reachable() {
    local what=$1 address=$2 name set=()
    shift 2
    for name in "$@"; do
        if [ -n "${!name:-}" ]; then set+=("$name is set"); else set+=("$name is not set"); fi
    done
    echo "is $what ($address) reachable from here ($(printf '%s, ' "${set[@]}" | sed 's/, $//'))?"
}

open_log() { # DIRECTORY: the log of this run; the log of the run before is kept next to it
    LOG=$1/setup.log
    install -d -m 0700 "$1"
    [ ! -e "$LOG" ] || mv -f "$LOG" "$LOG.1"
    : >"$LOG"
}

heartbeat() { # SINCE: a sign of life, until it is killed
    local nothing
    exec {nothing}<> <(:)
    # read's own deadline: a `sleep` would outlive the kill, and keep a pipe behind setup open
    while ! read -r -t "$HEARTBEAT_SECONDS" -u "$nothing"; do
        printf '       %d s\n' "$((SECONDS - $1))"
    done
}

# step NAME HINT COMMAND...: run it with its output in the log and its time on the screen. A failure ends setup,
# with the end of the output, HINT, and the place of the whole log.
step() {
    local name=$1 hint=$2 since=$SECONDS from status pulse
    shift 2
    from=$(($(wc -l <"$LOG") + 1))
    say "$name ..."
    heartbeat "$since" &
    pulse=$!
    set +e
    (
        set -e
        "$@"
    ) >>"$LOG" 2>&1 </dev/null
    status=$?
    set -e
    kill "$pulse" 2>/dev/null
    wait "$pulse" 2>/dev/null || :
    if [ "$status" -ne 0 ]; then
        tail -n "+$from" "$LOG" | tail -n 20 | sed 's/^/    | /' >&2
        die "$name failed (exit code $status after $((SECONDS - since)) s): $hint; whole output: $LOG"
    fi
    say "$name: done in $((SECONDS - since)) s"
}
