# The job scripts under a real Slurm, which this starts for itself (tests/slurm/cluster.sh): whatever happens to a job, it
# goes back into the queue and goes on, and its records are those of an undisturbed sweep; scancel ends it.
#   jobs.sh DSTN ROOT [--whole]    without --whole: a preemption and scancel
# What it takes: bash jobs/install-packages.sh --slurm
whole=${3:-}
. "$(dirname "$0")/../cli/common.sh"
unset OMP_NUM_THREADS OPENBLAS_NUM_THREADS
cluster=$root/tests/slurm/cluster.sh jobs=$root/jobs/slurm
trap '"$cluster" down "$scratch/slurm"; rm -rf "$scratch"' EXIT
status=0
words=$("$cluster" up "$scratch/slurm" 2 4 2>"$scratch/up") || status=$?
if [ $status -ne 0 ]; then
  echo "$([ $status -eq 77 ] && echo skipped || echo FAIL): $(cat "$scratch/up")"
  exit $status
fi
eval "$words"
cd "$scratch" || exit 1
export DSTN=$dstn

# Two members at a time, of some seconds each.
cat >sweep.yaml <<Y
base: $root/jobs/toys/ridge.yaml
set: {train.iterations: 600000, record.every: 5000, checkpoint_steps: 10000}
axes: {method: [stn, delta-stn], seed: {from: 0, count: 2}}
Y

field() { # JOB NAME: of what Slurm says of it
  scontrol show job -o "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}
has_checkpoint() { compgen -G "$1/members/*/step-*.h5" >found || compgen -G "$1/checkpoints/step-*.h5" >found; }

# until_true SECONDS COMMAND...: waits for it. Slurm lets jobs that come back wait for longer than that.
until_true() {
  local fifths=$((5 * $1)) id
  shift
  until "$@"; do
    fifths=$((fifths - 1))
    [ $fifths -gt 0 ] || return 1
    for id in $(squeue -h -t pending -o '%r %i' | sed -n 's/^BeginTime //p'); do
      scontrol update JobId="$id" StartTime=now
    done
    sleep 0.2
  done
}

show() { # NAME: what its job has said
  sed 's/^/    /' "$1.log"
}

# submit NAME SCRIPT-AND-ARGUMENTS...: two ranks on two nodes, writing to the folder NAME; $job. Then it has a checkpoint.
options=()
submit() {
  local name=$1
  shift
  job=$(sbatch --parsable --nodes=2 --ntasks=2 --output="$name.log" "${options[@]}" "$@" --out "$scratch/$name") ||
    fail "$name can't be submitted"
  until_true 60 has_checkpoint "$name" && return
  fail "$name doesn't start: $(squeue) $(sinfo -N -o '%N %T %E')"
  show "$name"
  exit 1
}
is_in() { # JOB STATE
  [ "$(field "$1" JobState)" = "$2" ]
}
has_come_back() { # JOB TIMES
  [ "$(field "$1" Restarts)" -ge "$2" ]
}

# went_on NAME [TIMES]: the job came back, and ended as the undisturbed one.
went_on() {
  until_true 60 has_come_back "$job" "${2:-1}" || fail "$1: it doesn't go back into the queue"
  until_true 120 is_in "$job" COMPLETED ||
    { fail "$1: it doesn't go on to its end: $(field "$job" JobState)" && show "$1"; }
  grep -Eq 'resumed at step|members (are|have)|keeps' "$1.log" || { fail "$1: it doesn't resume" && show "$1"; }
  expect "$1: records" 0 '^4 members, 0 different' "$dstn" diff undisturbed "$1"
  expect "$1: ledger" 0 'audit passed' "$dstn" audit "$1"
}

expect "an undisturbed sweep" 0 '^done 4' run_mpi 2 "$dstn" sweep sweep.yaml --out undisturbed

submit preempted "$jobs/sweep.sbatch" sweep.yaml
sbatch --partition=high --nodes=2 --ntasks=8 --output=other.log --wrap 'sleep 1' >submitted
went_on preempted
grep -q 'preempted .exit code 75.: back into the queue' preempted.log || { fail "preempted: why" && show preempted; }

submit cancelled "$jobs/sweep.sbatch" sweep.yaml
scancel "$job"
until_true 60 is_in "$job" CANCELLED || fail "scancel doesn't end a job"
sleep 1
is_in "$job" CANCELLED && [ "$(field "$job" Restarts)" = 0 ] || fail "what was cancelled goes back into the queue"
grep -q '^dstn: stopped by SIGTERM: . of 4 members' cancelled.log ||
  { fail "scancel gives no time to stop" && show cancelled; }
[ "$whole" = --whole ] || { finish && exit; }

# ---- the rest ----

submit requeued "$jobs/sweep.sbatch" sweep.yaml
scontrol requeue "$job"
went_on requeued

submit USR1 "$jobs/sweep.sbatch" sweep.yaml
scancel --signal=USR1 --batch "$job"
went_on USR1

# processes JOB [NODE]: those that have its number in their environment, the script among them
processes() {
  local files
  files=$(grep -lzx "SLURM_JOB_ID=$1" /proc/[0-9]*/environ 2>/dev/null)
  [ -z "${2:-}" ] || files=$(grep -lzx "SLURMD_NODENAME=$2" $files /dev/null 2>/dev/null)
  echo "$files" | cut -d/ -f3
}
for node in n2 n1; do # n1 has the script itself
  submit "lost-$node" "$jobs/sweep.sbatch" sweep.yaml
  scontrol update nodename=$node state=down reason=test
  left=$(processes "$job" $node)
  [ -z "$left" ] || kill -KILL $left 2>shell
  sleep 4 # the daemon of the node is there in truth, and takes the job for the old one as long as that ends
  scontrol update nodename=$node state=resume 2>err # unless it has come back by itself
  went_on "lost-$node"
done

ranks_of() { # JOB
  local process
  for process in $(processes "$1"); do
    [ "$(readlink "/proc/$process/exe")" = "$(readlink -f "$dstn")" ] && echo "$process"
  done
}
submit killed "$jobs/sweep.sbatch" sweep.yaml
kill -KILL "$(ranks_of "$job" | tail -1)"
went_on killed
# The code is the dead rank's (137), or that of one whose MPI has noticed it.
grep -Eq 'the launch has died .exit code [0-9]+., 1 of 3 times without progress: back' killed.log ||
  { fail "killed: why" && show killed; }

# Of mpirun one node has all ranks, or a daemon of mpirun's has those of the other one.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
submit mpirun "$jobs/mpirun.sbatch" sweep sweep.yaml
scancel --signal=USR1 --batch "$job"
went_on mpirun
submit mpirun-killed "$jobs/mpirun.sbatch" sweep sweep.yaml
kill -KILL "$(ranks_of "$job" | tail -1)"
went_on mpirun-killed
submit mpirun-preempted "$jobs/mpirun.sbatch" sweep sweep.yaml
sbatch --partition=high --nodes=2 --ntasks=8 --output=other.log --wrap 'sleep 1' >submitted
went_on mpirun-preempted
options=(--nodes=1)
submit mpirun-alone "$jobs/mpirun.sbatch" sweep sweep.yaml
sbatch --partition=high --nodes=2 --ntasks=8 --output=other.log --wrap 'sleep 1' >submitted
went_on mpirun-alone
submit mpirun-cancelled "$jobs/mpirun.sbatch" sweep sweep.yaml
options=()
scancel "$job"
until_true 60 is_in "$job" CANCELLED || fail "scancel doesn't end a job of mpirun"

# ---- one run, and an array of them ----
run=("$root/jobs/toys/ridge.yaml" --set train.iterations=400000 --set record.every=5000 --set checkpoint_steps=5000)
for seed in 1 2; do
  expect "an undisturbed run of seed $seed" 0 '^regret' "$dstn" train "${run[@]}" --set seed=$seed --out "alone-$seed"
done
options=(--nodes=1 --ntasks=1)
submit train "$jobs/train.sbatch" "${run[@]}" --set seed=1
options=()
scancel --signal=USR1 --batch "$job"
until_true 60 has_come_back "$job" 1 || fail "train: it doesn't go back into the queue"
until_true 60 is_in "$job" COMPLETED || fail "train: it doesn't go on"
expect "train: record" 0 '^equal' "$dstn" diff alone-1 train

job=$(sbatch --parsable --array=1-2 --output=array-%a.log "$jobs/array.sbatch" "${run[@]}" --out "$scratch/array")
until_true 60 has_checkpoint array/seed-1 || fail "array: it doesn't start"
until_true 60 has_checkpoint array/seed-2 || fail "array: it doesn't start"
scancel --signal=USR1 --batch "${job}_2" # whose number is the array's
until_true 60 has_come_back "${job}_2" 1 || fail "array: its job doesn't go back into the queue"
for seed in 1 2; do
  until_true 60 is_in "${job}_$seed" COMPLETED || fail "array: seed $seed doesn't go on"
  expect "array: record of seed $seed" 0 '^equal' "$dstn" diff "alone-$seed" "array/seed-$seed"
done
[ "$(field "${job}_1" Restarts)" = 0 ] || fail "array: a job goes back that nobody has stopped"

# ---- launches that get nowhere ----
options=("--export=ALL,DSTN_DRILL=kill:0:12000")
submit dying "$jobs/train.sbatch" "${run[@]}"
options=()
until_true 90 is_in "$job" FAILED || fail "what always dies goes back into the queue for ever"
grep -c 'the launch has died .exit code' dying.log | grep -qx 3 &&
  grep -q '3 times without progress: not started again' dying.log || { fail "it isn't told" && show dying; }

# A script that has been copied away finds what it needs, or says what that is.
mkdir -p else/where && cp "$jobs/train.sbatch" else/where/mine.sh
for place in DSTN_JOBS= "DSTN_JOBS=$jobs"; do
  job=$(cd else && env -u DSTN "$place" PATH="$scratch/else:$PATH" \
    sbatch --parsable --ntasks=1 --output=copied.log where/mine.sh "${run[@]}" --set train.iterations=100 --out copied)
  [ "$place" = DSTN_JOBS= ] && state=FAILED || state=COMPLETED
  [ "$place" = DSTN_JOBS= ] || ln -sf "$dstn" else/dstn
  until_true 60 is_in "$job" $state || { fail "a copied script, $place" && show else/copied; }
done
grep -q 'needs job.sh, which dstn has beside it' else/copied.log ||
  { fail "it isn't told what is missing" && show else/copied; }

# ---- the time limit, which Slurm counts in minutes ----
# Jobs that sleep through it have as much to do as before. Where squeue doesn't tell the end, Slurm ends the job, which
# goes back all the same.
is_not_running() {
  ! is_in "$1" RUNNING
}
mkdir untold && ln -s "$(command -v false)" untold/squeue
options=(--time=1)
submit limit "$jobs/sweep.sbatch" sweep.yaml
first=$job
asleep=$(ranks_of "$first")
kill -STOP $asleep
options+=("--export=ALL,PATH=$scratch/untold:$PATH")
submit untold "$jobs/sweep.sbatch" sweep.yaml
sleepers=$(ranks_of "$job")
kill -STOP $sleepers
until_true 60 eval '[[ $(field "$first" RunTime) > 00:00:50 ]]'
kill -CONT $asleep
until_true 120 is_not_running "$job"
kill -CONT $sleepers
went_on untold
job=$first
went_on limit
grep -Eq 'Slurm job .* ends in .* this launch stops 1[0-9.]* s before' limit.log ||
  { fail "limit: it doesn't know its end" && show limit; }
grep -q 'stopped with checkpoints written: back' limit.log || { fail "limit: why" && show limit; }
grep -q 'stopped by its time limit (exit code 75): back' untold.log || { fail "untold: why" && show untold; }
finish
