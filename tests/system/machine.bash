# A Debian machine for tests: a tree made by debootstrap, kept between runs, and booted with its changes thrown away,
# either by systemd-nspawn or, where the kernel matters, with a kernel of its own in an emulator. Sourced by the tests
# of this folder.
#
#   machine_tree DEPENDS      makes or finds the tree; sets $tree. DEPENDS: what is installed in it, "a (>= 1) | b, c"
#   machine_boot [OPTION...]  boots it; OPTIONs go to systemd-nspawn
#   inside COMMAND...         runs a command in it, as root
#   machine_emulate FOLDER SECONDS  boots it in qemu with FOLDER at /mnt, and runs /mnt/guest there; prints what that
#                             prints on /dev/ttyS1, until it says "verdict CODE"; returns that code
#   check CLAIM COMMAND...    runs a command here; if it fails, shows the machine's journal and ends the test
#   eventually CLAIM SECONDS COMMAND...  the same, tried until it succeeds or the time is over
#   machine_off               shuts it down
# Prints "SKIP: why" and exits 77 where such a machine cannot be had.

machines=${XDG_CACHE_HOME:-/var/cache}/dpsup-tests/machines
machine=dpsup-$$
machine_pid=
leader=
work=$(mktemp -d "${TMPDIR:-/tmp}/dpsup-system.XXXXXX")
console=$work/console

skip() {
    echo "SKIP: $*"
    exit 77
}

# machine_needs [PROGRAM...]: those that boot it; without, those of machine_boot.
machine_needs() {
    local program
    [[ $EUID -eq 0 ]] || skip "not root"
    [[ $# -gt 0 ]] || set -- systemd-nspawn nsenter
    for program in debootstrap setpriv "$@"; do
        command -v "$program" >/dev/null || skip "$program is not installed"
    done
}

# The tree of this host's own distribution with what satisfies DEPENDS. Its name is a hash of all that went in.
machine_tree() {
    local suite mirror key id
    id=$(. /etc/os-release && echo "$ID")
    suite=${DPSUP_TEST_SUITE:-$(. /etc/os-release && echo "$VERSION_CODENAME")}
    case $id in
    debian) mirror=${DPSUP_TEST_MIRROR:-http://deb.debian.org/debian} ;;
    ubuntu) mirror=${DPSUP_TEST_MIRROR:-http://archive.ubuntu.com/ubuntu} ;;
    *) skip "this is neither Debian nor Ubuntu but $id" ;;
    esac
    key=$(printf '%s\n' "$suite" "$mirror" "$1" | sha256sum | cut -c1-16)
    tree=$machines/$suite-$key

    mkdir -p "$machines"
    exec {lock}>"$machines/lock"
    flock "$lock"
    if [[ ! -d $tree ]]; then
        echo "making $tree"
        rm -rf "$machines"/unfinished
        # Trees of older package lists are of no use to anyone.
        find "$machines" -maxdepth 1 -name "$suite-*" -mtime +7 -exec rm -rf --one-file-system {} +
        machine_base "$suite" "$mirror"
        cp -a --reflink=auto "$machines/$base" "$machines/unfinished"
        if ! in_tree "$machines/unfinished" apt-get -qq satisfy -y --no-install-recommends "$1" >"$work/install" 2>&1; then
            tail -20 "$work/install"
            rm -rf "$machines/unfinished"
            skip "the packages that the tree needs cannot be installed: $(grep -m1 '^E: ' "$work/install")"
        fi
        mv "$machines/unfinished" "$tree"
    fi
    exec {lock}>&-
}

# What all trees of a suite begin with; sets $base, its name. Only under the lock.
machine_base() {
    base=$1-base-$(printf '%s\n' "$@" | sha256sum | cut -c1-16)
    [[ ! -d $machines/$base ]] || return 0
    if ! debootstrap --variant=minbase --components=main,universe --include=systemd,systemd-sysv,dbus,ca-certificates \
        "$1" "$machines/unfinished" "$2" >"$work/debootstrap" 2>&1; then
        tail -5 "$work/debootstrap"
        rm -rf "$machines/unfinished"
        skip "debootstrap of $1 from $2 failed: $(grep -m1 '^E: ' "$work/debootstrap")"
    fi
    mv "$machines/unfinished" "$machines/$base"
}

# Runs a command in a tree that is not booted.
in_tree() {
    local folder=$1
    shift
    DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$folder" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        DEBIAN_FRONTEND=noninteractive LC_ALL=C HOME=/root "$@" </dev/null
}

# Every machine gets cgroups of its own, so that several can run beside each other and leave nothing behind.
machine_cgroups() {
    local mount
    for mount in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        [[ -e $mount/cgroup.procs ]] && echo "$mount/$machine"
    done
}

machine_boot() {
    local cgroup deadline
    for cgroup in $(machine_cgroups); do
        mkdir -p "$cgroup"
    done
    (
        for cgroup in $(machine_cgroups); do
            echo "$BASHPID" >"$cgroup/cgroup.procs"
        done
        # Dies with this script, however that ends. The guest gets cgroup v2, as a real Debian has.
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 exec setpriv --pdeathsig KILL systemd-nspawn --quiet --boot \
            --directory="$tree" --volatile=overlay --machine="$machine" --register=no --keep-unit --private-network --capability=all \
            --bind-ro="$work:/mnt" "$@" </dev/null >"$console" 2>&1
    ) &
    machine_pid=$!
    trap machine_off EXIT
    deadline=$((SECONDS + 60))
    while [[ -z $leader || ! -S /proc/$leader/root/run/systemd/private ]]; do
        if ! kill -0 "$machine_pid" 2>/dev/null || ((SECONDS > deadline)); then
            tail -5 "$console"
            skip "systemd-nspawn cannot boot a machine here: $(tail -1 "$console")"
        fi
        sleep 0.1
        leader=$(pgrep -P "$machine_pid" | head -1 || true)
    done
    inside systemctl is-system-running --wait >/dev/null || true
}

# The tree needs a kernel. All is emulated, even where there is /dev/kvm: what hosts CI runs on is not ours to know.
machine_emulate() {
    local folder=$1 deadline=$((SECONDS + $2)) lines line
    [[ -e $folder/machine.bash ]] || cp "${BASH_SOURCE[0]}" "$folder/"
    rm -f "$work/root.ext4" "$work/guest.ext4"
    mke2fs -q -t ext4 -O ^has_journal -d "$tree" "$work/root.ext4" 2G >/dev/null &&
        mke2fs -q -t ext4 -O ^has_journal -d "$folder" "$work/guest.ext4" 256M >/dev/null ||
        { echo "FAILED: the machine's disks cannot be made"; return 1; }
    exec {lines}< <(exec setpriv --pdeathsig KILL qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m 1024 -smp 2 \
        -no-reboot -display none -monitor none -nic none -serial "file:$console" -serial stdio \
        -kernel "$(echo "$tree"/boot/vmlinuz-*)" -initrd "$(echo "$tree"/boot/initrd.img-*)" \
        -drive "file=$work/root.ext4,format=raw,if=virtio,cache=unsafe" \
        -drive "file=$work/guest.ext4,format=raw,if=virtio,cache=unsafe" \
        -append 'root=/dev/vda rw console=ttyS0 quiet
            systemd.run="/bin/mount /dev/vdb /mnt" systemd.run="/bin/bash /mnt/guest"' </dev/null 2>"$work/qemu")
    machine_pid=$!
    trap machine_off EXIT
    while IFS= read -r -t $((deadline > SECONDS ? deadline - SECONDS : 1)) -u "$lines" line; do
        line=${line%$'\r'}
        [[ $line != "verdict "* ]] || return "${line#verdict }"
        echo "$line"
    done
    ((SECONDS < deadline)) && echo "the machine ended before its test did" || echo "no answer from the machine in $2 s"
    cat "$work/qemu"
    tail -30 "$console"
    return 1
}

inside() {
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup -- /usr/bin/env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive \
        "$@" </dev/null
}

fail() {
    echo "FAILED: $*"
    if [[ -n $leader ]]; then
        echo "--- the machine's journal"
        inside journalctl --no-pager --boot --lines=150 --output=short-precise || cat "$console"
    fi
    exit 1
}

check() {
    local claim=$1 start=$SECONDS
    shift
    if "$@" >"$work/output" 2>&1; then
        echo "ok: $claim ($((SECONDS - start)) s)"
    else
        echo "exit code $?: $*"
        cat "$work/output"
        fail "$claim"
    fi
}

eventually() {
    local claim=$1 start=$SECONDS deadline=$((SECONDS + $2))
    shift 2
    until "$@" >"$work/output" 2>&1; do
        if ((SECONDS > deadline)); then
            echo "still not: $*"
            cat "$work/output"
            fail "$claim"
        fi
        sleep 0.2
    done
    echo "ok: $claim ($((SECONDS - start)) s)"
}

machine_off() {
    local status=$? cgroup
    trap - EXIT
    if [[ -n $machine_pid ]] && kill -TERM "$machine_pid" 2>/dev/null; then
        for _ in $(seq 300); do
            kill -0 "$machine_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$machine_pid" 2>/dev/null && echo "the machine did not shut down in 30 s; killed"
        wait "$machine_pid" 2>/dev/null
    fi
    machine_pid='' leader=''
    for cgroup in $(machine_cgroups); do
        [[ ! -d $cgroup ]] || find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
    done
    rm -rf "$work"
    return "$status"
}
