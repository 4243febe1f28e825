#!/usr/bin/env bash
# A real Slurm on this machine, to try job scripts on; as root, in a container too, on Debian 12 and 13.
#   eval "$(tests/slurm/cluster.sh up FOLDER [NODES [CPUS]])"   says `export SLURM_CONF=…`; default: 2 nodes of 2 CPUs
#   tests/slurm/cluster.sh down FOLDER                          ends its jobs and its daemons, and removes FOLDER
# Exit code 77: something is missing for it, and named; 1: it doesn't start.
# All of it lies in FOLDER; nothing in /etc or /var is touched. CPUS are what Slurm believes, not what the machine has.
# The nodes (n1, n2, …) are daemons of one machine: to Open MPI they are hosts of the same name.
# Partitions: low (the default), whose jobs go back into the queue, with 10 s of grace, when one in high wants their
# CPUs. A job that goes back would wait for 10 s and more (Slurm's own 120 s are too long to look at):
# `scontrol update JobId=N StartTime=now` ends that.
set -eu

fail() {
  echo "cluster: $*" >&2
  exit 1
}
usage() {
  sed -n '3,4s/^# *//p' "$0" >&2
  exit 2
}
[ $# -ge 2 ] || usage
verb=$1 folder=$2 nodes=${3:-2} cpus=${4:-2}
export SLURM_CONF=$folder/slurm.conf

# What is missing to start it here, in words.
missing() {
  local program
  [ "$(id -u)" = 0 ] || echo "root"
  for program in munged slurmctld slurmd srun sbatch; do
    command -v $program >/dev/null || echo "$program (Debian munge, slurm-wlm)"
  done
  # srun opens it by this name.
  compgen -G '/usr/lib/*/libpmix.so' >/dev/null || echo "libpmix.so (Debian libpmix-dev)"
}

# Whether the process in a file runs, and is still the program that wrote it; a zombie runs no more.
is_up() { # PIDFILE PROGRAM
  local process name state
  process=$(cat "$folder/$1" 2>/dev/null) && [ -n "$process" ] || return 1
  name=$(cat "/proc/$process/comm" 2>/dev/null) || return 1
  state=$(sed 's/.*) //; s/ .*//' "/proc/$process/stat" 2>/dev/null) || return 1
  [ "$name" = "$2" ] && [ "$state" != Z ]
}

# The first of as many ports as there are daemons, on which nobody listens.
free_ports() {
  local first port try
  for try in {1..50}; do
    first=$((17000 + RANDOM % 1500 * 10))
    for ((port = first; port <= first + nodes; port++)); do
      ! grep -qi "^ *[0-9]*: [0-9A-F]*:$(printf %04X $port) " /proc/net/tcp || continue 2
    done
    echo $first
    return
  done
  fail "no free ports"
}

write_configuration() {
  local port host i
  port=$(free_ports)
  host=$(cat /proc/sys/kernel/hostname)
  # A container has no control groups to give. Versions before 23 take an empty file for that.
  : >"$folder/cgroup.conf"
  case $(slurmd -V) in
    "slurm"*" 2"[012].*) ;;
    *) echo CgroupPlugin=disabled >"$folder/cgroup.conf" ;;
  esac
  cat >"$SLURM_CONF" <<CONF
ClusterName=dstn
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=10
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n/spool
TmpFS=$folder/%n/tmp
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/log/slurmctld
SlurmdLogFile=$folder/log/%n
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=30
ReturnToService=2
CONF
  for ((i = 1; i <= nodes; i++)); do
    echo "NodeName=n$i NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + i)) CPUs=$cpus" >>"$SLURM_CONF"
    mkdir -p "$folder/n$i"/{spool,tmp}
  done
  cat >>"$SLURM_CONF" <<CONF
PartitionName=low  Nodes=ALL Default=YES PriorityTier=1  PreemptMode=REQUEUE GraceTime=10
PartitionName=high Nodes=ALL Default=NO  PriorityTier=10 PreemptMode=OFF
CONF
}

start() {
  local lacks i try
  lacks=$(missing)
  if [ -n "$lacks" ]; then
    echo "no Slurm can be started here, for lack of: ${lacks//$'\n'/, }" >&2
    exit 77
  fi
  mkdir -p "$folder"/{state,log} && chmod 755 "$folder"
  [ ! -e "$SLURM_CONF" ] || fail "$folder has a cluster already"
  write_configuration
  (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
  # --force: files of root in a folder of root are right here.
  munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --seed-file="$folder/munge.seed" --log-file="$folder/log/munged" >>"$folder/log/start" 2>&1 ||
    fail "munged doesn't start: $(tail -3 "$folder/log/start")"
  slurmctld >>"$folder/log/start" 2>&1 || fail "slurmctld doesn't start: $(tail -3 "$folder/log/start")"
  for ((i = 1; i <= nodes; i++)); do
    slurmd -N "n$i" >>"$folder/log/start" 2>&1 || fail "slurmd doesn't start: $(tail -3 "$folder/log/start")"
  done
  for try in {1..120}; do
    if [ "$(sinfo -h -p low -t idle -o %D 2>/dev/null)" = "$nodes" ]; then
      echo "export SLURM_CONF=$SLURM_CONF"
      return
    fi
    sleep 0.25
  done
  tail -n 5 "$folder"/log/* >&2
  fail "the nodes don't come up"
}

end() { # PIDFILE PROGRAM
  local try
  is_up "$1" "$2" || return 0
  kill "$(cat "$folder/$1")"
  for try in {1..100}; do
    is_up "$1" "$2" || return 0
    sleep 0.1
  done
  kill -KILL "$(cat "$folder/$1")"
}

stop() {
  local jobs try file
  [ -e "$SLURM_CONF" ] || return 0
  for try in {1..60}; do # one that goes back into the queue in this moment wants to be asked again
    jobs=$(timeout 5 squeue -h -o %A 2>/dev/null) && [ -n "$jobs" ] || break
    # shellcheck disable=SC2086 # words
    scancel $jobs 2>/dev/null || true
    sleep 0.5
  done
  for file in "$folder"/n*.pid; do
    end "$(basename "$file")" slurmd
  done
  end slurmctld.pid slurmctld
  end munged.pid munged
  rm -rf "$folder"
}

case $verb in
  up) start ;;
  down) stop ;;
  *) usage ;;
esac
