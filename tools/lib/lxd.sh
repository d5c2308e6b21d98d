# lxcfs and the LXD daemon, in this order. Sourced by tools/setup.
# shellcheck shell=bash
#
# A daemon that runs is left as it is. One that does not is started: by systemd where it is the machine's init,
# otherwise as a process of its own. Both also after a run that was killed without warning, with its mounts, its
# sockets and its pid files left over.

LXCFS=/var/lib/lxcfs
LXD_LOG=/var/log/lxd/lxd.log

# It outlives the run that starts it, so it must not count as a part of that.
daemon() { env --unset=FLASHTIER_RUN --unset=FLASHTIER_HELD setsid "$@"; }

has_systemd() { [ -d /run/systemd/system ]; }

lxcfs_answers() { timeout -k 2 5 head -c 1 "$LXCFS/proc/meminfo" >/dev/null 2>&1; }

lxd_answers() { timeout -k 2 20 lxc query local:/1.0 >/dev/null 2>&1; }

# wait_for SECONDS PID COMMAND...: until the command succeeds; false once the time is up or PID (if not 0) is gone
wait_for() {
    local until=$((SECONDS + $1)) pid=$2
    shift 2
    until "$@"; do
        if [ "$SECONDS" -ge "$until" ] || { [ "$pid" -ne 0 ] && ! kill -0 "$pid" 2>/dev/null; }; then
            return 1
        fi
        sleep 0.2
    done
}

start_lxcfs() {
    # The mount of a dead lxcfs stays, and every access to it fails ("Transport endpoint is not connected").
    while grep -q " $LXCFS fuse.lxcfs " /proc/self/mounts; do
        umount -l "$LXCFS"
    done
    install -d "$LXCFS"
    if has_systemd; then
        # systemd may believe that it still runs. In a container its unit is skipped; then it is started below.
        timeout -k 5 60 systemctl restart lxcfs.service || :
        wait_for 5 0 lxcfs_answers || :
    fi
    if ! lxcfs_answers; then
        daemon lxcfs "$LXCFS" >>/var/log/lxcfs.log 2>&1 </dev/null &
        wait_for 20 $! lxcfs_answers || {
            tail -n 5 /var/log/lxcfs.log
            echo "lxcfs did not come up at $LXCFS"
            return 1
        }
    fi
}

# Hosts hold files of the lxcfs they were started with. Those that outlived theirs get the new one by a restart; until
# then, not even `free` works in them. Looked at in each run: an earlier one may have been killed before the restart.
hosts_of_dead_lxcfs() { # PROJECT,NAME of the kit's, a line each
    local host project name pid running
    mapfile -t running < <(timeout -k 2 60 lxc list local: --all-projects --format csv --columns enp status=running)
    for host in "${running[@]}"; do
        IFS=, read -r project name pid <<<"$host"
        if [[ $project == flashtier-* ]] && ! timeout -k 2 5 head -c 1 "/proc/$pid/root/proc/meminfo" >/dev/null 2>&1 &&
            [ -d "/proc/$pid" ]; then # one that has just ended has no files at all
            echo "$project,$name"
        fi
    done
}

restart_hosts() { # PROJECT,NAME ...
    local host project name
    for host in "$@"; do
        IFS=, read -r project name <<<"$host"
        echo "restarting $name of $project: it runs on an lxcfs that has died"
        timeout -k 5 90 lxc restart --timeout 60 --project "$project" "local:$name" ||
            timeout -k 5 90 lxc restart --force --project "$project" "local:$name"
    done
}

start_lxd() {
    if has_systemd; then
        timeout -k 5 300 systemctl start lxd.service
    else
        install -d -m 0750 "$(dirname "$LXD_LOG")"
        ulimit -n "$(ulimit -H -n)"
        local lxd=(lxd --logfile "$LXD_LOG")
        ! getent group lxd >/dev/null || lxd+=(--group lxd)
        daemon "${lxd[@]}" >>"$LXD_LOG.start" 2>&1 </dev/null &
        wait_for 20 $! lxd_listens || {
            tail -n 5 "$LXD_LOG.start"
            echo "the LXD daemon ended at once"
            return 1
        }
    fi
    timeout -k 5 150 lxd waitready --timeout=120
    lxd_answers
}

lxd_listens() { timeout -k 2 5 lxd waitready --timeout=1 >/dev/null 2>&1 || lxd_answers; }
