mkdir -p /tmp/www; echo 'a page through slirp' > /tmp/www/index.html
busybox httpd -p 127.0.0.1:8088 -h /tmp/www
unshare --net sleep 120 & guest=$!
apart() { [ "$(readlink /proc/$guest/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
await apart
slirp4netns --configure --enable-sandbox --enable-seccomp --ready-fd=3 $guest tap0 3>/tmp/ready 2>/tmp/log >/tmp/log & slirp=$!
await test -s /tmp/ready

nsenter -t $guest -n ip -br addr show tap0 | awk '{print $1,$3}'
nsenter -t $guest -n busybox wget -q -O - http://10.0.2.2:8088/
grep Seccomp: /proc/$slirp/status
kill $slirp $guest
