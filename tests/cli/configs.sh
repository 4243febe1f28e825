# Configs, --set and axes of sweeps as people write them: "#" in a value, one value under two labels, keys that stand
# twice.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
cp "$root/jobs/data/diabetes.csv" well.csv
cat >run.yaml <<'Y'
data: {path: well.csv, target: progression}
model: {layers: [dropout: {rate: p}, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {iterations: 6, batch: 8}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
record: {oracle: false}
Y

# ---- --set ----
mkdir "run #3" && cp well.csv "run #3/x: y.csv"
expect "a # in a path that is set is part of it" 0 '' "$dstn" train run.yaml --out hash --set data.path="run #3/x: y.csv"
expect "words that YAML would cut are named whole" 3 'column "age #2: \*x ":' "$dstn" data check run.yaml \
  --set data.target="age #2: *x "
expect "lists and mappings are still read" 0 '' "$dstn" train run.yaml --out brackets --set 'optimizer={rate: 0.5}' \
  --set 'hyperparameters.p={range: [0, 0.5], start: 0.25}'
expect "what follows a list is not cut off" 2 'the value is no YAML' "$dstn" data check run.yaml --set 'data.mean=[1] # 2'

# ---- keys that stand twice ----
sed 's/^optimizer: .*/optimizer:\n  rate: 0.01\n  name: sgd\n  rate: 0.02/' run.yaml >twice.yaml
expect "a key that stands twice in a config" 2 'twice.yaml:8: the key "rate" .* on lines 6 and 8' "$dstn" data check \
  twice.yaml
expect "a key that is set twice" 2 '--set optimizer=.*the key "rate" stands twice' "$dstn" data check run.yaml \
  --set 'optimizer={rate: 1, rate: 2}'
printf 'layers: [linear: {out: 1}]\nloss: mse\nlayers: []\n' >net.yaml
expect "a key that stands twice in a network's file" 2 'net.yaml:3: the key "layers" .* on lines 1 and 3' "$dstn" train \
  run.yaml --set model=net.yaml --out twice
printf 'base: run.yaml\naxes:\n  seed: [1]\n  seed: [2]\n' >twice.yaml
expect "a key that stands twice in a sweep" 2 'twice.yaml:4: the key "seed" .* on lines 3 and 4' "$dstn" sweep \
  twice.yaml --out twice

# ---- one value under several labels ----
refused() { # NAME PATTERN AXES
  printf 'base: run.yaml\naxes:\n%s\n' "$3" >sweep.yaml
  expect "$1" 2 "$2" "$dstn" sweep sweep.yaml --out never
  [ ! -e never/members ] || { echo "FAIL $1: there are members" && failures=$((failures + 1)); }
}
refused "one value under three labels" '"1e-2" and "0.01"' $'  optimizer.rate: [1e-2, 0.01, .01]\n  seed: [1, 01]'
refused "a seed with a zero before it" '"1" and "01"' '  seed: [1, 01]'
refused "the same several values" '"a" and "b"' \
  '  k: {a: {seed: 1, train.batch: 8}, c: {seed: 1}, b: {train.batch: 8.0, seed: 1}}'
refused "an axis that another one makes void" '"x-3" and "y-3"' \
  $'  k: {x: {train.batch: 4}, y: {train.batch: 8}}\n  train.batch: [3]'
refused "a label that ls does not show" '"\.01" begins with a dot' '  optimizer.rate: [.01, 0.1]'
refused "a label that ls does not show, with settings" '"\.a" begins with a dot' '  k: {.a: {seed: 1}}'
finish
