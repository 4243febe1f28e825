# reproducible: true: one trajectory, to the last bit, on every number of ranks up to the number of shards, whether ranks
# share memory or not, and wherever a run was stopped and on however many ranks it goes on. Real networks, all methods on
# all numbers of ranks, and two hosts: tests/soak.sh --reproducible.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

/usr/bin/python3 <<'P'
import h5py, numpy as np
rng = np.random.default_rng(4)
y = rng.integers(0, 3, 240)
x = rng.normal(0, 0.7, (240, 2, 6, 6))
for i, k in enumerate(y):
    x[i, :, k, :] += 1.5
with h5py.File("images.h5", "w") as f:
    f["x"], f["y"] = x.astype("f4"), y
P
# Batch statistics, masks, penalties, augmentation, clipping of every kind, a schedule that looks at the validation loss.
cat >images.yaml <<'Y'
reproducible: true
data: {source: hdf5, path: images.h5, task: classification, valid_fraction: 0.25}
model:
  loss: cross_entropy
  layers:
    - conv: {out: 4, kernel: 3, padding: 1}
    - batchnorm
    - relu
    - residual: {layers: [{conv: {out: 4, kernel: 3, padding: 1}}, batchnorm, relu, {dropout: {rate: drop}}]}
    - flatten
    - linear: {out: 3}
regularizers: {l2: {strength: decay}}
augment: [cutout: {holes: 1, length: length}]
hyperparameters:
  drop: {range: [0, 0.95], start: 0.1}
  decay: {range: [0, .inf], start: 0.5, per_batch: true}
  length: {range: [0, 4], start: 1.5, discrete: true, tune_scale: false}
train: {iterations: 24, batch: 29, valid_batch: 19, train_steps: 2, valid_steps: 2, warmup: 3, entropy_weight: 0.01}
optimizer: {name: sgd, rate: 0.05, momentum: 0.9, clip: 0.5, schedule: plateau, patience: 1, factor: 0.5}
hyper_optimizer: {name: adam, rate: 0.02, clip: 0.05}
record: {every: 1}
digest_every: 1
Y

train() { # FOLDER RANKS [OPTION...]
  local folder=$1 ranks=$2
  shift 2
  run_mpi "$ranks" "$dstn" train images.yaml --out "$folder" "$@"
}

same() { # NAME A B
  expect "$1" 0 equal "$dstn" diff "$2" "$3"
}

for method in delta-stn stn fixed; do
  expect "$method on one rank" 0 'batch normalization takes the statistics of each shard, 4 rows, not of the batch.s 29' \
    train "$method-1" 1 --set method="$method"
done
for run in delta-stn-{2,3,4,6,8} stn-{3,8} fixed-6; do
  expect "${run%-*} on ${run##*-} ranks" 0 '' train "$run" "${run##*-}" --set method="${run%-*}"
  same "is ${run%-*} on one rank" "${run%-*}-1" "$run"
done
DSTN_SHARED_MEMORY=$scratch/none expect "three ranks that share no memory" 0 'share no memory' train apart 3 \
  --set method=delta-stn
same "are one rank" delta-stn-1 apart

# Several perturbations of each example, which shards divide with the examples: stopped on two ranks, ended on three.
for method in delta-stn stn; do
  pairs=(--set "method=$method" --set train.iterations=12 --set train.samples=2 --set train.antithetic=true)
  expect "$method in pairs on one rank" 0 '' train "pairs-$method-1" 1 "${pairs[@]}"
  expect "on two, stopped" 75 '' train "pairs-$method-3" 2 "${pairs[@]}" --time-limit 0.001
  expect "and ended on three" 0 '' train "pairs-$method-3" 3 "${pairs[@]}" --resume
  same "is $method on one rank" "pairs-$method-1" "pairs-$method-3"
done

# That network is one slice of one rank. Here every rank owns slices, of several buckets, with moments and clipping of its
# own: 540,600 weights and more of the response, in f32.
/usr/bin/python3 <<'P'
import h5py, numpy as np
rng = np.random.default_rng(5)
y = rng.integers(0, 3, 80)
with h5py.File("wide.h5", "w") as f:
    f["x"], f["y"] = (rng.normal(0, 1, (80, 900)) + y[:, None] * rng.normal(0, 0.1, 900)).astype("f4"), y
P
cat >wide.yaml <<'Y'
reproducible: true
precision: f32
data: {source: hdf5, path: wide.h5, task: classification, valid_fraction: 0.25}
model: {loss: cross_entropy, layers: [dropout: {rate: drop}, linear: {out: 600}, relu, linear: {out: 3}]}
hyperparameters: {drop: {range: [0, 0.95], start: 0.1}}
train: {iterations: 4, batch: 16, train_steps: 2, valid_steps: 1}
optimizer: {name: sgd, rate: 0.05, momentum: 0.9, clip: 0.1}
hyper_optimizer: {rate: 0.02}
record: {every: 1}
digest_every: 1
Y
train_wide() { # FOLDER RANKS [OPTION...]
  local folder=$1 ranks=$2
  shift 2
  run_mpi "$ranks" "$dstn" train wide.yaml --out "$folder" "$@"
}
for method in delta-stn stn; do
  expect "$method, many owners: one rank" 0 '' train_wide "wide-$method-1" 1 --set method="$method"
done
for run in delta-stn-{2,3} stn-8; do
  expect "${run%-*}, many owners: ${run##*-} ranks" 0 '' train_wide "wide-$run" "${run##*-}" --set method="${run%-*}"
  same "are ${run%-*} on one" "wide-${run%-*}-1" "wide-$run"
done
DSTN_SHARED_MEMORY=$scratch/none expect "many owners without shared memory" 0 'share no memory' train_wide wide-apart 3 \
  --set method=delta-stn
same "are one rank" wide-delta-stn-1 wide-apart

# ResNet-18, narrow, by Winograd's algorithm, killed within an epoch, goes on on another number of ranks.
/usr/bin/python3 "$root/tests/small_cifar.py" cifar 8
resnet() { # FOLDER RANKS [OPTION...]
  local folder=$1 ranks=$2
  shift 2
  run_mpi "$ranks" "$dstn" train "$root/jobs/cifar-resnet18.yaml" --set "data.path=$PWD/cifar" --set model.width=0.03 \
    --set train.batch=8 --set train.epochs=2 --set train.warmup_epochs=0 --set train.train_steps=2 --set shards=4 \
    --set model.convolution=winograd \
    --set reproducible=true --set checkpoint_steps=2 --set digest_every=1 --set record.every=1 --out "$folder" "$@"
}
expect "ResNet-18 on one rank" 0 '' resnet resnet-1 1
DSTN_DRILL=kill:0:3 expect "on two, killed" 137 '' resnet resnet-3 2
expect "and resumed on three" 0 'resumed at step 2' resnet resnet-3 3 --resume
same "is ResNet-18 on one rank" resnet-1 resnet-3

# A language model: what its rows carry on goes along, in lengths that vary, and the average of its weights, until the
# learning rate ends it within the epochs that it may take.
mkdir text
/usr/bin/python3 <<'P'
import numpy as np
rng = np.random.default_rng(6)
for part, lines in (("train", 60), ("valid", 15), ("test", 5)):
    words = [["w%d" % w for w in rng.zipf(1.6, 9) % 20] for line in range(lines)]
    open("text/%s.txt" % part, "w").write("".join(" ".join(line) + " <unk>\n" for line in words))
P
cat >text.yaml <<'Y'
reproducible: true
shards: 5
data: {source: ptb, path: text}
model:
  loss: cross_entropy
  layers: [embedding: {name: words, out: 6, dropout: word}, dropout: {rate: drop}, lstm: {out: 5},
           lstm: {out: 6, weight_dropout: connect},
           decoder: {share: {general_weight: words}}]
regularizers: {ar: {strength: ar}, tar: {strength: 0.1}}
hyperparameters: {drop: {range: [0, 0.95], start: 0.1}, ar: {range: [0, 4], start: 0.05, per_batch: true},
                  word: {range: [0, 0.95], start: 0.1}, connect: {range: [0, 0.95], start: 0.1, per_batch: true}}
train: {epochs: 50, batch: 7, valid_batch: 5, length: 9, vary_length: true, train_steps: 2, stop_below_rate: 0.6}
optimizer: {name: sgd, rate: 60, clip: 0.25, schedule: step, milestones: [4, 5, 6], factor: 0.2, average_after: 1}
hyper_optimizer: {name: adam, rate: 0.02}
checkpoint_steps: 4
digest_every: 1
record: {every: 1}
Y
text() { # FOLDER RANKS [OPTION...]
  local folder=$1 ranks=$2
  shift 2
  run_mpi "$ranks" "$dstn" train text.yaml --out "$folder" "$@"
}
expect "derivatives of a language model, through time" 0 'delta_general grad/2/h2h_general_weight [1-9].*e-' \
  "$dstn" check text.yaml
ended='^ended the learning rate fell below 0.6 .* after epoch 6, step [0-9]* of [0-9]*$'
expect "a language model on one rank" 0 "$ended" text text-1 1
DSTN_DRILL=kill:1:38 expect "on two, killed within an epoch" 137 '' text text-3 2
DSTN_SHARED_MEMORY=$scratch/none expect "and resumed on three that share no memory" 0 "$ended" text text-3 3 --resume
same "is the language model on one rank" text-1 text-3
expect "the end is the record's" 0 'message *the learning rate fell below' "$dstn" inspect text-3/run.h5
expect "what rows carry on is in checkpoints" 0 'model/rows/0/2/c' \
  "$dstn" inspect "$(ls text-3/checkpoints/step-*.h5 | tail -1)"
expect "and resumed once more it stays ended" 0 "$ended" text text-3 2 --resume
as_valid=$(value valid_loss)
same "and is still the same" text-1 text-3
last=$(ls text-3/checkpoints/step-*.h5 | tail -1)
expect "its test text" 0 '^test_perplexity ' "$dstn" eval "$last"
as_test=$(value test_loss)
within "of the average, as in the record" "$(value valid_loss)" "$as_valid" "$as_valid"
expect "the same as any other text" 0 '^text_perplexity ' "$dstn" eval "$last" text/test.txt
within "has the same loss" "$(value text_loss)" "$as_test" "$as_test"
echo 'w1 w2 never-seen' >other.txt
expect "a word that it doesn't know" 0 '^text_unknown 1$' run_mpi 2 "$dstn" eval "$last" other.txt
expect "which isn't a text" 3 'a binary file' "$dstn" eval "$last" "$last"

expect "five shards on one rank" 0 '' train five-1 1 --set shards=5
expect "a text for what isn't a language model" 2 'the data are no text' \
  "$dstn" eval "$(ls five-1/checkpoints/step-*.h5 | tail -1)" other.txt
expect "on five" 0 '' train five-5 5 --set shards=5
same "are five shards" five-1 five-5
expect "eight shards are not five" 1 '' "$dstn" diff five-1 delta-stn-1

# A launch makes at least one step, and no more in no time.
expect "a run that is stopped on one rank" 75 '' train moved 1 --time-limit 0.001
for ranks in 3 8 5; do
  expect "and goes on on $ranks" 75 '' train moved "$ranks" --time-limit 0.001 --resume
done
if grep -q 'not to the last bit' "$scratch/both"; then
  echo "FAIL a reproducible run is warned of another number of ranks" && failures=$((failures + 1))
fi
expect "and ends on two" 0 '' train moved 2 --resume
same "is the run that was never stopped" delta-stn-1 moved

# Without, any number may go on, and it is said what that changes.
expect "a run in no shards" 75 '' train plain 2 --set reproducible=false --time-limit 0.001
expect "goes on on three ranks, and says so" 0 'ranks were 2 and are 3.*not to the last bit' train plain 3 \
  --set reproducible=false --resume

expect "more ranks than shards" 2 'shards: 2; accepted with 3 ranks a member' train few 3 --set shards=2
expect "more shards than examples" 2 'shards: 64; accepted .* 19 examples of a validation batch: 1 to 19' train many 1 \
  --set shards=64
expect "a trace shows no shards" 2 'reproducible=false' "$dstn" trace images.yaml --steps 1 --out trace.h5
finish
