# --init from a run of another method starts with the network that it is given: STN keeps weights at z = lambda, the
# others at z = 0, and the response is folded in or out.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

cat >net.yaml <<Y
precision: f64
data: {path: $root/jobs/data/diabetes.csv, target: progression}
model: {layers: [dropout: {rate: p}, linear: {out: 8}, relu, linear: {out: 1}]}
regularizers: {l2: {strength: decay}}
hyperparameters:
  p: {range: [0, 0.95], start: 0.2}
  decay: {transform: exp, start: 0.3}
train: {iterations: 300, batch: 32, warmup: 20, evaluate: false}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.05}
record: {every: 50}
Y
cat >compare.py <<'P'
import sys, h5py
before, after = (h5py.File(f"{name}/run.h5")["series/valid_loss"][:] for name in sys.argv[1:])
assert abs(before[-1] / before[0] - 1) > 1e-3, "nothing was learned"
assert abs(after[0] / before[-1] - 1) < 1e-12, (before[-1], after[0])
print("the same network")
P
train() {
  "$dstn" train net.yaml --quiet --out "$1" --set "method=$2" "${@:3}" >/dev/null
}
for kind in structured full; do
  for from in stn delta-stn stn-centered; do
    train "$kind-$from" "$from" --set "model.response=$kind" || failures=$((failures + 1))
    for to in stn delta-stn fixed; do
      train "$kind-$from-$to" "$to" --set "model.response=$kind" --set train.iterations=1 \
        --init "$(ls "$kind-$from"/checkpoints/step-*.h5)" || failures=$((failures + 1))
      expect "$kind: $to from $from" 0 '^the same network' /usr/bin/python3 compare.py "$kind-$from" "$kind-$from-$to"
    done
  done
done
expect "two ranks fold alike" 0 '^valid_loss' run_mpi 2 "$dstn" train net.yaml --quiet --out ranks --set method=delta-stn \
  --init "$(ls structured-stn/checkpoints/step-*.h5)" --set train.iterations=1
expect "and start with it" 0 '^the same network' /usr/bin/python3 compare.py structured-stn ranks
finish
