# Boots guests under QEMU's sandbox with the combinations that COMBINATIONS asks for, and tries what it must refuse.
# Starts QEMU with the words given; its guest's output goes to a file, QMP to a socket.
machine() {
    rm -f qmp guest.out
    qemu-system-x86_64 -accel tcg -m 160 -display none -nodefaults -no-reboot -serial file:guest.out \
        -kernel "$kernel" -initrd initrd -append "$append" \
        -qmp unix:qmp,server=on,wait=off "$@" 2> qemu.err &
    qemu=$!
    await test -S qmp
}

# Writes down what the running QEMU loaded, and its filters as the kernel gives them back.
looked=0
look() {
    looked=$((looked + 1))
    cp /proc/$qemu/maps /trace/maps.$looked
    /stage/bin/callgate disasm --pid $qemu --format json > /trace/filters.$looked.json
    grep -h Seccomp: /proc/$qemu/task/*/status | sort -u
}

# Waits for QEMU and says how it ended.
ended() {
    status=0; wait $qemu || status=$?
    echo "ended with $status"
}

say() { printf '{"execute":"qmp_capabilities"}\n%s\n' "$1" | socat -t 3 - UNIX:qmp > qmp.out 2>/dev/null || true; }

boot() {
    echo "-sandbox on,$1"
    machine -sandbox "on,$1"
    look
    ended
    guest
    expect 'computes 42'
}

values() { if [ "$COMBINATIONS" = all ]; then echo "$@"; else echo "$1"; fi; }
for obsolete in deny allow; do
    for elevate in $(values deny allow children); do
        for spawn in $(values deny allow); do
            for resource in $(values deny allow); do
                boot "obsolete=$obsolete,elevateprivileges=$elevate,spawn=$spawn,resourcecontrol=$resource"
            done
        done
    done
done

echo 'a disk, a network, and qemu-img and qemu-io on the image'
mkdir -p www; echo 'a page of the host' > www/index.html
busybox httpd -p 127.0.0.1:8088 -h www
qemu-img create -q -f qcow2 disk 8M
qemu-io -c 'write -P 65 0 512' disk | grep -o 'wrote .*'
machine -sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny \
    -drive file=disk,if=virtio,format=qcow2 -nic user,model=virtio-net-pci
ended
guest
expect 'page says: a page of the host'
qemu-img check -q disk && echo 'the image is sound'
qemu-io -r -c 'read -v 4096 32' disk | head -2 | cut -c 61-

for spawn in deny allow; do
    echo "migrate exec: with spawn=$spawn"
    machine -S -sandbox on,spawn=$spawn
    say '{"execute":"migrate","arguments":{"uri":"exec:touch /tmp/spawned; cat > /dev/null"}}'
    # What must not happen is waited for, too, but not as long.
    case $spawn in allow) await test -e spawned ;; *) sleep 5 ;; esac
    result='not spawned'; if [ -e spawned ]; then result=spawned; rm -f spawned; fi
    echo "$result"
    case $spawn:$result in deny:not\ spawned | allow:spawned) ;; *) exit 1 ;; esac
    kill -9 $qemu 2>/dev/null || true
    ended
done

for elevate in deny allow; do
    echo "setuid with elevateprivileges=$elevate"
    machine -S -sandbox on,elevateprivileges=$elevate -runas nobody
    settled() { [ ! -e /proc/$qemu ] || grep -qs -e 'Uid:.*65534' -e 'State:.Z' /proc/$qemu/status; }
    await settled
    # 65534 is nobody.
    result='not nobody'; if grep -qs 'Uid:.*65534' /proc/$qemu/status; then result=nobody; fi
    echo "$result"
    case $elevate:$result in deny:not\ nobody | allow:nobody) ;; *) exit 1 ;; esac
    kill -9 $qemu 2>/dev/null || true
    ended
done

for obsolete in deny allow; do
    echo "an obsolete call with obsolete=$obsolete"
    machine -S -sandbox on,obsolete=$obsolete
    # sysfs(3), which says how many file systems there are.
    result=$(perl /tmp/inject.pl $qemu 139 3)
    case $obsolete:$result in
    deny:'signal 31') echo "$result" ;;
    allow:[1-9]*) echo allowed ;;
    *) echo "unexpected: $result"; exit 1 ;;
    esac
    kill -9 $qemu 2>/dev/null || true
    ended
done
