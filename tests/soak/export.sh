# Exported networks as modules of PyTorch: the outputs of a hyperparameter step, every example at its own hyperparameters,
# and the loss of the validation part, of dense, convolutional, residual and recurrent networks, both methods, both
# responses, both precisions and both formats.
#   export.sh PROGRAM SOURCE
. "$2/tests/cli/common.sh"
cd "$scratch" || exit 1
cp "$root"/tests/trace/*.yaml . && /usr/bin/python3 "$root/tests/small_data.py" . 3 120 2 6 5 126 5
/usr/bin/python3 "$root/tests/small_text.py" text 80 40 30 12
/usr/bin/python3 "$root/tests/small_cifar.py" few 16
mkdir grey && /usr/bin/python3 "$root/tests/small_data.py" grey 5 120 1 28 28 126 5

# compare NAME HYPER TOLERANCE CONFIG [OPTION...]: steps 8 and 9, a hyperparameter step behind the second.
compare() {
  local name=$1 hyper=$2 tolerance=$3 format=npz
  shift 3
  local options=("$@" --set train.iterations=9 --set checkpoint_steps=8 --set train.valid_steps=1 --set train.train_steps=2
    --set train.warmup=1 --set train.warmup_epochs=0 --set train.epochs=9)
  [[ $name = *-f ]] && format=safetensors
  "$dstn" train "${options[@]}" --quiet --out "$name" >/dev/null &&
    "$dstn" trace "${options[@]}" --from "$name/checkpoints/step-00000008.h5" --steps 1 --quiet --out "$name.h5" >/dev/null &&
    "$dstn" eval "$name/checkpoints/step-00000009.h5" --json --quiet >"$name.json" || fail "$name: its run"
  expect "$name, exported" 0 '^network ' "$dstn" export "$name/checkpoints/step-00000009.h5" --response --format $format \
    --out "$name.$format"
  "$dstn" curve "$name/checkpoints/step-00000009.h5" --hyper "$hyper" --points 4 --out "$name.csv" --quiet >/dev/null ||
    fail "$name: its curve"
  expect "$name in PyTorch" 0 '^curve ' /usr/bin/python3 "$root/tests/export/outputs.py" "$root/analysis" "$tolerance" \
    "$name.$format" "$name.json" "$name.h5" 3 "$name.csv" "$hyper"
  sed 's/^/     /' "$scratch/out"
}
for method in stn stn-centered delta-stn; do
  compare images-$method length 1e-12 images.yaml --set method=$method --set train.batch=30
  compare nested-$method-f decay 1e-12 nested.yaml --set method=$method --set train.batch=30
  compare table-$method drop 1e-12 table.yaml --set method=$method --set train.batch=31
  compare text-$method dropout_input 1e-12 text.yaml --set method=$method
  compare text-full-$method-f tar 1e-12 text.yaml --set method=$method --set model.response=full
  for model in mlp simple-cnn; do
    [ $model = mlp ] && config=mlp-fashion last=10 || config=cnn-fashion last=13
    compare $model-$method dropout_input 1e-5 "$root/jobs/$config.yaml" --set method=$method \
      --set model.layers.$last.linear.out=3 --set 'data={source: hdf5, path: grey/images.h5, task: classification, valid_fraction: 0.25}' --set train.batch=30 \
      --set train.valid_batch=9 --set model.width=0.1
  done
  compare resnet18-$method-f dropout_block3 1e-5 "$root/jobs/cifar-resnet18.yaml" --set method=$method --set "data.path=$PWD/few" \
    --set model.width=0.05 --set train.batch=21 --set train.valid_batch=5
done
mv images.h5 gone.h5
expect "no data, and a network that doesn't say its input" 3 'needs its data.*can.t be read' "$dstn" export \
  images-stn/checkpoints/step-00000009.h5
finish
