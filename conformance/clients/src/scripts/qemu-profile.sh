# QEMU under the profile of ours: boots, disk and network I/O, alone and with QEMU's own sandbox; then what is refused.
confined() { /stage/bin/callgate run --profile qemu -- "$@"; }
machine="-accel tcg -m 160 -display none -nodefaults -no-reboot"

mkdir -p www; echo 'a page of the host' > www/index.html
busybox httpd -p 127.0.0.1:8088 -h www
confined qemu-img create -q -f qcow2 disk 8M
confined qemu-io -c 'write -P 65 0 512' disk | grep -o 'wrote .*'
deny=deny
for sandbox in off on,obsolete=$deny,elevateprivileges=$deny,spawn=$deny,resourcecontrol=$deny; do
    echo "-sandbox $sandbox"
    # shellcheck disable=SC2086
    confined qemu-system-x86_64 $machine -serial file:guest.out -sandbox $sandbox \
        -kernel "$kernel" -initrd initrd -append "$append" \
        -drive file=disk,if=virtio,format=qcow2 -nic user,model=virtio-net-pci
    guest
    expect 'page says: a page of the host'
done
confined qemu-img check -q disk && echo 'the image is sound'
confined qemu-io -r -c 'read -v 4096 32' disk | head -2 | cut -c 61-

echo 'a command, by migration'
# shellcheck disable=SC2086
/stage/bin/callgate run --profile qemu -- qemu-system-x86_64 $machine -S \
    -qmp unix:qmp,server=on,wait=off & qemu=$!
await test -S qmp
cp /proc/$qemu/maps /trace/maps.1
/stage/bin/callgate disasm --pid $qemu --format json > /trace/filters.1.json
/stage/bin/callgate prove qemu pid:$qemu | cut -d ' ' -f 1
printf '%s\n' '{"execute":"qmp_capabilities"}' \
    '{"execute":"migrate","arguments":{"uri":"exec:touch /tmp/spawned; cat > /dev/null"}}' |
    socat -t 3 - UNIX:qmp | grep -o 'desc": "[^"]*' || echo 'no error'
sleep 1
if [ -e spawned ]; then echo spawned; exit 1; else echo 'not spawned'; fi

echo 'what a guest has no use for'
attempt() {
    name=$1; shift
    result=$(perl /tmp/inject.pl $qemu "$@")
    echo "$name: $result"
    [ "$result" = -1 ]
}
[ "$(perl /tmp/inject.pl $qemu 39)" = "$qemu" ]
attempt fork 57
attempt setuid 105 65534
attempt process_vm_readv 310 1 0 0 0 0 0
attempt mount 165 0 0 0 0 0
attempt unshare 272 0
attempt io_uring_setup 425 1 0
attempt 'a packet socket' 41 17 3 0
attempt TIOCSTI 16 0 0x5412 0
kill -9 $qemu
