cd /tmp
printf '@unrestricted\n' > all.src
cat > some.src <<'C'
read
write
openat
exit_group
socket AF_UNIX
socket AF_INET - 0
chown - u:root g:root
ioctl - !TIOCSTI
prctl PR_CAP_AMBIENT PR_CAP_AMBIENT_RAISE
setpriority PRIO_PROCESS 0 >=0
C
for p in all some; do /usr/lib/snapd/snap-seccomp compile $p.src $p.bpf && echo $p compiled; done
/stage/bin/callgate disasm some.bpf --format json > /trace/filters.1.json
head -c 13 all.bpf; echo
/usr/lib/snapd/snap-seccomp version-info | tr ' ' '\n' | tail -1
