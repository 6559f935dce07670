cd /tmp; mkdir -p www; echo hi > www/x; busybox httpd -p 127.0.0.1:8088 -h www
timeout 4 sniffglue -v lo > sniffed 2>err & 
sleep 1.5; busybox wget -q -O - http://127.0.0.1:8088/x; sleep 1; 

grep -o "127.0.0.1:8088 .*Request.*/x" sniffed
