# PID 1 of a run: plays the script, ends what it left behind, and waits for the tracer to write everything down.
ip link set lo up
if [ "$LIBRARY" = ours ]; then
    # For the processes that a client starts without its own environment.
    { echo /stage/lib; cat /etc/ld.so.conf; } > /run/ld.so.conf
    ldconfig -X -f /run/ld.so.conf -C /run/ld.so.cache
    mount --bind /run/ld.so.cache /etc/ld.so.cache
fi
play="sh -eu /trace/script; echo \$? > /trace/status"
case $WATCH in
traced)
    strace -f -ff -qq -o /trace/t -e trace=execve,openat,seccomp,prctl -e signal=none \
        -X raw -e 'abbrev=!seccomp,prctl' -s 256 sh -c "$play" &
    ;;
*) sh -c "$play" & ;;
esac
player=$!
while [ ! -s /trace/status ] && kill -0 $player 2>/dev/null; do sleep 0.1; done
for process in /proc/[0-9]*; do
    process=${process#/proc/}
    [ "$process" = 1 ] || [ "$process" = $player ] || kill -9 "$process" 2>/dev/null
done
wait $player
exit "$(cat /trace/status)"
