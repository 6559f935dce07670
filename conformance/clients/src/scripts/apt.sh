mkdir -p /tmp/p/DEBIAN /tmp/www /tmp/a/lists/partial /tmp/a/cache/archives/partial /tmp/d
chmod 755 /tmp /tmp/a /tmp/a/lists /tmp/a/cache /tmp/a/cache/archives; chown _apt /tmp/a/lists/partial /tmp/a/cache/archives/partial /tmp/d
printf 'Package: greeting\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@localhost>\nDescription: greets\n' > /tmp/p/DEBIAN/control
mkdir -p /tmp/p/usr/share/greeting; echo hello > /tmp/p/usr/share/greeting/text
SOURCE_DATE_EPOCH=0 dpkg-deb --root-owner-group -b /tmp/p /tmp/www/greeting_1.0_all.deb
cd /tmp/www
{ cat /tmp/p/DEBIAN/control; echo "Filename: ./greeting_1.0_all.deb"; echo "Size: $(stat -c %s greeting_1.0_all.deb)"; echo "SHA256: $(sha256sum greeting_1.0_all.deb | cut -d' ' -f1)"; } > Packages
gzip -k -n Packages
busybox httpd -p 127.0.0.1:8088 -h /tmp/www
echo 'deb [trusted=yes] http://127.0.0.1:8088 ./' > /tmp/a/sources.list
cat > /tmp/a/conf <<'C'
Dir::Etc::sourcelist "/tmp/a/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "/tmp/a/lists";
Dir::Cache "/tmp/a/cache";
APT::Sandbox::Seccomp "true";
APT::Get::AllowUnauthenticated "true";
Acquire::Languages "none";
C
export APT_CONFIG=/tmp/a/conf
apt-get -q=2 update
apt-cache policy greeting | head -3
cd /tmp/d
apt-get -q=2 download greeting
sha256sum greeting_1.0_all.deb | cut -d' ' -f2
cmp greeting_1.0_all.deb /tmp/www/greeting_1.0_all.deb && echo same
echo 'deb [trusted=yes] copy:/tmp/www ./' > /tmp/a/sources.list
apt-get -q=2 update && apt-cache show greeting | head -1
