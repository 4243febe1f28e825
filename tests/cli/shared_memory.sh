# Ranks of one host that can't share memory: they have copies of their own, say so in one line, and train the same.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1

train() { # NAME RANKS [OPTION...]
  local name=$1 ranks=$2
  shift 2
  run_mpi "$ranks" "$dstn" train jobs/toys/ridge.yaml --set train.iterations=200 --out "$scratch/$name$ranks" "$@"
}

same() { # NAME A B: two runs end in the same state
  expect "$1" 0 equal "$dstn" diff "$scratch/$2" "$scratch/$3"
}

lines_of_lack() {
  grep -c 'share no memory' "$scratch/both"
}

mkdir "$scratch/memory"
# Whoever is killed between making the file and removing its name leaves it to the next launch, which takes it for nobody
# else's: neither another host's, nor a living process's, nor what only looks like it.
host=$(hostname)
sh -c 'exit 0' & # a process that is no more
gone=$!
wait $gone
left="dstn-$host-$gone-1700000000-5"
kept="dstn-$host-$$-1700000000-5 dstn-other-$gone-1700000000-5 dstn-$host-$gone-1700000000-5.h5 dstn-$host-notes"
(cd "$scratch/memory" && touch $left $kept)
DSTN_SHARED_MEMORY=$scratch/memory expect "a launch where one was killed" 0 '' train cleans 2
within "removes what the dead one left" "$(find "$scratch/memory" -name "$left" | wc -l)" 0 0
within "and nothing else" "$(find "$scratch/memory" -type f | wc -l)" 4 4
rm "$scratch"/memory/*
for ranks in 2 4; do
  DSTN_SHARED_MEMORY=$scratch/memory expect "$ranks ranks share memory" 0 '' train shared "$ranks"
  within "and say nothing of it" "$(lines_of_lack)" 0 0
  within "and leave nothing behind" "$(find "$scratch/memory" -type f | wc -l)" 0 0
  DSTN_SHARED_MEMORY=$scratch/none expect "$ranks ranks without a place for it" 0 \
    'share no memory, since .*/none can.t hold .* No such file or directory: each keeps .* MB' train apart "$ranks"
  within "say it once" "$(lines_of_lack)" 1 1
  same "$ranks ranks that share memory train like those that don't" shared$ranks apart$ranks
done

# Shared memory takes no window of MPI's, and needs none.
OMPI_MCA_osc=^sm,rdma,pt2pt,ucx expect "an MPI without windows" 0 '' train windows 2
within "shares memory" "$(lines_of_lack)" 0 0

small=$scratch/small
mkdir "$small"
trap 'umount "$small" 2>/dev/null; rm -rf "$scratch"' EXIT
if ! mount -t tmpfs -o size=16k tmpfs "$small" 2>"$scratch/mount"; then
  echo "skip small and separate file systems: nothing can be mounted here"
  finish
  exit
fi
# A container's /dev/shm may be too small for the network,
DSTN_SHARED_MEMORY=$small expect "too little shared memory" 0 \
  'share no memory, since .*/small can.t hold the .* MB that they would share: No space' train little 2
within "is said once" "$(lines_of_lack)" 1 1
same "and changes no number" shared2 little2
umount "$small"

# or for what its groups of ranks want together; none may learn that by a signal.
small_table >"$scratch/table.csv"
cat >"$scratch/run.yaml" <<'Y'
data: {path: table.csv, target: yield}
model: {layers: [dropout: {rate: p}, linear: {out: 600}, relu, linear: {out: 500}, relu, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {epochs: 40, batch: 8}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
cat >"$scratch/sweep.yaml" <<'Y'
base: run.yaml
axes: {seed: {from: 0, count: 6}}
Y
mount -t tmpfs -o size=14m tmpfs "$small" # one and a half times what a group wants
cd "$scratch" || exit 1
DSTN_SHARED_MEMORY=$small expect "two groups where one fits" 0 'done 6' \
  run_mpi 4 timeout 120 "$dstn" sweep sweep.yaml --out sweep --ranks-per-member 2
# It fills up in the middle, which those who hold theirs don't notice.
cat >fill.py <<'P'
import os, sys, time
while not os.path.exists("full/members/0/run.h5") and not os.path.exists("filled"):
    time.sleep(0.01)
filler = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
while not os.path.exists("filled"):
    try:
        os.write(filler, bytes(1 << 16))
    except OSError:
        pass
P
/usr/bin/python3 fill.py "$small/filler" &
DSTN_SHARED_MEMORY=$small expect "a sweep in which it fills up" 0 'done 20' \
  run_mpi 2 timeout 120 "$dstn" sweep sweep.yaml --out full --ranks-per-member 2 --set train.epochs=10 \
  --set axes.seed.count=20
within "goes on in copies, and says it once" "$(lines_of_lack)" 1 1
touch filled
wait
rm "$small/filler"
DSTN_SHARED_MEMORY=$small expect "one group" 0 ' MPI_Allreduce .* 1 a time; .* 16 bytes a time' \
  run_mpi 2 "$dstn" train run.yaml --out fits --profile
within "has all that it needs" "$(lines_of_lack)" 0 0
cat >judge.py <<'P'
import h5py
with h5py.File("fits/run.h5") as file:
    steps, table = 160, file["profile"]
    columns = [table[name][:] for name in ("phase", "call", "calls", "seconds")]
    calls = {call.decode(): number for phase, call, number, _ in zip(*columns) if phase == b"training steps"}
    assert table["phases/times"][1] == 2 * steps and table["phases/name"][1] == b"training steps", list(table["phases/times"])
    assert 0 < sum(columns[3]) < 2 * sum(table["phases/seconds"][:]), "waits take part of the time"
calls.pop("MPI_Iprobe", 0)  # a rank that waits long looks
assert calls == {"MPI_Allreduce": 2 * steps, "shared memory: meetings": 4 * steps, "shared memory: sums": 4 * steps}, calls
P
expect "whose record shows no hidden barrier in a step" 0 '' /usr/bin/python3 judge.py
# 605,602 general and response weights in f32 and a few more are 2.43 MB: those, their moments, gradients, and as much
# again of what comes from others.
DSTN_SHARED_MEMORY=$scratch/none expect "a rank with copies" 0 'share no memory' \
  run_mpi 2 "$dstn" train run.yaml --out copies --set method=fixed --set train.epochs=1
within "is told what they take" "$(sed -n 's/.* \([0-9.]*\) MB, .*/\1/p' "$scratch/both")" 9.6 9.9
umount "$small"
cd "$root" || exit 1

# Containers of one host may have the same host's name, and have a /dev/shm each. (A root that is no mount point, as
# chroot makes it, can't be made private once more.)
alone="unshare --mount"
$alone true 2>"$scratch/mount" || alone="$alone --propagation unchanged"
# shellcheck disable=SC2086 # words
DSTN_SHARED_MEMORY=$small expect "ranks in containers" 0 'share no memory, since they don.t see one and the same .*/small' \
  run_mpi 2 $alone sh -c 'mount -t tmpfs tmpfs "$DSTN_SHARED_MEMORY" && exec timeout 60 "$0" "$@"' \
  "$dstn" train jobs/toys/ridge.yaml --set train.iterations=200 --out "$scratch/contained"
within "say it once" "$(lines_of_lack)" 1 1
same "and train the same" shared2 contained

# There is no room for anything, neither for MPI's own messages and windows.
without_room() {
  $alone sh -c 'mount -t tmpfs -o size=64k tmpfs /dev/shm && cat /dev/zero >/dev/shm/filler 2>/dev/null
    exec timeout -s KILL 60 mpirun --oversubscribe -n 2 "$@"' sh "$@"
}
expect "a /dev/shm that is full" 0 'share no memory, since /dev/shm can.t hold .* No space left' \
  without_room "$dstn" train jobs/toys/ridge.yaml --set train.iterations=200 --out "$scratch/full2"
same "changes no number" shared2 full2
cp jobs/sweeps/ridge.yaml "$scratch/ridge.yaml" && sed -i "s|^base: .*|base: $root/jobs/toys/ridge.yaml|" "$scratch/ridge.yaml"
expect "nor does it stop a sweep" 0 '^done 2' without_room "$dstn" sweep "$scratch/ridge.yaml" \
  --set 'axes={seed: {from: 0, count: 2}}' --set train.iterations=200 --out "$scratch/full-sweep"
finish
