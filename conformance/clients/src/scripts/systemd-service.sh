# The machine's first process is not systemd; its manager for users runs services all the same.
export XDG_RUNTIME_DIR=/run/user/0 HOME=/tmp/h
mkdir -p /run/systemd/system $XDG_RUNTIME_DIR $HOME; chmod 700 $XDG_RUNTIME_DIR
/lib/systemd/systemd --user > /tmp/log 2>&1 &
await systemctl --user is-active -q basic.target
service() {
    name=$1; shift
    echo "$name"
    systemd-run --user --wait --collect --quiet --unit "$name" -p "StandardOutput=file:/tmp/$name" "$@" || echo "ended with $?"
    [ ! -e "/tmp/$name" ] || cat "/tmp/$name"
}
work='grep Seccomp: /proc/self/status; echo "a service computes $((6 * 7))"; chmod 700 /tmp || echo refused; unshare -U true || echo refused'
service denied -p SystemCallErrorNumber=EPERM -p 'SystemCallFilter=~chmod fchmodat' sh -c "$work"
service allowed -p SystemCallErrorNumber=EPERM -p SystemCallFilter=@system-service -p SystemCallFilter=~@privileged -p SystemCallArchitectures=native sh -c "$work"
service restricted -p RestrictNamespaces=yes -p RestrictAddressFamilies=AF_UNIX -p MemoryDenyWriteExecute=yes \
    -p RestrictRealtime=yes -p RestrictSUIDSGID=yes -p LockPersonality=yes sh -c "$work"
service killed -p 'SystemCallFilter=~chmod fchmodat' chmod 700 /tmp
systemctl --user exit
wait
# The manager's own groups stay behind in the machine's hierarchy.
rmdir /sys/fs/cgroup/app.slice /sys/fs/cgroup/init.scope 2>/dev/null || true
