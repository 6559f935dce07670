ip link add v0 type veth peer name v1
unshare --net sleep 120 & other=$!
apart() { [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
await apart
ip link set v1 netns $other
ip addr add 10.9.0.1/24 dev v0; ip link set v0 up
nsenter -t $other -n ip addr add 10.9.0.2/24 dev v1
nsenter -t $other -n ip link set v1 up
up() { ip -o link show v0 | grep -q 'state UP'; }
await up
arping -z -c 2 -W 0.2 -i v0 10.9.0.2 | grep -o 'packets transmitted.*received' 
arping -Z -c 1 -i v0 10.9.0.2 | grep -o 'packets transmitted.*received' 
kill $other
