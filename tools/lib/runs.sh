# Runs of tools/hold: who holds a name, whether he was killed, and the end of all that a run has started. Sourced.
# shellcheck shell=bash
#
# A lock's file holds two lines while it is held: one for people, and "run ID parent PID", where ID is the holder's
# process and its start, and PID the make that called it, 0 if it was none.

# shellcheck disable=SC2034  # for tools/hold
LIB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
GRACE_SECONDS=15 # from SIGTERM to SIGKILL: Pulumi finishes what it is at, and gives its lock back

# Fields of /proc/PID/stat from the third on; the second, the name, may hold anything.
_stat() { # PID
    local line
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
    read -r -a STAT <<<"${line##*) }"
}

started() { ! _stat "$1" || echo "${STAT[19]}"; } # PID: clock ticks since the boot

calling_make() { # the make that called this process, 0 if it was not one
    local name=
    { read -r name <"/proc/$PPID/comm"; } 2>/dev/null || :
    case $name in
        make | gmake) echo "$PPID" ;;
        *) echo 0 ;;
    esac
}

record() { sed -n 's/^run \([0-9.]*\) parent \([0-9]*\)$/\1 \2/p' "$1"; } # LOCK-FILE: its RUN and MAKE, if any

was_killed() { # RUN MAKE: whether the run's holder is gone, or the make that called it
    local pid=${1%%.*}
    if ! _stat "$pid" || [ "${STAT[19]}" != "${1#*.}" ]; then
        return 0
    fi
    [ "$2" -ne 0 ] && [ "${STAT[1]}" != "$2" ]
}

members() { # RUN: the processes that it has started and their names
    local environ pid name
    while read -r environ; do
        pid=${environ#/proc/}
        pid=${pid%/environ}
        { read -r name <"/proc/$pid/comm"; } 2>/dev/null || continue
        echo "$pid $name"
    done < <(grep -lszE "^FLASHTIER_RUN=(.* )?${1/./\\.}( .*)?\$" /proc/[0-9]*/environ)
}

end_run() { # RUN WHY: end all of it; says so if there is anything
    local all pids until forced=no
    all=$(members "$1")
    [ -n "$all" ] || return 0
    echo "hold: $2; ending what it left running: $(sort -u -k 2 <<<"$all" | tr '\n' ';')" >&2
    mapfile -t pids < <(cut -d ' ' -f 1 <<<"$all")
    kill -TERM "${pids[@]}" 2>/dev/null || :
    until=$((SECONDS + GRACE_SECONDS))
    while all=$(members "$1") && [ -n "$all" ]; do
        if [ "$SECONDS" -ge $((until + GRACE_SECONDS)) ]; then
            echo "hold: error: it does not end: ${all//$'\n'/; }; find what holds it" >&2
            return 1
        fi
        if [ "$SECONDS" -ge "$until" ]; then
            [ "$forced" = yes ] || echo "hold: not ended in $GRACE_SECONDS s, killing it" >&2
            forced=yes
            mapfile -t pids < <(cut -d ' ' -f 1 <<<"$all")
            kill -KILL "${pids[@]}" 2>/dev/null || :
        fi
        sleep 0.2
    done
}
