# Two hosts made of this machine, a and b, for tests that have sourced cli/common.sh: each is a namespace with a name,
# interfaces and addresses of its own, and there is a cable between the two; an ssh of the test's own leads into the
# other one. What they share is the file system, as hosts of a cluster do. The test runs on a, in its scratch folder;
# on_hosts RANKS COMMAND... starts a launch on both. Where it can't be, the test is skipped.
skip() {
  echo "skipped: $*"
  exit 77
}
command -v ip >/dev/null || skip "no ip (Debian iproute2)"
if [ -z "${dstn_in_host_a:-}" ]; then
  unshare --net --uts true 2>/dev/null || skip "namespaces of hosts are not permitted (unshare --net --uts takes root)"
  rm -rf "$scratch"
  dstn_in_host_a=1 exec unshare --net --uts bash "$0" "$@"
fi
cd "$scratch" || exit 1
unset "${!OMPI_MCA_@}" "${!SLURM_@}"
export HOME=$scratch

# The other host stands as long as its standard input does, which ends with this script.
coproc host_b { exec unshare --net --uts sh -c 'hostname b && echo ready && exec cat'; }
read -r _ <&"${host_b[0]}"
b=$host_b_PID
hostname a
ip link add eth0 type veth peer name eth0 netns "$b" 2>err || skip "no cable between namespaces: $(cat err)"
on_b() { nsenter -t "$b" -n -u "$@"; }

# Addresses of both families, as hosts have them; but no way leads from one IPv6 address to the other.
for host in 1 2; do
  [ $host = 1 ] && here=() || here=(on_b)
  "${here[@]}" ip link set lo up
  "${here[@]}" ip addr add 10.77.0.$host/24 dev eth0
  "${here[@]}" ip addr add fd77::$host/128 dev eth0 nodad 2>err || echo "without IPv6: $(cat err)"
  "${here[@]}" ip link set eth0 up
done

mkdir bin
cat >bin/ssh <<S
#!/bin/sh
# ssh [OPTION]... HOST COMMAND
while [ "\${1#-}" != "\$1" ]; do shift; done
[ "\$1" = b ] || { echo "no host \$1" >&2 && exit 255; }
shift
exec nsenter -t $b -n -u sh -c "\$*"
S
chmod +x bin/ssh
export PATH=$scratch/bin:$PATH
on_hosts() { # RANKS COMMAND...
  local ranks=$1
  shift
  mpirun --host "a:$(((ranks + 1) / 2)),b:$(((ranks + 1) / 2))" --map-by node --bind-to none -n "$ranks" "$@"
}
