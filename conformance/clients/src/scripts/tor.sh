mkdir -p /tmp/tor; cd /tmp/tor
busybox httpd -p 127.0.0.1:8088 -h /usr/share
cat > torrc <<'C'
DataDirectory /tmp/tor/data
Sandbox 1
SocksPort 127.0.0.1:9050
ControlPort 127.0.0.1:9051
RunAsDaemon 1
PidFile /tmp/tor/pid
Log notice file /tmp/tor/log
C
tor -f torrc > start.log
await listens 9051
reloaded() { grep -q 'Received reload signal' log; }
ended() { ! kill -0 "$(cat pid)"; }
{ printf 'AUTHENTICATE\r\nGETINFO version\r\nGETINFO config-text\r\nSIGNAL RELOAD\r\n'; await reloaded; printf 'RESOLVE\r\nGETINFO status/bootstrap-phase\r\nSETCONF MaxCircuitDirtiness=77\r\nGETCONF MaxCircuitDirtiness\r\nSIGNAL SHUTDOWN\r\nQUIT\r\n'; await ended; } | busybox nc 127.0.0.1 9051 | tr -d '\r' | grep -v config-text
grep -c 'Received reload signal' log
await ended
grep -o 'Clean shutdown\|exiting cleanly' log
