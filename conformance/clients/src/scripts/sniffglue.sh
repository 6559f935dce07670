cd /tmp; mkdir -p www; echo hi > www/x; busybox httpd -p 127.0.0.1:8088 -h www
sniffglue -v lo > sniffed 2>err & sniffer=$!
# It says nothing when it has begun to look: a request that it has seen shows it.
seen() { busybox wget -q -O - http://127.0.0.1:8088/x; grep -q "127.0.0.1:8088 .*Request.*/x" sniffed; }
await seen
busybox wget -q -O - http://127.0.0.1:8088/x
grep -o "127.0.0.1:8088 .*Request.*/x" sniffed | head -n 1
kill $sniffer
