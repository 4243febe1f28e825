# The job script of a sweep on Slurm: it goes back into the queue when it was preempted or its time ends, and not when it
# was cancelled or is done. Stand-ins answer for Slurm as its version 22.05 does: who gets which signal is in each case.
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
stand_in squeue <<'S'
[ "$SLURM_TIME_FORMAT" = %s ] && echo 2000000000
S
stand_in scontrol <<'S'
case $1 in
  show) echo "JobId=7 JobName=dstn JobState=$(cat state) StartTime=2026-01-02T03:00:00 PreemptTime=$(cat preempted) Requeue=1" ;;
  *) echo "$@" >>requeued ;;
esac
S

# submit CODE STATE PREEMPT-TIME: starts the job, whose ranks will end with CODE; $job
submit() {
  rm -f finish requeued srun-process
  echo "$1" >code && echo "$2" >state && echo "$3" >preempted
  PATH=$scratch/bin:$PATH SLURM_JOB_ID=7 SLURM_CPUS_PER_TASK=3 SLURM_JOB_END_TIME=1 DSTN=dstn \
    bash "$root/jobs/slurm/sweep.sbatch" sweep.yaml --out there >log 2>&1 </dev/null &
  job=$!
  local tries=100
  until [ -s srun-process ] || [ $((tries -= 1)) -lt 0 ]; do sleep 0.1; done
}
ended() { # NAME CODE REQUEUED
  local status=0
  wait $job 2>shell || status=$?
  local requeued=no
  [ "$(cat requeued 2>shell)" = "requeue 7" ] && requeued=yes
  if [ $status -eq "$2" ] && [ $requeued = "$3" ]; then
    echo "ok   $1"
  else
    echo "FAIL $1: exit code $status, requeued: $requeued" && sed 's/^/    /' log && failures=$((failures + 1))
  fi
}

submit 75 RUNNING None
expect "its command" 0 '^--mpi=pmix dstn sweep sweep.yaml --out there --resume$' cat srun-arguments
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

for code in 0 1 5; do
  submit $code RUNNING None
  touch finish
  ended "exit code $code" $code no
done
finish
