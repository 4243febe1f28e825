# dstn check CONFIG: the gradients of a network of one's own, with every layer and regularizer there is, and of the toys,
# against differences; a wrong one must be found.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

/usr/bin/python3 <<'P'
import h5py, numpy as np
rng = np.random.default_rng(5)
with h5py.File("images.h5", "w") as f:
    f["x"], f["y"] = rng.normal(0, 1, (80, 2, 8, 8)), rng.integers(0, 3, 80)
P
cat >net.yaml <<'Y'
data: {source: hdf5, path: images.h5, task: classification, valid_fraction: 0.25}
augment: [cutout: {holes: 1, length: hole}]
model:
  loss: cross_entropy
  layers: [dropout: {rate: drop}, conv: {out: 4, kernel: 3, padding: 1}, batchnorm, relu,
           residual_begin, conv: {out: 4, kernel: 3, padding: 1}, batchnorm, residual_end, relu,
           residual: {layers: [conv: {out: 4, kernel: 3, padding: 1, name: block}, relu],
                      shortcut: [conv: {out: 4, kernel: 3, padding: 1, share: {general_weight: block}}]},
           maxpool: {size: 2}, dropout: {rate: drop, per: channel}, conv: {out: 5, kernel: 2, stride: 2}, avgpool,
           flatten, linear: {out: 6, bias: false}, relu, linear: {out: 3}]
regularizers: {l2: {strength: decay}}
hyperparameters:
  drop: {range: [0, 0.95], start: 0.2}
  decay: {transform: exp, start: 0.5, tune_scale: false}
  hole: {range: [0, 6], start: 3, discrete: true}
train: {epochs: 1, batch: 20, entropy_weight: 0.01}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
expect "a network with every layer" 0 '^[0-9]+ passed, 0 failed' "$dstn" check net.yaml
for quantity in stn_train.grad/1/hyper delta_general.grad/2/gamma delta_response_linearized.tangent \
  delta_valid.grad_raw_scale/drop stn_valid.grad_lambda/decay; do
  grep -q "^net.yaml ${quantity/./ } " "$scratch/out" || { echo "FAIL no $quantity" && failures=$((failures + 1)); }
done
! grep -q grad_raw_scale/decay "$scratch/out" || { echo "FAIL a scale that is not tuned" && failures=$((failures + 1)); }
expect "the same on two ranks" 0 '^[0-9]+ passed, 0 failed' run_mpi 2 "$dstn" check net.yaml
expect "without hyperparameters" 0 '^[0-9]+ passed, 0 failed' "$dstn" check net.yaml --set method=fixed \
  --set regularizers={} --set hyperparameters={} --set augment=[] \
  --set 'model.layers=[flatten, linear: {out: 5}, batchnorm, relu, linear: {out: 3}]'
for toy in ridge dropout jacobian; do
  expect "$toy" 0 '^[0-9]+ passed, 0 failed' "$dstn" check "$root/jobs/toys/$toy.yaml"
done
expect "fixtures and configs together" 0 '^[0-9]+ passed, 0 failed' "$dstn" check "$root/tests/fixtures/ridge_1h.h5" net.yaml
expect "a config that is wrong" 2 'did you mean "linear"' "$dstn" check net.yaml --set 'model.layers=[flatten, linea: {out: 3}]'
finish
