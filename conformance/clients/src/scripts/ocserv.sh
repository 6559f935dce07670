cd /tmp; openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost 2>/dev/null
echo 'user:*:$5$Z7iQyYxk$YrA0yBDx2m3qZgLZ0h8mG9p5l7rHcY5f6ZyCq3X9y5A' > passwd
cat > conf <<'C'
auth = "plain[passwd=/tmp/passwd]"
tcp-port = 4443
listen-host = 127.0.0.1
run-as-user = nobody
run-as-group = nogroup
socket-file = /tmp/ocserv.sock
server-cert = /tmp/cert.pem
server-key = /tmp/key.pem
isolate-workers = true
device = vpns
ipv4-network = 192.168.99.0
ipv4-netmask = 255.255.255.0
pid-file = /tmp/pid
use-occtl = false
cert-user-oid = 0.9.2342.19200300.100.1.1
C
ocserv -f -c conf > log 2>&1 &
await test -s pid
await listens 4443
for path in / /none; do printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' $path | timeout 60 openssl s_client -quiet -connect 127.0.0.1:4443 2>/dev/null | tr -d '\r' | head -1; done
printf 'POST / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Open AnyConnect VPN Agent v9\r\nContent-Length: 133\r\nConnection: close\r\n\r\n<?xml version="1.0" encoding="UTF-8"?><config-auth client="vpn" type="init"><version who="vpn">v9</version></config-auth>            ' | timeout 60 openssl s_client -ign_eof -quiet -connect 127.0.0.1:4443 2>/dev/null | tr -d '\r' | grep -o 'HTTP/1.1 .*\|<auth .*message>'  || true

