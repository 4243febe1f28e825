# Launches that are killed or asked to stop at any moment, and resumed: the result is that of an undisturbed launch, to
# the last bit.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1
settings="--set train.iterations=60000 --set record.every=1000 --set checkpoint_steps=2000"

train() { # FOLDER [OPTION...] on two ranks
  run_mpi 2 "$dstn" train jobs/toys/ridge.yaml $settings --out "$@"
}

has_checkpoint() { compgen -G "$1/checkpoints/step-*.h5" >"$scratch/found"; }
is_left() { [ -z "$(ranks_of "$1")" ]; }

# in_background FOLDER [OPTION...]: starts `train`, and waits until its first checkpoint is there; $launcher is mpirun.
in_background() {
  mpirun --oversubscribe -n 2 "$dstn" train jobs/toys/ridge.yaml $settings --out "$@" >"$scratch/background" 2>&1 \
    </dev/null &
  launcher=$!
  until_true 60 has_checkpoint "$1" || { echo "FAIL no checkpoint in $1" && failures=$((failures + 1)); }
}

# ended_with NAME CODE: the launch in the background.
ended_with() {
  local status=0
  wait $launcher 2>"$scratch/shell" || status=$?
  if [ $status -eq "$2" ]; then
    echo "ok   $1"
  else
    echo "FAIL $1: exit code $status, expected $2" && sed 's/^/    /' "$scratch/background" && failures=$((failures + 1))
  fi
}

resumed() { # NAME FOLDER: goes on, and is then the undisturbed run
  expect "$1: resume" 0 "resumed at step [0-9]" train "$2" --resume
  expect "$1: nothing tells it from the undisturbed run" 0 '^equal' "$dstn" diff "$scratch/whole" "$2"
  [ -z "$(find "$2" -name '*.tmp-*')" ] || { echo "FAIL $1 left temporary files" && failures=$((failures + 1)); }
}

expect "an undisturbed run" 0 '^regret ' train "$scratch/whole"

DSTN_DRILL=kill:1:17000 expect "a rank is killed" 137 '' train "$scratch/rank"
resumed "a rank killed at a step" "$scratch/rank"
DSTN_DRILL=checkpoint:3 expect "the leader is killed while it writes a checkpoint" 137 '' train "$scratch/checkpoint"
[ -n "$(find "$scratch/checkpoint/checkpoints" -name '*.tmp-*')" ] ||
  { echo "FAIL it was not killed in the middle" && failures=$((failures + 1)); }
resumed "killed in a checkpoint" "$scratch/checkpoint"
DSTN_DRILL=record:3 expect "the leader is killed while it rewrites the record" 137 '' train "$scratch/record"
[ -n "$(find "$scratch/record" -name 'run.h5.tmp-*')" ] ||
  { echo "FAIL it was not killed in the middle" && failures=$((failures + 1)); }
resumed "killed in a record" "$scratch/record"
DSTN_DRILL=rank:1 expect "a drill that isn't one" 2 'DSTN_DRILL' train "$scratch/none"

in_background "$scratch/launcher"
kill -9 $launcher
wait $launcher 2>"$scratch/shell"
until_true 30 is_left "$scratch/launcher"
resumed "the launcher killed" "$scratch/launcher"

in_background "$scratch/signal"
sleep "0.$((RANDOM % 3))"
kill -USR1 $launcher
ended_with "SIGUSR1 to the launcher" 75
grep -Eq '^dstn: stopped by SIGUSR1 at step [0-9]+ with a checkpoint written; go on with --resume' \
  "$scratch/background" || { echo "FAIL SIGUSR1 isn't told" && failures=$((failures + 1)); }
resumed "SIGUSR1" "$scratch/signal"

expect "--time-limit" 75 'stopped by the time limit' train "$scratch/limit" --time-limit 0.01
resumed "--time-limit" "$scratch/limit"

# ---- a launch that hangs ----
in_background "$scratch/hangs" --set train.iterations=4000000 --hang-timeout 2
stopped=$(ranks_of "$scratch/hangs" | tail -1)
kill -STOP "$stopped"
ended_with "a rank that doesn't go on ends the program" 1
grep -Eq '^dstn: rank [01] on .*: no step of .* has finished for 2 s .*the last one was step [0-9]+' \
  "$scratch/background" || { echo "FAIL it isn't told where it hangs" && failures=$((failures + 1)); }
kill -KILL "$stopped" 2>"$scratch/shell"
until_true 30 is_left "$scratch/hangs"

# One member for two ranks: the other one waits for longer than the timeout, which is no hanging.
expect "a rank without a member isn't hanging" 0 '^done 1$' run_mpi 2 "$dstn" sweep jobs/sweeps/ridge.yaml \
  --set 'axes={method: [delta-stn]}' --set train.iterations=300000 --set checkpoint_steps=30000 \
  --set record.every=10000 --out "$scratch/idle" --hang-timeout 2

# ---- sweeps ----
sweep="jobs/sweeps/quickstart.yaml --set train.iterations=6000"
expect "a sweep killed at random" 0 '^drill passed' "$dstn" drill $sweep --set 'axes.seed={from: 0, count: 1}' \
  --set 'axes.method=[stn, stn-centered, delta-stn]' --launch 'mpirun --oversubscribe -n 2' --random 2 \
  --out "$scratch/sweep"
grep -E '^(seed|killed|sent|it had)' "$scratch/out"
expect "its members" 0 '^12 members, 0 different' "$dstn" diff "$scratch/sweep/undisturbed" "$scratch/sweep/killed"
expect "its ledger" 0 '' "$dstn" audit "$scratch/sweep/killed"
expect "a sweep that has no time makes a step all the same" 75 'stopped' "$dstn" sweep $sweep --time-limit 0.001 \
  --out "$scratch/hurried"
[ -n "$(find "$scratch/hurried" -name 'step-*.h5')" ] ||
  { echo "FAIL a launch without time did nothing" && failures=$((failures + 1)); }

# ---- at random: a run, one that goes on on other numbers of ranks, a sweep; many of them are in tests/soak.sh ----
expect "kills at random" 0 '^2 kills' bash tests/soak/kills.sh "$dstn" "$root" 2
grep -E '^seed|killed' "$scratch/out"

# ---- drills ----
drill() {
  "$dstn" drill jobs/toys/ridge.yaml --set train.iterations=2000 "$@"
}
expect "a drill" 0 '^drill passed' drill --out "$scratch/drill"
expect "a drill with a rank that isn't there fails" 1 '^drill failed: nothing was killed' drill --kill-rank 7 \
  --out "$scratch/drill-rank"
expect "a drill in the middle of a checkpoint" 0 '^drill passed' drill --during-checkpoint --out "$scratch/drill-write"
expect "a drill of a config with an error" 2 'iteratins.*iterations' drill --set train.iteratins=1 \
  --out "$scratch/drill-config"
expect "a launcher that isn't there" 1 "mpirn can't be started" drill --launch 'mpirn -n 2' --out "$scratch/drill-none"
expect "two kinds of kills at once" 2 'random' drill --random 2 --during-checkpoint --out "$scratch/none"
finish
