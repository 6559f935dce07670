mkdir -p /tmp/b/bin /tmp/b/usr /tmp/b/etc; cp /bin/busybox /tmp/b/bin/; echo ID=box > /tmp/b/etc/os-release
for a in sh echo cat grep uname mount unshare mkdir; do ln -sf busybox /tmp/b/bin/$a; done
systemd-nspawn -q -D /tmp/b --register=no --keep-unit --console=pipe --private-network --system-call-filter='~chmod @keyring' sh -c 'echo container $((6*7)); grep Seccomp: /proc/self/status; busybox chmod 700 /bin/sh || echo refused; unshare -U true || echo refused'
