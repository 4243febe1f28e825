# Discrete hyperparameters are shown with their values before rounding too: by train and eval, in the record, by inspect,
# in the table of a sweep, and in what analysis/ makes of them, also of records that have no such series.
. "$(dirname "$0")/common.sh"
python=$(dstn_python) || exit 1
cd "$scratch" || exit 1

cat >images.yaml <<'Y'
data: {source: hdf5, path: images.h5, task: classification}
augment: [cutout: {holes: 1, length: hole}]
model: {loss: cross_entropy, layers: [flatten, dropout: {rate: drop}, linear: {out: 3}]}
hyperparameters:
  drop: {range: [0, 0.95], start: 0.05}
  hole: {range: [0, 6], start: 3, discrete: true}
train: {epochs: 3, batch: 10, warmup_epochs: 0, train_steps: 2, entropy_weight: 0.001}
optimizer: {rate: 0.05}
hyper_optimizer: {rate: 0.05}
record: {every: 2}
Y
cat >sweep.yaml <<'Y'
base: images.yaml
axes: {seed: {from: 0, count: 2}, method: [stn, delta-stn]}
Y
"$python" - <<'P'
import h5py, numpy as np
random = np.random.default_rng(0)
with h5py.File("images.h5", "w") as file:
    file["x"], file["y"] = random.integers(0, 256, (80, 1, 6, 6), "uint8"), random.integers(0, 3, 80)
    file["split"] = np.repeat([0, 1], [60, 20])
P

# What is floor(x + 1e-6) of what is before rounding, x = 6 / (1 + e^-λ).
expect "a run" 0 '^unrounded.hole [0-9.]+$' "$dstn" train images.yaml --out run
before=$(value unrounded.hole) after=$(value hole)
within "the value that counts" "$after" "$(awk -v x="$before" 'BEGIN { print int(x + 1e-6) }')" \
  "$(awk -v x="$before" 'BEGIN { print int(x + 1e-6) }')"
[ -z "$(value unrounded.drop)" ] || fail "what is not rounded is shown twice"
"$python" - <<'P' || fail "the record doesn't have the values before rounding"
import h5py, numpy as np
with h5py.File("run/run.h5") as file:
    for table in (file["series"], file["epochs"]):
        got, want = table["unrounded"][()], 6 / (1 + np.exp(-table["lambda"][:, 1]))
        assert np.allclose(got[:, 1], want, rtol=1e-14) and np.array_equal(got[:, 0], table["value"][:, 0])
        assert np.array_equal(np.floor(got[:, 1] + 1e-6), table["value"][:, 1])
        assert np.ptp(got[:, 1]) > 0.05 and (got[-1, 1] % 1) > 0
P
expect "eval of its end" 0 "^unrounded.hole $before\$" "$dstn" eval run/checkpoints/step-00000018.h5
expect "eval as JSON" 0 "\"hyperparameters\":\{\"drop\":[0-9.]+,\"hole\":$after\},\"unrounded\":\{\"hole\":" \
  "$dstn" eval run/checkpoints/step-00000018.h5 --json
"$python" -m json.tool <"$scratch/out" >parsed || fail "the JSON is none"
expect "inspect" 0 '^  epochs/unrounded 3 rows of 2, first ' "$dstn" inspect run/run.h5
expect "a run that goes on" 75 'stopped' "$dstn" train images.yaml --out stopped --time-limit 0.001
expect "it ends" 0 '^unrounded.hole ' "$dstn" train images.yaml --out stopped --resume
expect "nothing tells it from the undisturbed one" 0 '^equal' "$dstn" diff run stopped

expect "a run without discrete ones" 0 '' "$dstn" train images.yaml --set hyperparameters.hole.discrete=false --out smooth
if grep -q unrounded "$scratch/out"; then
  fail "values that are not rounded are shown as unrounded"
fi
"$python" -c 'import h5py; assert "unrounded" not in h5py.File("smooth/run.h5")["series"]' ||
  fail "a record without discrete ones has the series"

expect "a sweep" 0 '^done 4' "$dstn" sweep sweep.yaml --out sweep
expect "its tables" 0 '^\| hole, before rounding \| 3 \| [0-9.]+ ± [0-9.]+ \| [0-9.]+ ± [0-9.]+ \|$' \
  "$python" "$root/analysis/networks.py" sweep/sweep.h5 --out figures
grep -q 'mean ± SD over n = 2 seeds' "$scratch/out" || fail "the tables don't say what ± is"
grep -q '95 % interval of Student' "$scratch/out" || fail "the tables don't say what the intervals are"

# A record of before: the same without the series.
"$python" - <<'P'
import h5py, shutil
shutil.copy("run/run.h5", "old.h5")
with h5py.File("old.h5", "r+", libver="latest") as file:
    del file["series/unrounded"], file["epochs/unrounded"]
P
if "$python" -c 'import yaml' 2>"$scratch/err"; then
  expect "a record of before" 0 '^True$' "$python" -c "
import sys; sys.path.append('$root/analysis'); import dstn_record, numpy as np
old, new = dstn_record.load('old.h5'), dstn_record.load('run/run.h5')
print(all(np.allclose(getattr(old, t)[f'unrounded.{n}'], getattr(new, t)[f'unrounded.{n}'], rtol=1e-13)
          for t in ('series', 'epochs') for n in ('drop', 'hole')))"
fi
finish
