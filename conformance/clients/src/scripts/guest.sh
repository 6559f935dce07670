# Makes the guest: $kernel, and the file initrd with a shell, virtio modules, and an init that says what it can do.
cd /tmp
kernel=$(ls /var/lib/guest/boot/vmlinuz* 2>/dev/null || true)
if [ -z "$kernel" ]; then echo 'there is no guest kernel'; exit 1; fi
mkdir -p guest/bin guest/proc guest/dev guest/modules
cp /bin/busybox guest/bin/
modules="virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk failover net_failover virtio_net"
for module in $modules; do
    find /var/lib/guest/lib -name "$module.ko" -exec cp {} guest/modules/ \;
done
cat > guest/init <<G
#!/bin/busybox sh
for name in mount echo sh insmod dd ip wget uname poweroff cat; do /bin/busybox ln -s busybox /bin/\$name; done
export PATH=/bin
mount -t proc proc /proc; mount -t devtmpfs dev /dev
for name in $modules; do [ -e /modules/\$name.ko ] && insmod /modules/\$name.ko; done
echo "guest: \$(uname -s) \$(uname -m), init is \$\$"
sh -c 'echo "guest: a shell computes \$((6 * 7))"'
if [ -e /dev/vda ]; then
    echo 'written by the guest' | dd of=/dev/vda bs=512 seek=8 conv=sync,fsync 2>/dev/null
    echo "guest: disk says: \$(dd if=/dev/vda bs=512 count=1 2>/dev/null | cat)"
fi
if ip link set eth0 up 2>/dev/null; then
    ip addr add 10.0.2.15/24 dev eth0
    echo "guest: page says: \$(wget -q -O - http://10.0.2.2:8088/)"
fi
poweroff -f
G
chmod +x guest/init
(cd guest && find . | cpio -o -H newc --quiet) > initrd

# The kernel's test of its timer, which a busy host may spoil, is left out.
append='console=ttyS0 quiet panic=-1 no_timer_check'

# What the guest said; ends the script, and shows all of its console, where a line is not there.
guest() { tr -d '\r' < guest.out | grep -o 'guest: .*' | cut -c 1-60; }
expect() { guest | grep -q "$1" || { echo "the guest did not say: $1" >&2; cat guest.out >&2; exit 1; }; }
