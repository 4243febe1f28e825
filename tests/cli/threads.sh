# Threads that have to take turns on a core are told, with the remedy; those that have cores of their own are not.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1
[ "$(dstn_cores)" -ge 2 ] || { echo "skipped: it takes two cores" && exit 77; }
cores=$(getconf _NPROCESSORS_ONLN)

solve() { # THREADS LAUNCHER...: the first lines of a command
  local threads=$1
  shift
  env OMP_NUM_THREADS="$threads" "$@" "$dstn" oracle jobs/toys/ridge.yaml --out "$scratch/out-folder"
}
crowded='^warning: rank 0 on host .* has 2 threads and may run on 1 core: they take turns; mpirun binds a rank to one core'
remedy='--map-by slot:PE=2, or --bind-to none'
expect "mpirun binds two threads to one core" 0 "$crowded .*$remedy" solve 2 mpirun -n 1
expect "taskset does" 0 "$crowded .*$remedy" solve 2 taskset -c 0 env
expect "two ranks on one core" 0 '^warning: the 2 ranks on host .* have 2 threads and may run on 1 core' \
  solve 1 taskset -c 0 mpirun --bind-to none --oversubscribe -n 2
expect "more threads than the host has cores" 0 \
  "^warning: 1 rank on host .* with 1000 threads, and it has $cores cores: .*set OMP_NUM_THREADS" solve 1000 env
expect "more ranks than the host has cores" 0 \
  "^warning: $((cores + 1)) ranks on host .* with $((cores + 1)) threads, and it has $cores cores" \
  solve 1 mpirun --oversubscribe -n $((cores + 1))

# As containers are limited; only root may make a group of its own.
group=/sys/fs/cgroup/cpu/dstn-test-$$ limit=cpu.cfs_quota_us share=50000
[ -d /sys/fs/cgroup/cpu ] || group=/sys/fs/cgroup/dstn-test-$$ limit=cpu.max share='50000 100000'
if mkdir "$group" 2>/dev/null; then
  if echo "$share" 2>/dev/null >"$group/$limit"; then
    expect "a control group that leaves less than the threads take" 0 \
      '^warning: 1 rank on host .* with 2 threads, and a control group leaves them the time of 0.5 cores' \
      bash -c 'echo $$ >"$0/cgroup.procs" && OMP_NUM_THREADS=2 exec "$@"' "$group" "$dstn" oracle jobs/toys/ridge.yaml \
      --out "$scratch/limited"
  fi
  rmdir "$group"
fi

well() { # NAME THREADS LAUNCHER...
  local name=$1
  shift
  expect "$name" 0 '^lambda_star' solve "$@"
  ! grep -q take.turns "$scratch/err" || { echo "FAIL $name is warned of" && failures=$((failures + 1)); }
}
well "a rank bound to two cores" 2 mpirun --map-by slot:PE=2 -n 1
well "a rank that is not bound" 2 mpirun --bind-to none -n 1
well "a launch without mpirun" 2 env
well "threads that OpenMP binds to cores of their own" 2 env OMP_PROC_BIND=true
well "one rank a core" 1 mpirun -n 2
finish
