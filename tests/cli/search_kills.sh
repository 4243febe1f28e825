# Searches that look at results: killed at any moment they go on to the same members, an audit asks for each of them
# again, and what a ledger was made to say is found.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
method: fixed
data: {path: table.csv, target: yield}
model: {response: full, layers: [linear: {out: 1, bias: false, init: zero}]}
regularizers: {l2: {strength: penalty}}
hyperparameters: {penalty: {transform: exp, start: 1, scale: 1, tune_scale: false}}
train: {iterations: 1, batch: 8}
optimizer: {rate: 1e-5}
Y
cat >halving.yaml <<'Y'
base: run.yaml
search: halving
members: 6
length: train.iterations
least: 30
most: 90
space:
  hyperparameters.penalty.start: {low: 0.01, high: 100, scale: log}
  optimizer.rate: {low: 1e-6, high: 1e-4, scale: log}
Y

asks() { # FOLDER: what was asked for, in that order
  cat "$1"/ledger/*.txt | sort -n | awk '$4 == "queued" && $5 == "new;" { print $3, $6, $7, $8 }'
}
audit() { # NAME FOLDER
  expect "$1: audit" 0 '; audit passed$' "$dstn" audit "$2"
}

expect "a search" 0 '^done [0-9]' "$dstn" sweep halving.yaml --out whole
kill_at() { # STEP [OPTION...]
  DSTN_DRILL=kill:0:$1 "$dstn" sweep halving.yaml --out killed "${@:2}" >out 2>err
}
kill_at 20 2>killed.txt
kill_at 70 --resume 2>killed.txt
[ "$(grep -c ' running ' killed/ledger/rank-0000.txt)" -gt 2 ] || fail "the second launch came to no member"
expect "killed twice: resume" 0 'goes on with [1-9]' "$dstn" sweep halving.yaml --out killed --resume
[ "$(grep -c 'its launch died' killed/ledger/planner.txt)" -eq 2 ] || fail "two launches died"
[ "$(asks whole)" = "$(asks killed)" ] || fail "another suggestion after a kill"
expect "killed twice: the same members" 0 '^equal' "$dstn" diff whole killed
audit "killed twice" killed
[ -z "$(find whole/members -name 'step-*' | grep -- '-r0/')" ] || fail "checkpoints that no member goes on from"
/usr/bin/python3 - <<'P' || fail "the table of a search"
import h5py, math
members = h5py.File("killed/sweep.h5")["members"]
names, parents = [[text.decode() for text in members[key][:]] for key in ("name", "parent")]
assert all(math.isfinite(value) for value in members["value"][:])
for name, parent, rate in zip(names, parents, members["point/optimizer.rate"][:]):
    assert parent == (f"{name[:-1]}{int(name[-1]) - 1}" if name[-1] != "0" else "")
    assert 1e-6 <= rate <= 1e-4
P
expect "another seed of the search" 2 '"search_seed" is not as it was .* 0 then, 3 now' "$dstn" sweep halving.yaml \
  --out killed --resume --set search_seed=3
expect "what a search will cost" 0 '^members [1-9]' "$dstn" sweep halving.yaml --plan --out none
sed -E '/^(length|least|most):/d; s/halving/random/' halving.yaml >random.yaml
expect "what random points will cost" 0 '^members 6$' "$dstn" sweep random.yaml --plan --out none
within "is what one of them costs" "$(grep -c '^kind ' "$scratch/out")" 1 1

expect "fewer members" 2 'up to 12 members .* up to 8 now; members may be added' "$dstn" sweep halving.yaml \
  --out killed --resume --set members=4
expect "a drill of a search" 0 'passed' "$dstn" drill halving.yaml --kill-rank 0 --at-step 20 --out drill

# The last bits of an answer may be others with OpenBLAS's code for another processor.
elsewhere=(env OPENBLAS_CORETYPE=Prescott "$dstn")
if ! "${elsewhere[@]}" --version | grep -Fq "$(/usr/bin/python3 -c 'import h5py
print(h5py.File("killed/members/t0000-r0/run.h5")["provenance"].attrs["instruction_set"].decode())')"; then
  expect "an audit on another processor" 0 'is not asked for again: the last bits' "${elsewhere[@]}" audit killed
fi

# A ledger that says something else, with sums that are right.
forge() { # FROM TO: in the last line that has it
  /usr/bin/python3 - "$@" <<'P'
import sys, zlib
path = "killed/ledger/rank-0000.txt"
lines = open("kept").read().splitlines()
at = max(i for i, line in enumerate(lines) if sys.argv[1] in line)
body = lines[at].rsplit(" ", 1)[0].replace(*sys.argv[1:])
lines[at] = f"{body} {zlib.crc32(body.encode()):08x}"
open(path, "w").write("\n".join(lines) + "\n")
P
}
cp killed/ledger/rank-0000.txt kept
forge ' point=' ' point=1'
expect "a point that was not asked for" 1 'asked again, the method says' "$dstn" audit killed
forge 'done value=' 'done value=1'
expect "a value that is not the record's" 1 'its value is .* in the ledger and .* in its record' "$dstn" audit killed

finish
