# A sweep that is stopped says by what, how far it has come and how it goes on, exits at once, and leaves its table to
# the next launch.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {response: full, layers: [linear: {out: 1, bias: false, init: zero}]}
regularizers: {l2: {strength: lambda}}
hyperparameters: {lambda: {transform: exp, start: 1, scale: 1, tune_scale: false}}
train: {epochs: 3, batch: 8}
optimizer: {rate: 1e-5}
hyper_optimizer: {rate: 1e-5}
Y
cat >sweep.yaml <<'Y'
base: run.yaml
axes:
  length: {short: {train.epochs: 3}, long: {train.epochs: 100000000}}
  seed: {from: 0, count: 20}
Y
sed 's/count: 20/count: 21/' sweep.yaml >more.yaml
grep -v '^  length' sweep.yaml | sed 's/^axes:/&\n  length: {short: {train.epochs: 3}}/' >short.yaml
cat >shorter.yaml <<'Y'
base: run.yaml
axes:
  length: {short: {train.epochs: 3}, long: {train.epochs: 20000}}
  seed: {from: 0, count: 20}
Y
outcomes() { # FOLDER: what the table says, one word a member
  /usr/bin/python3 -c 'import h5py, sys; print(*[s.decode() for s in h5py.File(sys.argv[1])["members/outcome"][:]])' \
    "$1/sweep.h5"
}

# stop NAME SIGNAL REASON COMMAND...: the sweep in the folder NAME, whose short members have ended, at its first long one
stop() {
  local name=$1 signal=$2 reason=$3 status=0 tries=600
  shift 3
  "$dstn" sweep short.yaml --out "$name" >out 2>err </dev/null || { fail "$name: the short members" && cat err; }
  "$@" --resume >out 2>err </dev/null &
  local process=$! target
  until compgen -G "$name/members/long-*/step-*.h5" >found; do
    tries=$((tries - 1)) && [ $tries -gt 0 ] || break
    sleep 0.1
  done
  target=$(pgrep -P $process -x dstn | tail -1)
  kill -"$signal" "${target:-$process}"
  wait $process || status=$?
  [ $status -eq 75 ] || fail "$name: exit code $status"
  grep -Eq "^dstn: stopped by $reason: 20 of 40 members have ended; go on with --resume" err ||
    { fail "$name: it doesn't say what and how" && cat err; }
  grep -Eq '^done 20$' out || fail "$name: it doesn't count"
  [ "$(outcomes "$name" | wc -w)" = 20 ] || fail "$name: a stop takes the time to write the table"
  expect "$name: nothing is lost" 0 'sweep.h5 is as the ledger was [0-9]+ lines ago' "$dstn" audit "$name"
}
steps="--set checkpoint_steps=1000"
stop term TERM SIGTERM "$dstn" sweep sweep.yaml --out term $steps
stop one-of-two USR1 SIGUSR1 mpirun --oversubscribe -n 2 "$dstn" sweep sweep.yaml --out one-of-two $steps \
  --ranks-per-member 2 # one of them is told

# The table comes at the next start.
expect "a time limit" 75 '^dstn: stopped by the time limit: 20 of 42 members have ended; go on with --resume' \
  "$dstn" sweep more.yaml --out term $steps --resume --time-limit 3
grep -q 'sweep.h5 was older than its members' err || fail "the next start doesn't write the table"
[ "$(outcomes term | tr ' ' '\n' | grep -c done)" = 20 ] || fail "the table of the next start"
expect "and nothing is lost" 0 '1 preempted.* 20 done; audit passed' "$dstn" audit term
expect "it goes on to the end" 0 '^done 40' "$dstn" sweep shorter.yaml --out one-of-two $steps --resume
[ "$(outcomes one-of-two | tr ' ' '\n' | grep -c done)" = 40 ] || fail "the table of the end"
expect "and all are there" 0 '40 done.*audit passed' "$dstn" audit one-of-two
grep -q 'lines ago' err && fail "the table of the end is old"
expect "nothing to do" 0 '^done 40' "$dstn" sweep shorter.yaml --out one-of-two $steps --resume
grep -q 'older than' err && fail "a table that is up to date is written again"
finish
