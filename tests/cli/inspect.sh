# What tells runs apart and what proves a sweep whole: diff, audit and inspect, and what they say of damage.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1
ridge=jobs/toys/ridge.yaml
short="--set train.iterations=400"

# json NAME COMMAND...: prints one valid JSON object on one line.
json() {
  local name=$1
  shift
  expect "$name" 0 '^\{' "$@" --json
  if ! python3 -m json.tool <"$scratch/out" >/dev/null 2>&1 || [ "$(wc -l <"$scratch/out")" -ne 1 ]; then
    echo "FAIL $name: not one valid JSON object on one line" && failures=$((failures + 1))
  fi
}

# ---- diff ----

quiet() { "$@" >"$scratch/out" 2>&1 || { echo "FAIL $*" && sed 's/^/    /' "$scratch/out" && failures=$((failures + 1)); }; }
quiet "$dstn" train $ridge $short --set checkpoint_steps=200 --out "$scratch/a"
quiet "$dstn" train $ridge $short --set checkpoint_steps=200 --out "$scratch/b"
quiet "$dstn" train $ridge $short --set optimizer.rate=0.011 --set checkpoint_steps=200 --out "$scratch/rate"
quiet "$dstn" train $ridge --set train.iterations=300 --out "$scratch/shorter"
expect "a run equals its repetition" 0 '^equal$' "$dstn" diff "$scratch/a" "$scratch/b"
expect "records alone are compared too" 0 '^equal$' "$dstn" diff "$scratch/a/run.h5" "$scratch/b/run.h5"
expect "diff on 2 ranks says it once" 0 '^equal$' run_mpi 2 "$dstn" diff "$scratch/a" "$scratch/b"
[ "$(wc -l <"$scratch/out")" -eq 1 ] || { echo "FAIL diff on 2 ranks says more than one line" && failures=$((failures + 1)); }
expect "another learning rate" 1 '^different state/.* at step 200: [0-9]+ of [0-9]+ elements' \
  "$dstn" diff "$scratch/a" "$scratch/rate"
expect "the first step at which they part" 1 '^different first at step [0-9]+: ' "$dstn" diff "$scratch/a" "$scratch/rate"
expect "the digests part" 1 '^different digest/hash: from step 40;' "$dstn" diff "$scratch/a" "$scratch/rate"
expect "a shorter run" 1 '^different digest/step: lengths 10 and 7' "$dstn" diff "$scratch/a" "$scratch/shorter"
if grep -q '^different digest/hash' "$scratch/out"; then
  echo "FAIL a shorter run differs before its end" && failures=$((failures + 1))
fi
expect "a folder without a run" 3 'run\.h5' "$dstn" diff "$scratch/a" "$scratch"
expect "a run that isn't there" 3 'nothing' "$dstn" diff "$scratch/nothing" "$scratch/a"
expect "a file that is no record" 3 'no seal' "$dstn" diff "$scratch/a" tests/fixtures/mlp_3h.h5
expect "diff of one run" 2 'usage' "$dstn" diff "$scratch/a"
cp -r "$scratch/b" "$scratch/flipped"
printf 'X' | dd of="$scratch/flipped/run.h5" bs=1 seek=3000 conv=notrunc 2>/dev/null
expect "a damaged record is not equal" 3 'damaged' "$dstn" diff "$scratch/a" "$scratch/flipped"
cp "$scratch/b/run.h5" "$scratch/flipped/run.h5"
for checkpoint in "$scratch"/flipped/checkpoints/*; do
  printf 'X' | dd of="$checkpoint" bs=1 seek=3000 conv=notrunc 2>/dev/null
done
expect "nor is a damaged checkpoint" 3 'damaged' "$dstn" diff "$scratch/a" "$scratch/flipped"

# ---- audit ----

cat >"$scratch/sweep.yaml" <<YAML
base: $root/$ridge
set: {train.iterations: 300}
axes:
  rate:
    slow: {optimizer.rate: 0.001}
    wild: {optimizer.rate: 10000.0, train.iterations: 2000}
  seed: {from: 0, count: 2}
YAML
sweep="$scratch/sweep"
quiet "$dstn" sweep "$scratch/sweep.yaml" --out "$sweep"
expect "a whole sweep" 0 '^4 members: .* 2 diverged, 2 done; audit passed$' "$dstn" audit "$sweep"
expect "audit on 2 ranks" 0 'audit passed$' run_mpi 2 "$dstn" audit "$sweep"
expect "a sweep equals itself" 0 '^equal$' "$dstn" diff "$sweep" "$sweep"
expect "a sweep is no run" 2 'is a sweep' "$dstn" diff "$sweep" "$scratch/a"
expect "a run has no ledger" 3 'ledger' "$dstn" audit "$scratch/a"
expect "a folder that isn't there" 3 'ledger' "$dstn" audit "$scratch/nothing"

# damaged NAME: a copy of the sweep, to damage.
damaged() {
  rm -rf "$scratch/damaged"
  cp -r "$sweep" "$scratch/damaged"
  ledger="$scratch/damaged/ledger/rank-0000.txt"
}

# line SEQUENCE MEMBER STATE [DETAIL]: a line of the ledger with a good checksum.
line() {
  python3 -c 'import sys, zlib
body = "%s 2025-01-31T23:59:59.123Z %s %s %s" % tuple(sys.argv[1:5])
print(body, "%08x" % zlib.crc32(body.encode()))' "$1" "$2" "$3" "${4:--}"
}
last() { cat "$scratch"/damaged/ledger/* | sort -n | tail -n 1 | cut -d ' ' -f 1; }

damaged
sed -i '2s/ d[a-z]* / failed /' "$ledger"
expect "a tampered ledger" 1 'rank-0000.txt:2: .*damaged' "$dstn" audit "$scratch/damaged"
expect "a ledger without proof has failed" 1 '^audit failed' "$dstn" audit "$scratch/damaged"
damaged
printf '99 2025-01-' >>"$ledger"
expect "a torn last line is no damage" 0 'audit passed' "$dstn" audit "$scratch/damaged"
damaged
sed -i '2d' "$ledger"
expect "a line cut out" 1 'lines are missing' "$dstn" audit "$scratch/damaged"
damaged
n=$(last)
{ line $((n + 1)) slow-0 running && line $((n + 2)) slow-0 done; } >>"$ledger"
expect "a member run twice" 1 '^slow-0: .*run twice' "$dstn" audit "$scratch/damaged"
expect "it is done twice" 1 '^slow-0: done 2 times, made longer 0 times' "$dstn" audit "$scratch/damaged"
damaged
n=$(last)
{ line $((n + 1)) slow-0 queued 'made longer' && line $((n + 2)) slow-0 running && line $((n + 3)) slow-0 done; } >>"$ledger"
expect "a member made longer is run again" 0 'audit passed' "$dstn" audit "$scratch/damaged"
damaged
line $(($(last) + 1)) slow-0 queued 'its launch died' >>"$ledger"
expect "what is done is not queued again" 1 '^slow-0: .*may not follow "done"' "$dstn" audit "$scratch/damaged"
damaged
n=$(last)
line $((n + 1)) slow-2 queued new >>"$scratch/damaged/ledger/planner.txt"
line $((n + 2)) slow-2 running >>"$ledger"
line $((n + 3)) slow-2 done >"$scratch/damaged/ledger/rank-0001.txt"
expect "one rank begins and another ends" 1 '^slow-2: rank-0000 began it and rank-0001' "$dstn" audit "$scratch/damaged"
damaged
line $(($(last) + 1)) slow-2 running >>"$ledger"
expect "a member that nobody planned" 1 'planned' "$dstn" audit "$scratch/damaged"
damaged
rm "$scratch/damaged/members/slow-1/run.h5"
expect "a lost record" 1 '^slow-1: .*lost' "$dstn" audit "$scratch/damaged"
expect "two sweeps that differ" 1 '^different slow-1: only A has a record' "$dstn" diff "$sweep" "$scratch/damaged"
damaged
printf 'X' | dd of="$scratch/damaged/members/slow-1/run.h5" bs=1 seek=3000 conv=notrunc 2>/dev/null
expect "a damaged record" 1 '^slow-1: .*damaged' "$dstn" audit "$scratch/damaged"
damaged
cp "$scratch/damaged/members/slow-1/run.h5" "$scratch/damaged/members/wild-1/run.h5"
expect "a record that says otherwise" 1 '^wild-1: diverged in the ledger and done in its record' \
  "$dstn" audit "$scratch/damaged"
expect "the members that differ" 1 '^different wild-1: ' "$dstn" diff "$sweep" "$scratch/damaged"
damaged
mkdir "$scratch/damaged/members/stray"
expect "a folder that is in no ledger" 1 '^stray: ' "$dstn" audit "$scratch/damaged"
expect "members of one sweep only" 1 '^different stray: only B has it' "$dstn" diff "$sweep" "$scratch/damaged"
damaged
n=$(last)
line $((n + 1)) slow-2 queued new >>"$scratch/damaged/ledger/planner.txt"
expect "a table older than the ledger" 0 'audit passed' "$dstn" audit "$scratch/damaged"
sed -i '/ wild-1 /d' "$ledger" "$scratch/damaged/ledger/planner.txt"
expect "a member of the table that the ledger lacks" 1 '^wild-1: is in sweep.h5' "$dstn" audit "$scratch/damaged"

# Killed without warning, and gone on with: nothing is lost, and nothing tells it from the undisturbed sweep.
for kill in 1 2; do
  "$dstn" sweep "$scratch/sweep.yaml" --out "$scratch/killed" --resume >/dev/null 2>&1 &
  process=$!
  sleep 1
  kill -9 $process 2>/dev/null
  wait $process 2>/dev/null
  if [ -d "$scratch/killed/ledger" ]; then
    expect "audit after kill $kill" 0 'audit passed' "$dstn" audit "$scratch/killed"
  fi
done
quiet "$dstn" sweep "$scratch/sweep.yaml" --out "$scratch/killed" --resume
expect "audit after the last launch" 0 '2 diverged, 2 done; audit passed' "$dstn" audit "$scratch/killed"
expect "its members equal the undisturbed ones" 0 '^equal$' "$dstn" diff "$sweep" "$scratch/killed"

# ---- inspect ----

checkpoint=$(ls "$scratch"/a/checkpoints/*.h5 | tail -n 1)
quiet "$dstn" oracle $ridge --out "$scratch/a-oracle"
expect "inspect a record" 0 'series/valid_loss [0-9]+ rows, first .*, last ' "$dstn" inspect "$scratch/a/run.h5"
expect "what a record says of its run" 0 'result/status done' "$dstn" inspect "$scratch/a/run.h5"
expect "its config with -v" 0 'hyper_optimizer' "$dstn" inspect "$scratch/a/run.h5" -v
expect "inspect a checkpoint" 0 'state/model/general f64 \[13\] min .* all finite' "$dstn" inspect "$checkpoint"
expect "inspect a table" 0 '^  done 2$' "$dstn" inspect "$sweep/sweep.h5"
expect "inspect an oracle" 0 ': oracle$' "$dstn" inspect "$scratch/a-oracle/oracle.h5"
expect "inspect a fixture" 0 ': fixture$' "$dstn" inspect tests/fixtures/mlp_3h.h5
for file in "$scratch/a/run.h5" "$sweep/members/wild-0/run.h5" "$checkpoint" "$sweep/sweep.h5" "$scratch/a-oracle/oracle.h5" \
  tests/fixtures/conv_stride_18h.h5; do
  json "JSON of ${file##*/}" "$dstn" inspect "$file"
  json "JSON of ${file##*/} with texts" "$dstn" inspect -v "$file"
done
expect "inspect no file" 3 'No such file' "$dstn" inspect "$scratch/nothing.h5"
expect "inspect a folder" 3 'folder' "$dstn" inspect "$scratch/a"
: >"$scratch/empty.h5"
expect "inspect an empty file" 3 'empty' "$dstn" inspect "$scratch/empty.h5"
head -c 3000 "$scratch/a/run.h5" >"$scratch/cut.h5"
expect "inspect a cut file" 3 'cut' "$dstn" inspect "$scratch/cut.h5" --json

# ---- damaged files of ours, and other people's ----

# edit FILE NEW PYTHON: a copy of a file without its seal, changed by h5py.
edit() {
  cp "$1" "$2"
  truncate -s -32 "$2"
  /usr/bin/python3 -c 'import h5py, sys
with h5py.File(sys.argv[1], "r+", libver="latest") as f:
    exec(sys.argv[2])' "$2" "$3"
}
cp "$scratch/a/run.h5" "$scratch/flip.h5"
printf 'X' | dd of="$scratch/flip.h5" bs=1 seek=3000 conv=notrunc 2>/dev/null
expect "a record whose seal doesn't fit" 4 'flip.h5 is damaged' "$dstn" inspect "$scratch/flip.h5"
edit "$scratch/a/run.h5" "$scratch/edited.h5" 'f["series/train_loss"][0] = 0'
expect "a record that h5py has changed" 4 'edited.h5 is damaged: it holds what a run ' "$dstn" inspect "$scratch/edited.h5"
edit "$checkpoint" "$scratch/step.h5" 'f.attrs["step"] = 1'
expect "a checkpoint that h5py has changed" 4 'holds what a checkpoint' "$dstn" inspect "$scratch/step.h5"
/usr/bin/python3 - "$scratch" <<'P'
import os, sys
import h5py
import numpy as np
os.chdir(sys.argv[1])
with h5py.File("claim.h5", "w") as f:
    f.create_dataset("x", shape=(2**27, 2), chunks=(16, 2), dtype="f8")
with h5py.File("names.h5", "w") as f:
    f["\x1b[31mname\x1b]0;T\a"] = np.arange(3.0)
    f["texts"] = np.array(["a\x1b[31mb", "c\u202ed"], dtype=h5py.string_dtype())
    f.create_group("provenance").attrs["method"] = "stn\x1b[2J\n\x9b31m"
with h5py.File("cycle.h5", "w") as f:
    f["x"] = 1.0
    f["g/g"] = f["/"]
    f["g/x"] = f["x"]
P
expect "a file that claims more than it has" 3 'claims 2147483648 bytes' "$dstn" inspect "$scratch/claim.h5"
expect "a group within itself" 0 'g/x f64' "$dstn" inspect "$scratch/cycle.h5"
for format in "" --json; do
  expect "names with escapes $format" 0 'name' "$dstn" inspect "$scratch/names.h5" $format
  if LC_ALL=C grep -q -e $'\x1b' -e $'\xc2\x9b' -e $'\xe2\x80\xae' "$scratch/out"; then
    echo "FAIL escapes of a file reach the terminal $format" && failures=$((failures + 1))
  fi
done
finish
