# A run, and all members of a sweep, go on with the config and the data that it began with, and all ranks have the same: what differs is named
# before a step is taken.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

table() { # ORDER-SEED COLUMNS ROWS
  /usr/bin/python3 - "$@" <<'P'
import random, sys
order, columns, rows = map(int, sys.argv[1:])
draw = random.Random(1)
lines = [",".join(f"{draw.gauss(0, 1):.4f}" for _ in range(columns)) for _ in range(rows)]
random.Random(order).shuffle(lines)
print(",".join([f"c{i}" for i in range(columns - 1)] + ["yield"]), *lines, sep="\n")
P
}
table 1 4 40 >first.csv
table 2 4 40 >shuffled.csv
table 1 4 29 >short.csv
table 1 5 40 >wide.csv
config() {
  cat <<Y
data: {path: well.csv, target: yield}
model: {layers: [dropout: {rate: p}, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {epochs: ${2:-30}, batch: ${1:-8}}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
}

mkdir one two && config >one/run.yaml && config >two/run.yaml && cp first.csv one/well.csv && cp first.csv two/well.csv
cat >each.sh <<'S'
cd "$scratch/$([ "$OMPI_COMM_WORLD_RANK" = 0 ] && echo one || echo two)" && exec "$@"
S
export scratch
both() {
  run_mpi 2 bash each.sh "$dstn" train run.yaml --out "$scratch/$1"
}
expect "equal copies train" 0 '^valid_loss' both equal
for other in shuffled short wide; do
  cp $other.csv two/well.csv
  expect "$other data on the other rank" 3 'data.path: well.csv on host .* is not what rank 0' both "$other"
done
cp first.csv two/well.csv && config 7 >two/run.yaml
expect "another batch on the other rank" 2 '"train.batch" is not what rank 0' both batch
config 8 31 >two/run.yaml
expect "another length on the other rank" 2 '"train.epochs" is not what rank 0' both length
config >two/run.yaml
for here in one two; do
  config | sed 's/^model: .*/model: model.yaml/' >$here/run.yaml
  echo '{layers: [dropout: {rate: p}, linear: {out: 1}]}' >$here/model.yaml
done
expect "equal files of the model" 0 '^valid_loss' both model
echo '{layers: [dropout: {rate: p}, linear: {out: 1, bias: false}]}' >two/model.yaml
expect "another file of the model on the other rank" 2 '"model.layers.1.linear.bias" is not what rank 0' both model2
config >one/run.yaml && config >two/run.yaml

cd one || exit 1
expect "a run" 0 '^valid_loss' "$dstn" train run.yaml --out out
cp ../shuffled.csv well.csv
longer=(--resume --set train.epochs=60)
expect "the same rows in another order are other data" 2 'data.path: .*does not hold the data of out' \
  "$dstn" train run.yaml --out out "${longer[@]}"
cp ../first.csv moved.csv
expect "the same data elsewhere are the same" 0 '^valid_loss' "$dstn" train run.yaml --out out "${longer[@]}" \
  --set data.path=moved.csv
checkpoint=$(ls out/checkpoints/step-*.h5 | tail -n 1)
expect "eval of other data" 2 'data.path: .*does not hold the data of' "$dstn" eval "$checkpoint" --set data.path=well.csv
expect "eval of the data where they are now" 0 '^valid_loss' "$dstn" eval "$checkpoint" --set data.path=moved.csv
expect "trace from a checkpoint of other data" 2 'data.path: .*does not hold the data of' "$dstn" trace run.yaml \
  --from "$checkpoint" --out trace.h5
expect "trace of the data where they are now" 0 '' "$dstn" trace run.yaml --from "$checkpoint" --out trace.h5 \
  --set data.path=moved.csv --set train.epochs=90
cp -r out bare && rm -r bare/checkpoints
expect "a record without a checkpoint has its data too" 2 'data.path: .*does not hold the data of bare/run.h5' \
  "$dstn" train run.yaml --out bare "${longer[@]}"
head -n 30 ../first.csv >well.csv
expect "fewer rows are other data" 2 'data.path: .*does not hold the data of out' "$dstn" train run.yaml --out out \
  --resume --set train.epochs=90
cd "$scratch" || exit 1

# Sweeps, one rank a member.
config >two/run.yaml
for here in one two; do
  printf 'base: run.yaml\naxes: {seed: {from: 0, count: 4}, data.valid_fraction: [0.2, 0.25]}\n' >$here/sweep.yaml
  cp first.csv $here/well.csv
done
both_sweep() {
  run_mpi 2 bash each.sh "$dstn" sweep sweep.yaml --out "$scratch/$1" "${@:2}"
}
count_of() { # STATE: of the last sweep
  awk -v name="$1" '$1 == name { print $2 }' "$scratch/out"
}
expect "equal copies sweep" 0 '^done 8' both_sweep same
[ "$(ls same/data | wc -l)" = 1 ] || { echo "FAIL one note serves all members of one file" && failures=$((failures + 1)); }
cp shuffled.csv two/well.csv
expect "members of other data fail" 5 'members failed.*data.path: well.csv on host .* is not what member .* read on host .* at 20' \
  both_sweep mixed
grep -Eq '^digest [0-9a-f]{32}$' mixed/data/*.txt || { echo "FAIL the note has a digest" && failures=$((failures + 1)); }
failed=$(count_of failed)
within "but those of the data that were first do not" "$(count_of done)" $((8 - failed)) 7
expect "what is done is of one kind" 0 'audit passed' "$dstn" audit mixed
printf 'base: run.yaml\naxes: {seed: {from: 0, count: 5}}\n' >two/sweep.yaml
expect "another sweep file on the other rank" 2 '"axes.*" is not what rank 0' both_sweep axes
cp one/sweep.yaml two/sweep.yaml && config 7 >two/run.yaml
expect "another base on the other rank" 2 'run.yaml on host .*"train.batch" is not what rank 0' both_sweep base

cd one || exit 1
cat >sweep.yaml <<'Y'
base: run.yaml
axes:
  table: {a: {data.path: a.csv}, b: {data.path: b.csv}}
  seed: {from: 0, count: 2}
Y
cp ../first.csv a.csv && cp ../shuffled.csv b.csv
expect "an axis over data" 0 '^done 4' "$dstn" sweep sweep.yaml --out axis
[ "$(ls axis/data | wc -l)" = 2 ] || { echo "FAIL each data set has a note" && failures=$((failures + 1)); }
touch a.csv && cp b.csv moved.csv && sed -i 's/b.csv/moved.csv/' sweep.yaml
more=(--resume --set axes.seed.count=3)
expect "data with another date or at another place" 0 '^done 6' "$dstn" sweep sweep.yaml --out axis "${more[@]}"
cp ../wide.csv a.csv
expect "data that were edited since" 2 'member a-.: data.path: .*does not hold the data of axis/members/a-.' \
  "$dstn" sweep sweep.yaml --out axis --resume --set axes.seed.count=4
mv axis/members axis/elsewhere # as on a host whose members have not begun, which have the note alone to compare with
expect "nor do new members read them" 5 'a.csv on host .* is not what member a-. read' \
  "$dstn" sweep sweep.yaml --out axis --resume --set axes.seed.count=4
rm -rf axis/members && mv axis/elsewhere axis/members

# Records of other data than their section's, which no launch leaves.
cp ../first.csv a.csv && rm -rf axis
expect "a sweep" 0 '^done 4' "$dstn" sweep sweep.yaml --out axis
cp ../wide.csv a.csv
expect "a sweep of other data" 0 '^done 4' "$dstn" sweep sweep.yaml --out other
cp ../first.csv a.csv && cp axis/members/a-1/run.h5 kept.h5 && cp other/members/a-1/run.h5 axis/members/a-1/run.h5
expect "audit finds data that differ" 1 '^a-1: its data \(digest .*\) are not those that a-0 has read' "$dstn" audit axis
mv axis/data notes
expect "also without the notes" 1 '^a-1: its data \(digest .*\) are not those that a-0 has read' "$dstn" audit axis
mv notes axis/data && cp kept.h5 axis/members/a-1/run.h5
expect "and nothing else" 0 'audit passed' "$dstn" audit axis
sed -i 's/^digest ..../digest 0000/' axis/data/*.txt
cp axis/sweep.h5 kept.h5
expect "a table that would mix data is not written" 3 'a-0: its data .* axis/sweep.h5 would mix them' \
  "$dstn" sweep sweep.yaml --out axis --resume
cmp -s axis/sweep.h5 kept.h5 || { echo "FAIL the table was written" && failures=$((failures + 1)); }
for note in axis/data/*.txt; do head -c 20 "$note" >cut && cp cut "$note"; done
expect "a note whose writer was killed is made again" 0 '^done 6' "$dstn" sweep sweep.yaml --out axis "${more[@]}"
expect "by members of the same data" 0 'audit passed' "$dstn" audit axis

# Somebody edits the base while a sweep runs.
cat >edit.sh <<'S'
until [ -e edited/members/0/run.h5 ]; do sleep 0.05; done
sed -i 's/batch: 8/batch: 7/' run.yaml
S
printf 'base: run.yaml\nset: {train.epochs: 20000}\naxes: {seed: {from: 0, count: 4}}\n' >long.yaml
config >run.yaml && cp ../first.csv well.csv
bash edit.sh &
expect "a base that is edited in a launch" 5 'run.yaml is not as it was when the launch began' "$dstn" sweep long.yaml --out edited
wait
finish
