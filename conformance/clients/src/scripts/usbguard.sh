mkdir -p /tmp/u/ipc; chmod 700 /tmp/u/ipc; umask 077
printf 'allow id 1d6b:0002\nblock id dead:beef\n' > /tmp/u/rules.conf
printf 'RuleFile=/tmp/u/rules.conf\nDeviceManagerBackend=dummy\nIPCAccessControlFiles=/tmp/u/ipc/\nAuditBackend=FileAudit\nAuditFilePath=/tmp/u/audit\n' > /tmp/u/conf
# Its own list lacks calls that this system's libc makes: it ends by SIGSYS with either library.
status=0; usbguard-daemon -k -W -c /tmp/u/conf || status=$?
echo "ended with $status"
