export HOME=/tmp
status=0; timeout 10 oidc-agent --seccomp --console > /tmp/started 2>/tmp/err || status=$?
echo "ended with $status"; cat /tmp/started
