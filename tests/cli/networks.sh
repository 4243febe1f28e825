# The two networks on Fashion-MNIST as their configs have them, but short: one rank and two, a stop and a resume,
# evaluation of what was kept, drills. The images are Debian's; all but the first runs see a few hundred of them.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1

images=/usr/share/datasets/fashion-mnist
if ! compgen -G "$images/train-images-idx3-ubyte*" >"$scratch/found"; then
  fail "$images has no train-images-idx3-ubyte: install Debian's dataset-fashion-mnist (jobs/install-packages.sh does)"
  finish
fi

# facts FILE EXPRESSION: prints a Python expression of the open file f.
facts() {
  /usr/bin/python3 -c "import h5py, numpy as np, sys; f = h5py.File(sys.argv[1]); print($2)" "$1"
}

# The first images of both parts of the files.
/usr/bin/python3 - "$images" "$scratch/few" <<'P'
import gzip, os, struct, sys
source, target = sys.argv[1:]
os.mkdir(target)
for part, rows in ("train", 142), ("t10k", 50):
    for kind, header, size in ("images-idx3", 16, 784), ("labels-idx1", 8, 1):
        name = f"{part}-{kind}-ubyte"
        path = f"{source}/{name}"
        open_it = open if os.path.exists(path) else gzip.open
        with open_it(path if open_it is open else path + ".gz", "rb") as f:
            start = f.read(header + rows * size)
        with open(f"{target}/{name}", "wb") as f:
            f.write(start[:4] + struct.pack(">I", rows) + start[8:])
P
# 120 training, 22 validation and 50 test images; 8 steps an epoch; a hyperparameter step after every third.
short=(--set "data.path=$scratch/few" --set train.epochs=2 --set train.batch=15 --set train.warmup_epochs=0
  --set train.train_steps=3 --set record.every=1)

train() { # CONFIG FOLDER [OPTION...]
  local config=$1 folder=$2
  shift 2
  "$dstn" train "jobs/$config.yaml" "${short[@]}" --out "$scratch/$folder" "$@"
}
train_on_two() {
  local config=$1 folder=$2
  shift 2
  run_mpi 2 "$dstn" train "jobs/$config.yaml" "${short[@]}" --out "$scratch/$folder" "$@"
}

# same_losses FOLDER FOLDER TOLERANCE: all losses and hyperparameters of two records agree, and something has moved.
same_losses() {
  /usr/bin/python3 - "$scratch/$1/run.h5" "$scratch/$2/run.h5" "$3" <<'P'
import sys
import h5py, numpy as np
a, b = h5py.File(sys.argv[1]), h5py.File(sys.argv[2])
worst = 0
for name in ("series/train_loss", "series/response_loss", "series/hyper_loss", "series/lambda", "series/sigma",
             "epochs/train_loss", "epochs/valid_loss", "epochs/test_loss"):
    x, y = a[name][:], b[name][:]
    assert x.shape == y.shape and np.array_equal(np.isnan(x), np.isnan(y)), name
    there = ~np.isnan(x)
    if there.any():
        worst = max(worst, np.max(np.abs(x - y)[there] / np.maximum(np.abs(x)[there], 1e-3)))
assert len(a["epochs/step"]) == 2 and len(a["series/step"]) == 17
moved = np.abs(a["series/lambda"][-1] - a["series/lambda"][0])
assert np.all(moved > 0), f"hyperparameters that have not moved: {moved}"
print(f"largest relative difference {worst:.1e}")
sys.exit(not worst <= float(sys.argv[3]))
P
}

# On their own data and defaults, nothing but the length and a warm-up changed.
for config in mlp-fashion cnn-fashion; do
  expect "$config sees all images" 0 '51000 training, 9000 validation and 10000 test rows' \
    "$dstn" data check "jobs/$config.yaml"
  expect "$config is normalized by Fashion-MNIST's own numbers" 0 '^normalized mean 0.286, std 0.353, as the config' \
    "$dstn" data check "jobs/$config.yaml"
done
expect "the authors' images are not normalized" 0 '^training +51000 rows, values 0 to 1$' \
  "$dstn" data check jobs/cnn-fashion-authors.yaml
expect "a short run of the authors' choices" 0 '^valid_accuracy ' train cnn-fashion-authors authors
within "their Cutout has lengths from 2" "$(facts "$scratch/authors/run.h5" "float(f['series/value'][:, 5].min())")" 2 24
rm -rf "$scratch/authors"
expect "the MLP on all images" 0 '^valid_accuracy ' "$dstn" train jobs/mlp-fashion.yaml --set train.epochs=0 \
  --set train.iterations=20 --set train.warmup_epochs=0 --out "$scratch/whole"
expect "and its evaluation" 0 '^test_accuracy ' "$dstn" eval "$scratch/whole/checkpoints/step-00000020.h5"
within "twenty steps teach it something" "$(value test_accuracy)" 0.3 0.9
rm -rf "$scratch/whole"

for config in mlp-fashion cnn-fashion; do
  for method in stn delta-stn; do
    name="$config, $method"
    exact=(--set "method=$method" --set model.width=0.25 --set precision=f64 --set backend=openblas --set checkpoint_best=false)
    expect "$name: one rank in f64" 0 '^valid_accuracy ' train "$config" one "${exact[@]}"
    expect "$name: two ranks in f64" 0 '^valid_accuracy ' train_on_two "$config" two "${exact[@]}"
    same_losses one two 1e-9 || fail "$name: one and two ranks differ"
    rm -rf "$scratch/one" "$scratch/two"

    fast=(--set "method=$method") # on the build's own choice of a backend, in f32
    expect "$name: undisturbed" 0 '^valid_accuracy ' train "$config" whole "${fast[@]}"
    expect "$name: a stop" 75 'stopped by the time limit' train "$config" stopped "${fast[@]}" --time-limit 0.01
    expect "$name: resumed" 0 'resumed at step [0-9]+' train "$config" stopped "${fast[@]}" --resume
    expect "$name: nothing tells it from the undisturbed run" 0 '^equal' "$dstn" diff "$scratch/whole" "$scratch/stopped"

    record=$scratch/whole/run.h5
    expect "$name: eval of the last checkpoint" 0 '^step 16$' \
      "$dstn" eval "$scratch/whole/checkpoints/step-00000016.h5"
    for quantity in valid_loss valid_accuracy test_loss test_accuracy; do
      want=$(facts "$record" "float(f['epochs/$quantity'][-1])")
      within "$name: its $quantity is that of the record" "$(value $quantity)" "$want" "$want"
    done
    expect "$name: eval of the best epoch" 0 '' "$dstn" eval "$scratch/whole/checkpoints/best.h5"
    for quantity in valid_loss valid_accuracy test_loss test_accuracy; do
      want=$(facts "$record" "float(f['result'].attrs['best_$quantity'])")
      within "$name: its $quantity is that of the record" "$(value $quantity)" "$want" "$want"
    done
    rm -rf "$scratch/whole" "$scratch/stopped"
  done
done

expect "a drill of the MLP" 0 '^drill passed' "$dstn" drill jobs/mlp-fashion.yaml "${short[@]}" --random 1 \
  --out "$scratch/drill-mlp"
rm -rf "$scratch/drill-mlp"
expect "a drill of the CNN on two ranks" 0 '^drill passed' "$dstn" drill jobs/cnn-fashion.yaml "${short[@]}" \
  --launch 'mpirun --oversubscribe -n 2' --kill-rank 1 --at-step 9 --out "$scratch/drill-cnn"
finish
