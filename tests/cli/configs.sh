# Configs, --set and axes of sweeps as people write them: "#" in a value, one value under two labels, keys that stand
# twice; and configs as resolved, which make the same run from anywhere.
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
expect "a # in a path that is set is part of it" 0 '' "$dstn" train run.yaml --out hash \
  --set data.path="run #3/x: y.csv"
expect "and of the config that is written" 0 '' "$dstn" train hash/config.yaml --out again
expect "words that YAML would cut are named whole" 3 'column "age #2: \*x ":' "$dstn" data check run.yaml \
  --set data.target="age #2: *x "
expect "lists and mappings are still read" 0 '' "$dstn" train run.yaml --out brackets --set 'optimizer={rate: 0.5}' \
  --set 'hyperparameters.p={range: [0, 0.5], start: 0.25}'
expect "what follows a list is not cut off" 2 'the value is no YAML' "$dstn" data check run.yaml \
  --set 'data.mean=[1] # 2'

# ---- keys that stand twice ----
sed 's/^optimizer: .*/optimizer:\n  rate: 0.01\n  name: sgd\n  rate: 0.02/' run.yaml >twice.yaml
expect "a key that stands twice in a config" 2 'twice.yaml:8: the key "rate" .* on lines 6 and 8' "$dstn" data check \
  twice.yaml
expect "a key that is set twice" 2 '--set optimizer=.*the key "rate" stands twice' "$dstn" data check run.yaml \
  --set 'optimizer={rate: 1, rate: 2}'
printf 'layers: [linear: {out: 1}]\nloss: mse\nlayers: []\n' >net.yaml
expect "a key that stands twice in a network's file" 2 'net.yaml:3: the key "layers" .* on lines 1 and 3' "$dstn" \
  train run.yaml --set model=net.yaml --out twice
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

# ---- configs as resolved ----
mkdir -p tree/configs tree/data tree/sweeps tree/runs/deep elsewhere/data && cp well.csv tree/data/
sed 's|well.csv|../data/well.csv|; s|^model:.*|model: ../net.yaml|' run.yaml >tree/configs/run.yaml
printf 'layers: [dropout: {rate: p}, linear: {out: 1}]\n' >tree/net.yaml
printf 'base: ../configs/run.yaml\naxes:\n  seed: [1, 2]\n' >tree/sweeps/sweep.yaml
sed 's/[0-9]*$/7/' well.csv >tree/runs/data.csv # of another data set, where a relative path could lead
mkdir tree/runs/data && cp tree/runs/data.csv tree/runs/data/well.csv
same() { # NAME FOLDER
  "$dstn" diff "$scratch/first" "$2" </dev/null | grep -q '^equal' ||
    { echo "FAIL $1: another run than the first" && failures=$((failures + 1)); }
}
from_within() { # FOLDER NAME ARGUMENT...
  cd "$1" && expect "$2" 0 '' "$dstn" "${@:3}"
  cd "$scratch" || exit 1
}
expect "a run" 0 '' "$dstn" train tree/configs/run.yaml --out tree/runs/one
cp -r tree/runs/one first
expect "its config as resolved" 0 '' "$dstn" train tree/runs/one/config.yaml --out tree/runs/two
same "its config as resolved" tree/runs/two
cmp -s <(tail -n +2 tree/runs/one/config.yaml) <(tail -n +2 tree/runs/two/config.yaml) ||
  { echo "FAIL the configs of both are not the same" && failures=$((failures + 1)); }
from_within tree/runs/deep "it from another folder" train ../one/config.yaml --out ../three
same "it from another folder" tree/runs/three
cp tree/runs/one/config.yaml elsewhere/copy.yaml
expect "a copy of it elsewhere" 0 '' "$dstn" train elsewhere/copy.yaml --out four
same "a copy of it elsewhere" four
expect "a config that goes on with its own run" 0 'resumed at step 6' "$dstn" train tree/runs/one/config.yaml \
  --out tree/runs/one --resume --set train.iterations=7
expect "the same file spelled from here is no change" 0 'resumed at step 7' "$dstn" train tree/configs/run.yaml \
  --out tree/runs/one --resume --set data.path=./tree/../tree/data/well.csv --set train.iterations=8 \
  --set model.convolution=direct # how products are made may change
expect "what was and what is" 2 '"optimizer.rate" is not as it was .*: 0\.01 then, 0\.02 now' "$dstn" train \
  tree/configs/run.yaml --out tree/runs/one --resume --set optimizer.rate=0.02
expect "members" 0 '^done 2$' "$dstn" sweep tree/sweeps/sweep.yaml --out tree/runs/sweep
expect "the config of a member" 0 '' "$dstn" train tree/runs/sweep/members/1/config.yaml --out five
expect "it and its run" 0 '^equal' "$dstn" diff tree/runs/sweep/members/1 five
printf 'base: ../runs/two/config.yaml\naxes:\n  seed: [0]\n' >tree/sweeps/of-run.yaml
expect "a sweep on the config of a run" 0 '^done 1$' "$dstn" sweep tree/sweeps/of-run.yaml --out of-run
same "a sweep on the config of a run" of-run/members/0
mv tree moved
expect "a config in a tree that has moved" 0 '' "$dstn" train moved/runs/two/config.yaml --out six
same "a config in a tree that has moved" six
expect "a checkpoint in it" 0 'valid_loss' "$dstn" eval moved/runs/two/checkpoints/step-00000006.h5
from_within moved/runs/two "both from within" train config.yaml --out ../seven
from_within moved/runs/two/checkpoints "and its checkpoint" eval step-00000006.h5
expect "a sweep on the config of a run there" 0 '^done 1$' "$dstn" sweep moved/sweeps/of-run.yaml --out of-moved
mv moved/data/well.csv moved/data/gone.csv
expect "data that are nowhere are looked for where they were" 3 'tree/data/well.csv: can.t be read' "$dstn" train \
  moved/runs/two/config.yaml --out eight
finish
