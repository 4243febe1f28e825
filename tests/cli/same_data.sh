# A run goes on with the config and the data that it began with, and all ranks have the same: what differs is named
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
train: {epochs: 30, batch: ${1:-8}}
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
finish
