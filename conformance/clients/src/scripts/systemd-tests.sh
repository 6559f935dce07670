/usr/lib/systemd/tests/test-seccomp 2>&1 | grep -o '/\* test_.* \*/'
systemd-analyze syscall-filter @reboot | head -8
