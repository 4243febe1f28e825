# A network of one's own with batch normalization and a residual block, on images from an HDF5 file: statistics of the
# whole batch or of each rank's rows, on one rank and two, killed and resumed.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

# Three classes of noisy 2 x 6 x 6 images: a bright row, a bright column, or a bright channel.
/usr/bin/python3 <<'P'
import h5py, numpy as np
rng = np.random.default_rng(4)
y = rng.integers(0, 3, 360)
x = rng.normal(0, 0.7, (360, 2, 6, 6))
for i, k in enumerate(y):
    at = rng.integers(0, 6)
    if k == 0:
        x[i, :, at, :] += 1.5
    elif k == 1:
        x[i, :, :, at] += 1.5
    else:
        x[i, at % 2] += 0.8
with h5py.File("images.h5", "w") as f:
    f["x"], f["y"] = x.astype("f4"), y
P
cat >net.yaml <<'Y'
method: delta-stn
precision: f64
data: {source: hdf5, path: images.h5, task: classification, valid_fraction: 0.25}
model:
  loss: cross_entropy
  layers:
    - conv: {out: 4, kernel: 3, padding: 1}
    - batchnorm
    - relu
    - residual_begin
    - conv: {out: 4, kernel: 3, padding: 1}
    - batchnorm
    - relu
    - dropout: {rate: drop, per: channel}
    - residual_end
    - avgpool
    - flatten
    - linear: {out: 3}
hyperparameters:
  drop: {range: [0, 0.95], start: 0.1}
train: {epochs: 8, batch: 31, train_steps: 3, warmup_epochs: 1, entropy_weight: 0.001}   # 8 steps an epoch
optimizer: {rate: 0.05, momentum: 0.9}
hyper_optimizer: {rate: 0.01}
record: {every: 1}
checkpoint_steps: 10
Y
train() { # FOLDER [OPTION...]
  "$dstn" train net.yaml --out "$@"
}
train_on() { # RANKS FOLDER [OPTION...]
  local ranks=$1
  shift
  run_mpi "$ranks" "$dstn" train net.yaml --out "$@"
}

# difference FOLDER FOLDER: the largest relative difference of losses, hyperparameters and running statistics.
difference() {
  /usr/bin/python3 - "$1" "$2" <<'P'
import glob, sys
import h5py, numpy as np
def arrays(folder):
    with h5py.File(f"{folder}/run.h5") as f:
        names = ["series/train_loss", "series/hyper_loss", "series/lambda", "epochs/valid_loss"]
        found = {n: f[n][:] for n in names if n in f}
    with h5py.File(max(glob.glob(f"{folder}/checkpoints/step-*.h5"))) as f:
        f["state"].visititems(lambda n, o: found.update({n: o[()]})
                              if isinstance(o, h5py.Dataset) and n.endswith("buffers") else None)
    return found
a, b = (arrays(folder) for folder in sys.argv[1:])
assert set(a) == set(b) and len(a) >= 5, (sorted(a), sorted(b))
worst = 0
for n in a:
    there = ~np.isnan(a[n])
    assert a[n].shape == b[n].shape and np.array_equal(there, ~np.isnan(b[n])), n
    worst = max(worst, np.max(np.abs(a[n] - b[n])[there] / np.maximum(np.abs(a[n])[there], 1e-3)))
print(worst)
P
}

for method in stn delta-stn; do
  exact=(--set "method=$method")
  expect "$method on one rank" 0 '^valid_accuracy ' train "$method-1" "${exact[@]}"
  within "$method learns" "$(value valid_accuracy)" 0.5 1
  expect "$method on two ranks, 16 and 15 rows" 0 '^valid_accuracy ' train_on 2 "$method-2" "${exact[@]}"
  within "$method: synchronized statistics make two ranks one" "$(difference "$method-1" "$method-2")" 0 1e-9
  expect "$method with local statistics on two ranks" 0 '^valid_accuracy ' train_on 2 "$method-local" "${exact[@]}" \
    --set model.batchnorm=local
  within "$method: they are others" "$(difference "$method-1" "$method-local")" 1e-6 inf
  expect "$method: local statistics of one rank are those of the batch" 0 '' train "$method-alone" "${exact[@]}" \
    --set model.batchnorm=local
  within "$method: they are the same" "$(difference "$method-1" "$method-alone")" 0 0

  DSTN_DRILL=kill:0:27 expect "$method: killed at step 27" 137 '' train "$method-killed" "${exact[@]}"
  expect "$method: resumed" 0 'resumed at step 20' train "$method-killed" "${exact[@]}" --resume
  expect "$method: nothing tells it from the undisturbed run" 0 '^equal' "$dstn" diff "$method-1" "$method-killed"
  within "$method: nor its running statistics" "$(difference "$method-1" "$method-killed")" 0 0
done

# What is evaluated are the running statistics: those of the checkpoint alone give the loss of the record.
expect "eval of the last checkpoint" 0 '^step 64$' "$dstn" eval delta-stn-1/checkpoints/step-00000064.h5
want=$(/usr/bin/python3 -c 'import h5py; print(float(h5py.File("delta-stn-1/run.h5")["epochs/valid_loss"][-1]))')
within "its loss is that of the record" "$(value valid_loss)" "$want" "$want"
/usr/bin/python3 - <<'P' || fail "running statistics have not moved from where they start"
import h5py, numpy as np, sys
with h5py.File("delta-stn-1/checkpoints/step-00000064.h5") as f:
    statistics = f["state/model/buffers"][:]
start = np.tile(np.repeat([0.0, 1.0], 4), 2)   # mean and variance of two layers of 4 channels
sys.exit(not (statistics.shape == start.shape and np.all(statistics != start)))
P

expect "a drill" 0 '^drill passed' "$dstn" drill net.yaml --out drill --random 1
expect "a drill on two ranks" 0 '^drill passed' "$dstn" drill net.yaml --launch 'mpirun --oversubscribe -n 2' \
  --kill-rank 1 --at-step 23 --out drill-2
expect "a drill with local statistics on two ranks" 0 '^drill passed' "$dstn" drill net.yaml \
  --set model.batchnorm=local --launch 'mpirun --oversubscribe -n 2' --during-checkpoint --out drill-local
finish
