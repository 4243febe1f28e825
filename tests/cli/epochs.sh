# What happens at the end of an epoch: evaluation, schedules, the best epoch so far; and `dstn eval` of what was kept.
. "$(dirname "$0")/common.sh"
mkdir "$scratch/data" && cd "$scratch" || exit 1

/usr/bin/python3 - >data/blobs.csv <<'P'
import random
random.seed(1)
print("a,b,c,y")
for _ in range(400):
    k = random.randrange(3)
    print("%.4f,%.4f,%.4f,%d" % (random.gauss(k, 1), random.gauss(-k, 1.2), random.gauss(0, 1), k))
P
cat >blobs.yaml <<'Y'
method: delta-stn
precision: f64
data: {source: csv, path: data/blobs.csv, target: y, task: classification, valid_fraction: 0.25}
model:
  loss: cross_entropy
  layers: [dropout: {rate: drop}, linear: {out: 16}, relu, linear: {out: 3}]
hyperparameters:
  drop: {range: [0, 0.95], start: 0.05}
train: {epochs: 40, batch: 20, train_steps: 5, entropy_weight: 0.001}
optimizer: {rate: 0.05, momentum: 0.9, schedule: plateau, factor: 0.5, patience: 3}
hyper_optimizer: {rate: 0.01}
record: {every: 10}
checkpoint_steps: 40   # an epoch has 15 steps
Y
train() { # FOLDER [OPTION...]
  "$dstn" train blobs.yaml --out "$@"
}
# facts FILE EXPRESSION: prints a Python expression of the open file f.
facts() {
  /usr/bin/python3 -c "import h5py, numpy as np, sys; f = h5py.File(sys.argv[1]); print($2)" "$1"
}

# ---- the record ----
expect "a classification run" 0 '^valid_accuracy ' train whole
grep -q 'blobs.csv: 300 training and 100 validation rows.*' "$scratch/err" &&
  grep -Eq 'delta-stn on openblas f64, .* 115 general \+ 153 response parameters' "$scratch/err" ||
  fail "the first lines don't say what is trained on what"
[ "$(facts whole/run.h5 'list(f["epochs/step"][:]) == [15 * e for e in range(1, 41)]')" = True ] ||
  fail "there is not one row an epoch"
[ "$(facts whole/run.h5 '"valid_loss" in f["series"]')" = False ] || fail "rows between epochs are evaluated"
[ "$(facts whole/run.h5 'np.isclose(f["epochs/train_loss"][39],
    np.mean([l for s, l in zip(f["series/step"][:], f["series/train_loss"][:]) if 585 < s <= 600]), rtol=0.5)')" = True ] ||
  fail "the mean training loss of an epoch is none"
[ "$(facts whole/run.h5 'f["epochs/rate"][0] == 0.05 and f["epochs/rate"][39] < 0.05 and
    bool(np.all(np.diff(f["epochs/rate"][:]) <= 0))')" = True ] || fail "the rate does not fall on a plateau"
[ "$(facts whole/run.h5 'f["result"].attrs["best_epoch"] == 1 + np.argmin(f["epochs/valid_loss"][:])')" = True ] ||
  fail "the best epoch is not that of the lowest validation loss"

# ---- the best epoch, whatever happens ----
for step in 31 44 333 595; do # before the first checkpoint, between epoch and checkpoint, and so on
  DSTN_DRILL=kill:0:$step expect "a run that is killed at step $step" 137 '' train "killed-$step"
  expect "it goes on" 0 '^valid_loss ' train "killed-$step" --resume
  expect "nothing tells it from the undisturbed run" 0 '^equal' "$dstn" diff whole "killed-$step"
  cmp whole/checkpoints/best.h5 "killed-$step/checkpoints/best.h5" || fail "another best epoch"
done
# A file from a later step than the checkpoint that a run goes on from: the best epoch of a run that ends there.
slow=(--set "optimizer={rate: 0.002}")
expect "a run whose best epoch is late" 0 '' train late "${slow[@]}" --set train.iterations=200
expect "a run that ends before it" 0 '' train early "${slow[@]}" --set train.iterations=160
rm late/checkpoints/step-00000200.h5
[ "$(facts late/checkpoints/best.h5 'f.attrs["step"] > 160')" = True ] || fail "the best epoch is not late"
expect "going on from before it" 0 'resumed at step 160' train late "${slow[@]}" --set train.iterations=160 --resume
[ "$(facts late/checkpoints/best.h5 'int(f.attrs["step"])')" = "$(facts early/checkpoints/best.h5 'int(f.attrs["step"])')" ] ||
  fail "a best epoch of the future was kept"
expect "it is the earlier one" 0 '^equal' "$dstn" diff early late
expect "a drill" 0 '^drill passed' "$dstn" drill blobs.yaml --during-checkpoint --out drill
expect "none is kept where none is wanted" 0 '' train none --set checkpoint_best=false --set train.epochs=4
[ ! -e none/checkpoints/best.h5 ] || fail "a best epoch that nobody wants"
expect "rows are evaluated where epochs are not" 0 '' train rows --set train.evaluate=false --set train.epochs=4 \
  --set 'optimizer={rate: 0.05, schedule: step, milestones: [2], factor: 0.5}'
[ "$(facts rows/run.h5 '"epochs" not in f and len(f["series/valid_loss"]) == 7')" = True ] || fail "rows without a loss"
expect "regression keeps its rows" 0 '' "$dstn" train "$root/jobs/toys/ridge.yaml" --set train.iterations=500 --out ridge
[ "$(facts ridge/run.h5 '"epochs" not in f and "valid_loss" in f["series"]')" = True ] || fail "a toy's record changed"
[ ! -e ridge/checkpoints/best.h5 ] || fail "a toy keeps its best epoch"

# ---- evaluation of checkpoints ----
expect "eval of the last checkpoint" 0 '^step 600$' "$dstn" eval whole/checkpoints/step-00000600.h5
[ "$(value valid_loss)" = "$(facts whole/run.h5 'repr(float(f["epochs/valid_loss"][39]))')" ] ||
  within "its loss" "$(value valid_loss)" "$(facts whole/run.h5 'f["epochs/valid_loss"][39] - 1e-15')" \
    "$(facts whole/run.h5 'f["epochs/valid_loss"][39] + 1e-15')"
within "its hyperparameter in natural units" "$(value drop)" 0.0001 0.95
best_loss=$(facts whole/run.h5 'float(f["result"].attrs["best_valid_loss"])')
expect "eval of the best epoch" 0 '^valid_accuracy ' "$dstn" eval whole/checkpoints/best.h5
within "its loss is the lowest" "$(value valid_loss)" "$best_loss" "$best_loss"
expect "eval as JSON" 0 '' "$dstn" eval whole/checkpoints/best.h5 --json
[ "$(wc -l <"$scratch/out")" = 1 ] && /usr/bin/python3 -c 'import json, sys; d = json.load(open(sys.argv[1]))
sys.exit(not (d["valid_loss"] == float(sys.argv[2]) and 0 < d["hyperparameters"]["drop"] < 1))' \
  "$scratch/out" "$best_loss" || fail "the JSON is not what it should be"
expect "eval on 2 ranks" 0 '^valid_loss ' run_mpi 2 "$dstn" eval whole/checkpoints/best.h5
within "its loss" "$(value valid_loss)" "$(awk -v x="$best_loss" 'BEGIN { printf "%.17g", x - 1e-13 }')" \
  "$(awk -v x="$best_loss" 'BEGIN { printf "%.17g", x + 1e-13 }')"
mkdir elsewhere && cd elsewhere || exit 1
expect "eval from another folder" 0 '^valid_loss ' "$dstn" eval ../whole/checkpoints/best.h5
mv ../data ../moved
expect "eval of a run whose data are gone" 3 'blobs.csv.*No such file' "$dstn" eval ../whole/checkpoints/best.h5
expect "eval of a run whose data have moved" 0 '^valid_loss ' "$dstn" eval ../whole/checkpoints/best.h5 \
  --set data.path=../moved/blobs.csv
mv ../moved ../data
cd ..
expect "a run from a best epoch" 0 '' train from-best --init whole/checkpoints/best.h5 --set train.epochs=1
head -c 3000 whole/checkpoints/best.h5 >torn.h5
expect "eval of a torn checkpoint" 4 '^dstn: torn.h5' "$dstn" eval torn.h5
expect "eval of a record" 4 '^dstn: whole/run.h5 is no checkpoint' "$dstn" eval whole/run.h5
expect "eval of what isn't there" 4 '^dstn: .*absent.h5' "$dstn" eval absent.h5
expect "eval of another model" 4 '^dstn: .*model/general' "$dstn" eval whole/checkpoints/best.h5 \
  --set 'model.layers=[linear: {out: 3}]'

# ---- mistakes ----
expect "an unknown schedule names the nearest" 2 'optimizer.schedule: .*"plateau"' train none --set optimizer.schedule=platau
expect "a key of another schedule" 2 'optimizer.milestones: unknown key' train none --set 'optimizer.milestones=[3]'
expect "a schedule without its key" 2 'optimizer.milestones: missing' train none \
  --set 'optimizer={rate: 0.1, schedule: step}'
expect "a misspelt key of a schedule" 2 'optimizer.milestone: .*"milestones"' train none \
  --set 'optimizer={rate: 0.1, schedule: step, milestone: [3]}'
expect "a plateau that is not looked at" 2 'train.evaluate: false, but schedule: plateau' train none \
  --set train.evaluate=false
expect "a best epoch that is not looked for" 2 'train.evaluate: false, but checkpoint_best' train none \
  --set train.evaluate=false --set checkpoint_best=true --set 'optimizer={rate: 0.1}'
expect "augmentation of what are no images" 2 'augment' train none --set 'augment=[cutout: {holes: 1, length: 4}]'
expect "a resume with another schedule names the key" 2 '"optimizer.patience"' train whole --resume \
  --set optimizer.patience=7
expect "help on a schedule's key" 0 'milestones' "$dstn" help milestones
finish
