# Results and messages that can't be written: a full disk, a closed descriptor, a reader that went away, a limit on the
# size of files. What ran is kept, and the exit code says that something is missing.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {response: full, layers: [linear: {out: 1, bias: false, init: zero}]}
regularizers: {l2: {strength: lambda}}
hyperparameters: {lambda: {transform: exp, start: 1, scale: 1, tune_scale: false}}
train: {epochs: 30, batch: 8}
precision: f64
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
cat >sweep.yaml <<'Y'
base: run.yaml
axes: {seed: [0, 1]}
Y
expect "a run to look at" 0 '^valid_loss' "$dstn" train run.yaml --out run
expect "a sweep to look at" 0 '^done 2' "$dstn" sweep sweep.yaml --out sweep
checkpoint=$(echo run/checkpoints/*.h5)
fixture=$root/tests/fixtures/mlp_3h.h5

# full COMMAND..., closed COMMAND..., unread COMMAND...: where its stdout goes
full() { "$@" >/dev/full; }
closed() { "$@" >&-; }
unread() { # the reader is gone before anything is printed
  { sleep 0.2 && "$@"; } > >(:)
}
number=0
# each NAME COMMAND...: exit code 1 and the reason, wherever stdout goes
each() {
  local name=$1
  shift
  local words=("$@")
  for way in "full:No space left on device" "closed:Bad file descriptor" "unread:Broken pipe"; do
    number=$((number + 1))
    expect "$name, ${way%%:*}" 1 "^dstn: stdout can't be written: ${way#*:}" "${way%%:*}" "${words[@]//NUMBER/$number}"
  done
}
each oracle "$dstn" oracle run.yaml --out oracle-NUMBER
each train "$dstn" train run.yaml --out train-NUMBER
for n in $(seq $((number - 2)) $number); do
  [ -s train-$n/run.h5 ] || fail "a run whose results nobody got is lost"
  grep -q "^lambda " <("$dstn" train run.yaml --out train-$n --resume) || fail "its results can't be had later"
done
each sweep "$dstn" sweep sweep.yaml --out sweep-NUMBER
each "sweep --plan" "$dstn" sweep sweep.yaml --plan
each eval "$dstn" eval "$checkpoint"
each inspect "$dstn" inspect run/run.h5
each "inspect --json" "$dstn" inspect "$checkpoint" --json
each check "$dstn" check "$fixture" "$fixture"
each data "$dstn" data check run.yaml
each diff "$dstn" diff run run
each audit "$dstn" audit sweep
each trace "$dstn" trace run.yaml --steps 2 --out trace-NUMBER.h5
each help "$dstn" help
each "help of a key" "$dstn" help seed
each usage "$dstn" --help
each "usage of a command" "$dstn" train --help
each version "$dstn" --version
# mpirun itself sometimes dies of SIGPIPE where its reader is gone, which tells the user as much.
two_ranks() {
  local status=0
  run_mpi 2 "$@" || status=$?
  return $((status == 128 + 13 ? 1 : status))
}
each "two ranks" two_ranks "$dstn" eval "$checkpoint"
expect bench 1 "^dstn: stdout can't be written: No space" full "$dstn" bench "$root/jobs/models/mlp.yaml" --batch 8 \
  --steps 1
expect drill 1 "^dstn: stdout can't be written: No space" full "$dstn" drill run.yaml --out drill --at-step 40
expect "an error keeps its exit code" 3 'table.txt' full "$dstn" data check run.yaml --set data.path=table.txt

# ---- half of it was read ----
expect "inspect | head -1" 0 'run/run.h5' bash -o pipefail -c "'$dstn' inspect run/run.h5 | head -1 || true"
head_of() { "$dstn" help 2>head.err | { sleep 0.3 && head -c 10; } || status=${PIPESTATUS[0]}; }
status=0 && head_of >head.out
[ $status -eq 0 ] || [ $status -eq 1 ] || fail "help | head dies by a signal: $status"

# ---- a log that nobody reads ----
"$dstn" train run.yaml --set train.epochs=3000 --out unread -v 2> >(head -1 >first) >out
[ $? -eq 1 ] && grep -q '^valid_loss' out || fail "a run whose log breaks ends with its results and exit code 1"
"$dstn" eval unread/checkpoints/*.h5 >again && [ "$(awk '/^valid_loss/' again)" = "$(awk '/^valid_loss/' out)" ] ||
  fail "its last checkpoint is not of its end"
"$dstn" train run.yaml --out unlogged 2>/dev/full >out
[ $? -eq 1 ] && grep -q '^valid_loss' out || fail "a log on a full disk takes the run with it"
"$dstn" train run.yaml --out silent 2>&- >out && grep -q '^valid_loss' out || fail "a closed stderr is no error"
"$dstn" inspect silent/run.h5 >out || fail "messages went into a file"
grep -rqs -e '^1 rank on' silent && fail "messages went into a file"
"$dstn" train run.yaml --out three <&- >&- 2>&-
[ $? -eq 1 ] && "$dstn" eval three/checkpoints/*.h5 >out || fail "a run without any descriptor is lost"

# ---- the limit on the size of files ----
small() { (ulimit -f "$1" && shift && exec "$@"); }
expect "a record beyond ulimit -f" 1 'File too large' small 2 "$dstn" train run.yaml --out limited
expect "and it goes on with more" 0 '^valid_loss' "$dstn" train run.yaml --out limited --resume
cp -r run limited-later
expect "one that has checkpoints" 1 'File too large' small 2 "$dstn" train run.yaml --out limited-later --resume \
  --set train.epochs=60
cmp run/run.h5 limited-later/run.h5 && cmp "$checkpoint" "limited-later/checkpoints/${checkpoint##*/}" ||
  fail "what was saved before is damaged"
ls limited-later limited-later/checkpoints | grep tmp && fail "a remnant stays"
expect "goes on from them" 0 '^valid_loss' "$dstn" train run.yaml --out limited-later --resume --set train.epochs=60
beyond() { # stderr is no file
  (ulimit -f 0 && "$dstn" help 2>&1 >beyond-it) | cat
  return "${PIPESTATUS[0]}"
}
expect "results beyond it" 1 "^dstn: stdout can't be written: File too large" beyond
finish
