# Every way to ask a launch to stop: a checkpoint is written, the exit code is 75, and the message says what it was.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {layers: [dropout: {rate: p}, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {epochs: 100000000, batch: 8}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
checkpoint_steps: 1000
Y

has_checkpoint() { compgen -G "$1/checkpoints/step-*.h5" >found; }

in_background() { # FOLDER COMMAND...: until it has a checkpoint; $process
  local folder=$1
  shift
  "$@" >background 2>&1 </dev/null &
  process=$!
  until_true 60 has_checkpoint "$folder" || { echo "FAIL no checkpoint in $folder" && failures=$((failures + 1)); }
}
ended_with() { # NAME CODE PATTERN: the process in the background
  local status=0
  wait $process 2>shell || status=$?
  if [ $status -eq "$2" ] && grep -Eq -- "$3" background; then
    echo "ok   $1"
  else
    echo "FAIL $1: exit code $status, expected $2 and \"$3\"" && sed 's/^/    /' background && failures=$((failures + 1))
  fi
}

# ---- signals ----
for signal in TERM USR1 USR2 INT HUP XCPU; do
  in_background $signal "$dstn" train run.yaml --out $signal
  kill -$signal $process
  ended_with "SIG$signal" 75 "^dstn: stopped by SIG$signal at step [0-9]+ with a checkpoint written"
done
in_background nohup nohup "$dstn" train run.yaml --out nohup
kill -HUP $process
sleep 0.5
kill -USR1 $process
ended_with "what nohup has started doesn't stop at SIGHUP" 75 'stopped by SIGUSR1'


# Libraries take SIGHUP for themselves: UCX, when it is loaded, which may be before main() begins or when MPI starts.
cat >takes.c <<'C'
#include <signal.h>
int PMPI_Init_thread(int *, char ***, int, int *);
static void nothing(int number) { (void)number; }
__attribute__((constructor)) static void take(void) { signal(SIGHUP, nothing); }
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided) {
    int code = PMPI_Init_thread(argc, argv, required, provided);
    take();
    return code;
}
C
"${CC:-cc}" -shared -fPIC -o takes.so takes.c || failures=$((failures + 1))
in_background took env LD_PRELOAD="$PWD/takes.so" "$dstn" train run.yaml --out took --time-limit 20
kill -HUP $process
ended_with "SIGHUP stops though a library has taken it" 75 'stopped by SIGHUP'
in_background nohup-took nohup env LD_PRELOAD="$PWD/takes.so" "$dstn" train run.yaml --out nohup-took --time-limit 20
kill -HUP $process
sleep 0.5
kill -USR1 $process
ended_with "what nohup has started doesn't stop, though a library has taken SIGHUP" 75 'stopped by SIGUSR1'

# mpirun stops at SIGHUP whether nohup has started it or not, and all ranks with it: that is not ours, but what it leaves is.
nohup mpirun --oversubscribe -n 2 "$dstn" train run.yaml --out launcher >background 2>&1 </dev/null &
process=$!
until_true 60 has_checkpoint launcher || { echo "FAIL no checkpoint in launcher" && failures=$((failures + 1)); }
kill -HUP $process
wait $process 2>shell
expect "what mpirun under nohup leaves at SIGHUP goes on" 75 'resumed at step .*' \
  run_mpi 2 "$dstn" train run.yaml --out launcher --resume --time-limit 1

# One of two ranks stands still, so that the other comes to no end of its step.
in_background twice mpirun --oversubscribe -n 2 "$dstn" train run.yaml --out twice
ranks=($(pgrep -P $process -x dstn))
kill -STOP "${ranks[0]}"
kill -INT "${ranks[1]}"
sleep 0.5
kill -0 "${ranks[1]}" || { echo "FAIL one SIGINT ends it at once" && failures=$((failures + 1)); }
kill -INT "${ranks[1]}"
until_true 20 eval '! kill -0 "${ranks[1]}" 2>shell' ||
  { echo "FAIL two SIGINT don't end it" && failures=$((failures + 1)); }
kill -KILL "${ranks[0]}" 2>shell
ended_with "a second SIGINT ends it at once" 130 ''

# ---- the end of a Slurm job ----
now() { date +%s; }
export SLURM_JOB_ID=7
SLURM_JOB_END_TIME=1700000000 expect "a job that has ended is no limit" 0 \
  '^warning: SLURM_JOB_END_TIME says that Slurm job 7 ended [0-9]+ seconds ago' \
  "$dstn" train run.yaml --out stale --set train.epochs=30
SLURM_JOB_END_TIME=$(($(now) + 3)) expect "a short job" 75 \
  'stopped by the end of Slurm job 7 in 0.[0-9]+ s \(SLURM_JOB_END_TIME\) at step [0-9]{3}' \
  "$dstn" train run.yaml --out short --set checkpoint_steps=0 --time-limit 600
SLURM_JOB_END_TIME=$(($(now) + 600)) expect "--time-limit comes before the job's end" 75 'stopped by the time limit' \
  "$dstn" train run.yaml --out before --time-limit 0.5
grep -q Slurm err && { echo "FAIL the job's end is named where it is no limit" && failures=$((failures + 1)); }
SLURM_JOB_END_TIME=$(($(now) + 600)) expect "the first lines name the job's end" 0 \
  '^Slurm job 7 ends in (600|59[0-9]) s \(SLURM_JOB_END_TIME\): this launch stops 60 s before' \
  "$dstn" train run.yaml --out margin --set train.epochs=30
for none in '' 0 N/A NONE; do
  SLURM_JOB_END_TIME=$none expect "no end: \"$none\"" 0 '^valid_loss' \
    "$dstn" train run.yaml --out "none-$none" --set train.epochs=3
done
unset SLURM_JOB_ID

# ---- how times are written ----
for limit in 1 0:01 00:00:01 0-00:00:01; do
  expect "--time-limit $limit" 75 'stopped by the time limit at step [0-9]{3}' \
    "$dstn" train run.yaml --out "limit-$limit" --time-limit $limit --set checkpoint_steps=0
done
for limit in 2:00 1:00:00 1-00:00:00 90:00; do
  expect "--time-limit $limit is long" 0 '^valid_loss' \
    "$dstn" train run.yaml --out "limit-$limit" --time-limit $limit --set train.epochs=3000
done
for limit in 0 -1 -1:00 1:60 1:-1 1:2:3:4 1-2 1-25:00:00 1: :1 '1:00 ' 1:1e1 soon 0:00; do
  expect "--time-limit $limit is refused" 2 '^dstn: --time-limit .*: accepted: seconds above 0, or a time such as' \
    "$dstn" train run.yaml --out none --time-limit "$limit"
done
for command in train sweep; do
  expect "$command --help" 0 'hang-timeout TIME' "$dstn" $command --help
  [ "$(grep -o -e --hang-timeout out | wc -l)" = 1 ] ||
    { echo "FAIL --hang-timeout isn't there once" && failures=$((failures + 1)); }
done
finish
