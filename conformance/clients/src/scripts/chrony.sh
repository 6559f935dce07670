mkdir -p /tmp/c; chown _chrony /tmp/c
printf 'local stratum 8\nallow 127.0.0.1\nport 11123\nbindaddress 127.0.0.1\ncmdport 11323\nbindcmdaddress 127.0.0.1\nbindcmdaddress /tmp/c/sock\npidfile /tmp/c/pid\ndriftfile /tmp/c/drift\n' > /tmp/c/conf
answers() { chronyc -h 127.0.0.1 -p 11323 -c tracking | cut -d, -f3 | grep -qx 8; }
for level in 1 2; do
  chronyd -F $level -x -f /tmp/c/conf
  await answers
  chronyc -h 127.0.0.1 -p 11323 -c tracking | cut -d, -f1-3
  chronyd -F $level -t 15 -Q 'server 127.0.0.1 port 11123 iburst' 'cmdport 0' 'pidfile /tmp/c/pid2' 2>&1 | grep -o 'System clock wrong by' | head -1
  kill $(cat /tmp/c/pid); await test ! -e /tmp/c/pid
done
