# The job scripts on Slurm: they go back into the queue when they were preempted, their time ends or a rank has died, and
# not when they were cancelled or are done. Stand-ins answer for Slurm as its version 22.05 does: who gets which signal is
# in each case. tests/slurm/jobs.sh tries the same under a real one.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
mkdir bin
stand_in() { # NAME: the script on stdin
  { echo '#!/bin/sh' && cat; } >"bin/$1"
  chmod +x "bin/$1"
}
# srun: its ranks end with the code in the file `code`, at a signal or when the file `finish` is there.
stand_in srun <<'S'
echo "$@" >srun-arguments
env | grep -E '^(SLURM_JOB_END_TIME|SRUN_CPUS_PER_TASK)=' >srun-environment
trap 'exit "$(cat code)"' USR1 TERM
echo $$ >srun-process
tries=300
while [ $tries -gt 0 ] && [ ! -e finish ]; do sleep 0.1; tries=$((tries - 1)); done
exit "$(cat code)"
S
cp bin/srun bin/mpirun
stand_in dstn </dev/null
echo "exec $(command -v sleep) 0.1" | stand_in sleep
stand_in squeue <<'S'
[ "$SLURM_TIME_FORMAT" = %s ] && echo 2000000000
S
stand_in scontrol <<'S'
case $1 in
  show) echo "JobId=7 JobName=dstn JobState=$(cat state) Reason=$(cat reason) StartTime=2026-01-02T03:00:00" \
    "PreemptTime=$(cat preempted) Requeue=1" ;;
  *) echo "$@" >>requeued ;;
esac
S

# submit CODE STATE PREEMPT-TIME: starts the job, whose ranks will end with CODE; $job
script=(sweep.sbatch sweep.yaml --out there) id=(SLURM_JOB_ID=7) same=7
echo None >reason
submit() {
  rm -f finish requeued srun-process
  echo "$1" >code && echo "$2" >state && echo "$3" >preempted
  env PATH="$scratch/bin:$PATH" "${id[@]}" SLURM_CPUS_PER_TASK=3 SLURM_JOB_END_TIME=1 DSTN=dstn \
    SLURM_SUBMIT_DIR="$root" bash "$root/jobs/slurm/${script[0]}" "${script[@]:1}" >log 2>&1 </dev/null &
  job=$!
  local tries=100
  until [ -s srun-process ] || [ $((tries -= 1)) -lt 0 ]; do sleep 0.1; done
}
ended() { # NAME CODE REQUEUED
  local status=0
  wait $job 2>shell || status=$?
  local requeued=no
  [ "$(cat requeued 2>shell)" = "requeue $same" ] && requeued=yes
  if [ $status -eq "$2" ] && [ $requeued = "$3" ]; then
    echo "ok   $1"
  else
    echo "FAIL $1: exit code $status, requeued: $requeued" && sed 's/^/    /' log && failures=$((failures + 1))
  fi
}

submit 75 RUNNING None
expect "its command" 0 '^--mpi=pmix --wait=30 dstn sweep sweep.yaml --out there --resume$' cat srun-arguments
expect "the end of the job is Slurm's, not the submitting shell's" 0 '^SLURM_JOB_END_TIME=2000000000$' cat srun-environment
expect "threads are the step's" 0 '^SRUN_CPUS_PER_TASK=3$' cat srun-environment
kill -USR1 $job
ended "USR1 to the shell, before the job's end" 75 yes

submit 75 RUNNING 2026-01-02T03:04:05
kill -TERM "$(cat srun-process)"
ended "preemption: TERM to the ranks alone" 75 yes

submit 75 RUNNING 2026-01-02T03:04:05
kill -TERM $job
ended "preemption that the shell is told too" 75 yes

submit 75 RUNNING None
kill -TERM $job
ended "TERM to the shell" 75 no

submit 75 RUNNING 2026-01-01T03:04:05
kill -TERM $job
ended "TERM to the shell of a job that was preempted before it was started again" 75 no

submit 75 COMPLETING None
touch finish
ended "cancelled: the ranks have ended before the shell has TERM" 75 no

submit 75 COMPLETING 2026-01-02T03:04:05
kill -TERM $job
ended "cancelled while it was being preempted" 75 no

submit 75 COMPLETING None
echo TimeLimit >reason
kill -TERM $job
ended "ended by Slurm at its time limit" 75 yes
echo None >reason

for code in 0 1 5; do
  submit $code RUNNING None
  touch finish
  ended "exit code $code" $code no
done

# ---- a rank that dies ----
died() { # NAME PREEMPT-TIME REQUEUED
  submit 137 RUNNING "$2"
  touch finish
  ended "$1" 137 "$3"
}
rm -rf there
died "a rank dies" None yes
export SLURM_RESTART_COUNT=1
died "and again, without progress" None yes
died "preempted, a launch that doesn't stop in time doesn't count" 2026-01-02T03:04:05 yes
mkdir -p there/members/a && : >there/members/a/step-00000100.h5
died "and again, after a checkpoint" None yes
mkdir -p there/ledger && echo "10 2026-01-02T03:04:05.000Z a done - 88be4364" >there/ledger/rank-0000.txt
died "and again, after a member has ended" None yes
echo "11 2026-01-02T03:04:06.000Z b failed - 88be4364" >>there/ledger/rank-0000.txt
died "twice without progress, which a failed member isn't" None yes
died "three times" None no
grep -q 'died (exit code 137) 3 times without progress: not started again' log ||
  { echo "FAIL it isn't told" && failures=$((failures + 1)); }
unset SLURM_RESTART_COUNT
died "submitted anew" None yes

# ---- the other scripts ----
script=(mpirun.sbatch train run.yaml)
submit 75 RUNNING None
expect "mpirun's command" 0 '^--bind-to none dstn train run.yaml --resume$' cat srun-arguments
kill -TERM $job
ended "mpirun has USR1 where the shell has TERM" 75 no
submit 205 RUNNING 2026-01-02T03:04:05
touch finish
ended "mpirun's own exit code, preempted" 205 yes
script=(train.sbatch run.yaml --set seed=1)
submit 0 RUNNING None
expect "the command of a run" 0 '^--mpi=pmix --wait=30 dstn train run.yaml --set seed=1 --resume$' cat srun-arguments
touch finish
ended "a run" 0 no
script=(array.sbatch configs/run.yaml) id=(SLURM_JOB_ID=9 SLURM_ARRAY_JOB_ID=9 SLURM_ARRAY_TASK_ID=4) same=9_4
submit 75 RUNNING None
expect "the command of a task" 0 'dstn train configs/run.yaml --set seed=4 --out runs/run/seed-4 --resume$' \
  cat srun-arguments
kill -USR1 $job
ended "of an array, one task goes back" 75 yes
script=(array.sbatch configs/run.yaml --out=a/b)
submit 0 RUNNING None
expect "its folder" 0 '--out a/b/seed-4 --resume$' cat srun-arguments
touch finish
ended "a task that is done" 0 no

cp "$root/jobs/slurm/train.sbatch" .
expect "a script without what it shares with others" 2 'needs job.sh, which dstn has beside it in jobs/slurm: DSTN_JOBS=' \
  env PATH="$scratch/bin:$PATH" SLURM_JOB_ID=7 SLURM_SUBMIT_DIR="$scratch" bash train.sbatch run.yaml
expect "dstn that isn't there" 2 'job 7: dstn is not found .*DSTN=/path/to/dstn' \
  env PATH="$scratch/bin:$PATH" SLURM_JOB_ID=7 DSTN=/none/dstn DSTN_JOBS="$root/jobs/slurm" bash train.sbatch run.yaml
expect "outside of a job" 1 'this is a script for sbatch' \
  env -u SLURM_JOB_ID PATH="$scratch/bin:$PATH" DSTN_JOBS="$root/jobs/slurm" bash train.sbatch run.yaml

# ---- launches that Slurm has meant to have more ranks ----
# task NUMBER [VARIABLE=VALUE...] -- COMMAND...: as srun starts one of four
task() {
  env SLURM_STEP_NUM_TASKS=4 SLURM_NTASKS=4 SLURM_PROCID="$1" bash -c 'SLURM_TASK_PID=$$ exec env "$@"' "$@"
}
lone='^dstn: srun started 4 tasks, and each of them is a launch of its own .*accepted: "srun --mpi=pmix"'
toy=("$root/jobs/toys/ridge.yaml" --set train.iterations=20)
expect "tasks of an srun without PMIx" 2 "$lone" task 0 "$dstn" train "${toy[@]}" --out lone
expect "one of them speaks" 2 '' task 3 "$dstn" train "${toy[@]}" --out lone
[ ! -s both ] || { echo "FAIL all of them speak" && failures=$((failures + 1)); }
[ ! -e lone ] || { echo "FAIL they write" && failures=$((failures + 1)); }
expect "what MPI alone notices" 2 "$lone" \
  task 0 OMPI_COMM_WORLD_RANK=0 "$dstn" sweep "$root/jobs/sweeps/ridge.yaml" --out lone
expect "one rank in a job of four" 0 '^warning: Slurm job 7 has 4 tasks, and this launch is one rank: the others are idle' \
  env SLURM_JOB_ID=7 SLURM_NTASKS=4 "$dstn" train "${toy[@]}" --out lone
expect "two ranks in a job of four" 0 '^2 ranks' \
  env SLURM_NTASKS=4 mpirun --oversubscribe -n 2 "$dstn" train "${toy[@]}" --out two
grep -q idle both && { echo "FAIL two ranks are no lone one" && failures=$((failures + 1)); }
finish
