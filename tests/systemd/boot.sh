#!/bin/bash
# Becomes systemd as process 1 of a small machine over a copy-on-write view of this one. Run by `machine.py` as root in
# fresh mount, PID, IPC, UTS, network and cgroup namespaces.
#
#   boot.sh FOLDER BOOT_ID [TREE ...]
#
# FOLDER holds `up`, `work` and `root`, and outlives the machine: booting again over it is a reboot. Each TREE on a
# file system of its own is shown as it is, read-only.
set -e
folder=$1 boot_id=$2
shift 2
root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/up,workdir=$folder/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs tmpfs "$root/dev/shm"
for tree in "$@"; do
    mkdir -p "$root$tree"
    mount --bind "$tree" "$root$tree"
    mount -o remount,bind,ro "$root$tree"
done
# The kernel was not restarted: what names this run of the machine has to be made.
echo "$boot_id" > "$root/run/boot-id"
mount --bind "$root/run/boot-id" "$root/proc/sys/kernel/random/boot_id"
ip link set lo up
hostname mosaic-test
mkdir -p "$root/old"
cd "$root"
# A chroot would do, but for user namespaces: the kernel refuses them there.
pivot_root . old
umount -l /old
exec env -i container=mosaic-test PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    /lib/systemd/systemd --system --unit=small.target --log-target=console --show-status=0
