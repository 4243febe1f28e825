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

for ranks in 2 4; do
  expect "$ranks ranks share memory" 0 '' train shared "$ranks"
  within "and say nothing of it" "$(lines_of_lack)" 0 0
  OMPI_MCA_osc=^sm,rdma,pt2pt,ucx expect "$ranks ranks of an MPI without windows" 0 \
    'share no memory, since this MPI makes no shared window: each keeps .* MB' train apart "$ranks"
  within "say it once" "$(lines_of_lack)" 1 1
  same "$ranks ranks that share memory train like those that don't" shared$ranks apart$ranks
done

# A container's /dev/shm may be too small for the network.
small=$scratch/small
mkdir "$small"
if mount -t tmpfs -o size=16k tmpfs "$small" 2>"$scratch/mount"; then
  OMPI_MCA_osc_sm_backing_directory=$small expect "too little shared memory" 0 \
    'share no memory, since .*/small has 0.* MB for the 0.* MB that they would share' train little 2
  within "is said once" "$(lines_of_lack)" 1 1
  same "and changes no number" shared2 little2
  umount "$small"
else
  echo "skip too little shared memory: nothing can be mounted here"
fi
finish
