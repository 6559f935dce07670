cd /tmp; export NIX_STORE_DIR=/tmp/nix/store NIX_STATE_DIR=/tmp/nix/var NIX_LOG_DIR=/tmp/nix/log NIX_CONF_DIR=/tmp/nix/etc
mkdir -p nix/etc; printf 'build-users-group =\nsandbox = false\nfilter-syscalls = true\nsubstitute = false\n' > nix/etc/nix.conf
cat > x.nix <<'N'
derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; args = ["-c" "echo built > $out; /bin/grep Seccomp: /proc/self/status >> $out; /bin/touch /tmp/s; /bin/chmod u+s /tmp/s || echo refused >> $out"]; }
N
cat $(nix-build --no-out-link x.nix 2>/tmp/log) || cat /tmp/log
