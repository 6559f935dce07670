# Waits until a command succeeds: at once on an idle machine, within two minutes on a busy one.
await() {
    for _ in $(seq 1200); do if "$@" > /dev/null 2>&1; then return 0; fi; sleep 0.1; done
    echo "waited in vain for: $*"
    return 1
}
listens() { grep -qi "$(printf ':%04x .* 0A ' "$1")" /proc/net/tcp; }
