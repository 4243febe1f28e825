# What a sweep says while it runs: a line for every member that ends, every warning of any rank once, and on a terminal a
# table with the values of the hyperparameters.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {response: full, layers: [linear: {out: 1, bias: false, init: zero}]}
regularizers: {l2: {strength: lambda}}
hyperparameters: {lambda: {transform: exp, start: 1, scale: 1, tune_scale: false}}
train: {iterations: 3000, batch: 8}
optimizer: {rate: 1e-3}
hyper_optimizer: {rate: 1e-3}
Y
cat >sweep.yaml <<'Y'
base: run.yaml
axes:
  kind:
    good: {train.iterations: 3000}
    breaks: {optimizer.rate: 1e6}
    lacks: {data.path: nowhere.csv}
    spares: {hyperparameters.spare: {transform: exp, start: 1, scale: 1}}
  seed: {from: 0, count: 3}
Y
stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z'

expect "a sweep with members of all kinds" 5 '^failed 3$' run_mpi 3 "$dstn" sweep sweep.yaml --out all
# Whichever rank has run it: 12 lines, counted in the order of their ends.
grep -Eo "^(warning: )?$stamp [0-9]+ of 12 done" err | sed 's/.*Z //' >counted
seq -f '%.0f of 12 done' 12 | cmp -s - counted || fail "members that end are not counted from 1 to 12"
for line in "good-[012]: validation loss [0-9.]+" "spares-[012]: validation loss [0-9.]+"; do
  [ "$(grep -Ec "^$stamp [0-9]+ of 12 done(, ([0-9]+m[0-9]{2}s|\\?) left)?: $line\$" err)" -eq 3 ] || fail "no 3 lines $line"
done
for line in "breaks-[012]: diverged: .* at step [0-9]+" "lacks-[012]: failed: .*nowhere.csv"; do
  [ "$(grep -Ec "^warning: $stamp [0-9]+ of 12 done.*: $line" err)" -eq 3 ] || fail "no 3 lines $line"
done
grep -Eq "^$stamp 12 of 12 done: |^warning: $stamp 12 of 12 done: " err || fail "time is left after the last one"
[ "$(grep -c 'hyperparameters.spare: no layer' err)" -eq 1 ] || fail "a warning of three members isn't told once"

# Only another rank has something to warn of: the first one trains the long member.
cat >two.yaml <<'Y'
base: run.yaml
axes:
  kind:
    long: {train.iterations: 100000}
    spares: {train.iterations: 100000, hyperparameters.spare: {transform: exp, start: 1, scale: 1}}
Y
expect "a warning of another rank" 0 '^warning: hyperparameters.spare: no layer' run_mpi 3 "$dstn" sweep two.yaml \
  --out other
grep -q '^warning: 1 of 3 groups of 1 ranks have nothing to do, since 2 members wait' "$scratch/err" ||
  fail "nobody says that a rank is idle"
expect "a quiet sweep" 5 '^warning: .*breaks-0: diverged' run_mpi 2 "$dstn" sweep sweep.yaml --out quiet --quiet
grep -E 'good-|spares-' "$scratch/err" && fail "a quiet sweep speaks of what went well"

# The longest come first, and each kind keeps its order.
cat >order.yaml <<'Y'
base: run.yaml
axes:
  kind: {short: {train.iterations: 30}, long: {train.iterations: 30000}, middle: {train.iterations: 1500}}
  seed: {from: 0, count: 2}
Y
order() {
  sed -En "s/^$stamp [0-9]+ of 6 done[^:]*: ([a-z]+-[01]): .*/\1/p" "$scratch/err" | tr '\n' ' '
}
expect "a sweep whose longest members come last in its file" 0 '^inside_members 0\.[0-9]+$' "$dstn" sweep order.yaml \
  --out order
[ "$(order)" = "long-0 long-1 middle-0 middle-1 short-0 short-1 " ] || fail "not the longest first: $(order)"
/usr/bin/python3 - <<'P' || fail "the table doesn't say how the ranks' time was used"
import h5py
launch = h5py.File("order/sweep.h5")["launch"].attrs
assert launch["ranks"] == 1 and 0 < launch["member_seconds"] < launch["seconds"]
P

# What a plan says of members that are all setting up and files, against what they took.
expect "a plan of short members" 0 '^kind short-0 .* s of it at any length$' "$dstn" sweep order.yaml --plan \
  --set 'axes.kind={short: {train.iterations: 10}}' --set axes.seed.count=20 --out planned/out
planned=$(value seconds)
expect "and they" 0 '^done 20$' "$dstn" sweep order.yaml --set 'axes.kind={short: {train.iterations: 10}}' \
  --set axes.seed.count=20 --out planned
took=$(/usr/bin/python3 -c 'import h5py; print(h5py.File("planned/sweep.h5")["launch"].attrs["member_seconds"])')
within "planned seconds for one" "$(awk "BEGIN { print $planned / $took }")" 0.05 20
[ -z "$(find . -name '.dstn-plan-*')" ] || fail "a plan leaves files"

# What stays of a member: three files in a folder, or its record alone, which is enough to go on with the sweep.
files() { # FOLDER: how many, and their names without numbers
  echo "$(find "$1/members" -type f | wc -l) $(find "$1/members" -type f -printf '%f\n' | sort -u | tr '\n' ' ')"
}
[ "$(files order | cut -d' ' -f1)" = 18 ] && [ "$(find order/members -type d | wc -l)" = 7 ] ||
  fail "more than three files and a folder a member: $(files order)"
expect "members that leave their records alone" 0 '^done 6$' run_mpi 2 "$dstn" sweep order.yaml --out lean \
  --set keep=record
[ "$(files lean)" = "6 run.h5 " ] || fail "not the records alone: $(files lean)"
expect "they are the same members" 0 '^6 members, 0 different' "$dstn" diff order lean
expect "nothing is lost" 0 '6 done.*audit passed' "$dstn" audit lean
expect "they have ended" 0 'keeps 6 members, goes on with 0' "$dstn" sweep order.yaml --out lean --resume
expect "another config isn't theirs" 2 'optimizer.rate' "$dstn" sweep order.yaml --out lean --resume \
  --set optimizer.rate=1e-4
expect "a sweep that kept more" 0 'keeps 6 members' "$dstn" sweep order.yaml --out order --resume --set keep=record
[ "$(files order)" = "6 run.h5 " ] || fail "a resume doesn't remove what isn't to be kept: $(files order)"
sed -i 's/short: {train.iterations: 30}/short: {train.iterations: 60}/' order.yaml
expect "members that are made longer start anew" 0 '^done 6$' "$dstn" sweep order.yaml --out lean --resume
expect "a sweep of that length" 0 '^done 6$' "$dstn" sweep order.yaml --out new
expect "as if they had been so from the start" 0 '^6 members, 0 different' "$dstn" diff lean new
expect "and the audit knows why" 0 '6 done.*audit passed' "$dstn" audit lean

# What a launch that was killed while it wrote a checkpoint has left, and how to go on.
DSTN_DRILL=checkpoint:3 expect "a sweep that dies" 137 '' "$dstn" sweep order.yaml --out dead --set checkpoint_steps=1000
unfinished=dead/data/$(printf '%032d' 0).txt
printf 'digest 1\n' >"$unfinished" && printf 'mine' >dead/data/mine.txt
for line in 'a launch has died \(host .*, process [0-9]+, job .*\) while it ran 1 members, first long-0: they go on' \
  'a launch has died while it wrote 2 files, first dead/members/long-0/step-[0-9]*.h5.tmp-[0-9]*.dstn: they are removed' \
  '6 members have not ended; go on with: dstn sweep SWEEP.yaml --out dead --resume' \
  '5 queued, 1 running, .*audit passed'; do
  expect "its audit: ${line:0:30}" 0 "$line" "$dstn" audit dead
done
expect "it goes on" 0 'long-0: resumed at step 2000' "$dstn" sweep order.yaml --out dead --set checkpoint_steps=1000 --resume
expect "its audit at the end" 0 '^6 members: .*audit passed' "$dstn" audit dead
grep -E 'died|go on' "$scratch/out" && fail "something is left, or said to be"
[ ! -e "$unfinished" ] && [ -e dead/data/mine.txt ] || fail "notes that a dead launch has left stay, or others' files go"

# What no member can do is said before the first one starts.
expect "more ranks than shards" 2 'member short-0: .*shards: 1; accepted with 2 ranks a member' run_mpi 2 "$dstn" \
  sweep order.yaml --out shards --ranks-per-member 2 --set reproducible=true --set shards=1
expect "more ranks than rows" 2 'member short-0: .*2 ranks are more than the 1 examples of a training batch' run_mpi 2 \
  "$dstn" sweep order.yaml --out shards --ranks-per-member 2 --set train.batch=1 --set train.samples=4
expect "or of a validation batch" 2 'member short-0: .*2 ranks are more than the 1 examples of a validation batch' run_mpi 2 \
  "$dstn" sweep order.yaml --out shards --ranks-per-member 2 --set train.valid_batch=1
[ ! -e shards/ledger/planner.txt ] || fail "members were queued that can't run"
expect "ranks that make no groups" 2 '^dstn: 3 ranks make no groups of 2 ranks per member; start a multiple' \
  run_mpi 3 "$dstn" sweep order.yaml --out groups --ranks-per-member 2

# On any number of ranks.
sed 's/long: {train.iterations: 30000}/long: {train.iterations: 100000}/' order.yaml >world.yaml
steps="--set checkpoint_steps=1000 --set record.every=1000"
expect "a sweep on two ranks" 75 '^dstn: stopped by the time limit' run_mpi 2 "$dstn" sweep world.yaml --out world $steps \
  --time-limit 0.2
expect "goes on on three" 75 '(long|middle)-.: resumed at step' run_mpi 3 "$dstn" sweep world.yaml --out world $steps --resume \
  --time-limit 0.2
expect "and ends on one" 0 '^done 6$' "$dstn" sweep world.yaml --out world $steps --resume
expect "with nothing lost" 0 '6 done.*audit passed' "$dstn" audit world

# Through mpirun, too.
cat >live.sh <<E
stty cols 50 rows 12
mpirun --oversubscribe -n 2 $dstn sweep two.yaml --out live --set train.iterations=10000000 --time-limit 3
E
TERM=xterm script -qec "bash live.sh" /dev/null </dev/null >shown 2>&1
tr -d '\r' <shown | sed 's/\x1b\[[0-9]*[A-Z]//g' >lines
grep -Eq '^    lambda [0-9.e+-]+  spare [0-9.e+-]+$' lines || { fail "no values in the table" && cat lines; }
grep -Eq '^[01] of 2 done, .* left$' lines || fail "no head of the table"
grep -Eq $'\x1b\\[[0-9]+A\x1b\\[J' shown || fail "the table is not drawn in place"
# What is cut stays on its line, or the next table would not find it.
grep -E '^(long|spares) |^    ' lines | awk 'length > 49 { exit 1 }' || fail "a line of the table is too long"
finish
