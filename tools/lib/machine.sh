# What the machine must be, and its Debian packages. Sourced by tools/setup.
# shellcheck shell=bash

BUILD_FREE_GIB=8 # the Go modules, their build and the image at their widest, measured: about 6

check_machine() {
    local id version
    [ "$(id -u)" -eq 0 ] || die "needs root, for LXD, loop devices and packages; run: sudo make ${MAKECMDGOALS:-setup}"
    # shellcheck source=/dev/null
    read -r id version < <(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-unknown}")
    case "$id $version" in
        "debian 12" | "debian 13") ;;
        *) die "this machine is $id $version; the kit is tried on debian 12 and debian 13, use one of them" ;;
    esac
    case $(uname -m) in
        x86_64 | aarch64) ;;
        *) die "this machine is $(uname -m); uv, Go and the image exist for x86_64 and aarch64, use one of them" ;;
    esac
}

check_disk() { # only where something is about to be built
    local free
    free=$(($(df --output=avail -k "$FLASHTIER_CACHE" | tail -n 1) / 1024 / 1024))
    [ "$free" -ge "$BUILD_FREE_GIB" ] ||
        die "$FLASHTIER_CACHE has $free GiB free and the build needs $BUILD_FREE_GIB; free some, or set FLASHTIER_CACHE to a directory on a larger disk"
}

check_kernel() {
    local module
    # Where they are modules nothing may have loaded them yet; where they are built in, modprobe has nothing to do.
    for module in loop fuse xfs; do
        modprobe -q "$module" || :
    done
    [ -c /dev/loop-control ] || die "/dev/loop-control is missing: the volumes need loop devices; load the kernel's module loop"
    [ -c /dev/fuse ] || die "/dev/fuse is missing: lxcfs and network-class volumes need it; load the kernel's module fuse"
    grep -qw xfs /proc/filesystems || die "the kernel has no xfs, the volumes' file system; load the kernel's module xfs"
    grep -qw -e cgroup -e cgroup2 /proc/self/mounts || die "no cgroup file system is mounted, LXD needs it; mount one on /sys/fs/cgroup"
}

# systemd and the DHCP service of each host take about 8 inotify instances, of a limit of 128 that all privileged
# hosts share with root: measured, the 16th host does not come up ("Too many open files").
INOTIFY_INSTANCES=1024
INOTIFY_LIMIT=/proc/sys/fs/inotify/max_user_instances
INOTIFY_FILE=/etc/sysctl.d/60-flashtier.conf

has_inotify() { [ "$(<"$INOTIFY_LIMIT")" -ge "$INOTIFY_INSTANCES" ]; }

raise_inotify() {
    install -d "$(dirname "$INOTIFY_FILE")"
    printf '# flashtier: LXD hosts share this limit with root, and each takes about 8\nfs.inotify.max_user_instances = %d\n' \
        "$INOTIFY_INSTANCES" >"$INOTIFY_FILE"
    echo "$INOTIFY_INSTANCES" >"$INOTIFY_LIMIT"
}

PACKAGE_LISTS=("$FLASHTIER_TREE/tools/packages.txt" "$FLASHTIER_TREE/tools/packages-local.txt")

# The lists of environments on AWS. Debian 12's AWS CLI cannot open a tunnel (infra/aws/cli.py): there it is
# installed by hand.
aws_package_lists() { # VERSION of Debian
    echo "$FLASHTIER_TREE/tools/packages.txt"
    [ "$1" -lt 13 ] || echo "$FLASHTIER_TREE/tools/packages-aws.txt"
}

wanted_packages() { sed -e 's/#.*//' -e '/^[[:space:]]*$/d' -e 's/[[:space:]]//g' "${PACKAGE_LISTS[@]}"; }

missing_packages() {
    local installed
    # dpkg-query exits 1 where it does not know one of them; it has then listed the others
    # shellcheck disable=SC2046
    installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' $(wanted_packages) 2>/dev/null | sed -n 's/^ii //p') || :
    comm -23 <(wanted_packages | sort) <(sort <<<"$installed")
}

install_packages() { # PACKAGE...
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    local apt=(timeout --foreground -k 30 1200 apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3
        -o Acquire::http::Timeout=30 -o Acquire::https::Timeout=30 -q -y)
    # An install that was killed half way leaves packages unconfigured, and apt then refuses to work.
    timeout --foreground -k 30 600 dpkg --configure -a
    # A third party's archive in sources.list may be down; what counts is whether the packages can be had.
    "${apt[@]}" update || echo "apt-get update failed; trying with the package lists at hand"
    if printf '%s\n' "$@" | grep -qx postgresql; then
        # The tests run a PostgreSQL of their own; the package would make and start another one on port 5432.
        "${apt[@]}" install --no-install-recommends postgresql-common
        sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
    "${apt[@]}" install --no-install-recommends "$@"
}
