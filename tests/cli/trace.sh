# Traces of the toys and of small networks, each computed again by analysis/retrace.py, which shares no code with the
# program: all methods, layers, regularizers, augmentations, transforms, optimizers and schedules, over an epoch's end and
# the start of tuning, on one rank and two, to 1e-9 in f64 and 1e-4 in f32.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
cp "$root"/tests/trace/*.yaml . && /usr/bin/python3 "$root/tests/small_data.py" . 3 120 2 6 5 126 5
mkdir traces

# trace NAME RANKS CONFIG [OPTION...]
trace() {
  local name=$1 ranks=$2 launch=()
  shift 2
  [ "$ranks" = 1 ] || launch=(run_mpi "$ranks")
  "${launch[@]}" "$dstn" trace "$@" --out "traces/$name.h5" --quiet >"$scratch/out" 2>"$scratch/err" </dev/null || {
    echo "FAIL $name" && sed 's/^/    /' "$scratch/err" && failures=$((failures + 1))
  }
}
backends=(openblas)
[[ $("$dstn" --version) = *oneDNN* ]] && backends+=(onednn)
methods=(stn stn-centered stn-centered-split delta-stn fixed)

# The toys: 20 or 17 steps an epoch, tuning from step 19 on.
toy=(--set train.batch=20 --set train.warmup=15 --set train.train_steps=4 --steps 26)
for config in ridge dropout jacobian; do
  for method in "${methods[@]}"; do
    trace "$config-$method" 1 "$root/jobs/toys/$config.yaml" "${toy[@]}" --set "method=$method"
  done
  trace "$config-f32" 1 "$root/jobs/toys/$config.yaml" "${toy[@]}" --set precision=f32
done
trace "ridge-sum" 2 "$root/jobs/toys/ridge.yaml" "${toy[@]}" --set regularizers.l2.penalty_over_n=false \
  --set data.features=quadratic --set optimizer.rate=1e-5
trace "jacobian-sum" 2 "$root/jobs/toys/jacobian.yaml" "${toy[@]}" --set regularizers.jacobian.penalty_over_n=false \
  --set method=stn --set optimizer.clip=0.5
trace "dropout-two" 2 "$root/jobs/toys/dropout.yaml" "${toy[@]}" --set hyperparameters.rate.tune_scale=true \
  --set method=stn --set train.entropy_weight=0.1

# Small networks, over the ends of two epochs and more.
for config in images table plain; do
  for method in "${methods[@]}" fixed-perturbed; do
    trace "$config-$method" 1 $config.yaml --set "method=$method" --steps 11
  done
  for method in stn delta-stn; do
    trace "$config-$method-two" 2 $config.yaml --set "method=$method" --steps 9
    for backend in "${backends[@]}"; do
      trace "$config-$method-f32-$backend" 1 $config.yaml --set "method=$method" --set precision=f32 \
        --set "backend=$backend" --steps 11
    done
  done
done
for method in stn delta-stn; do
  trace "nested-$method" 1 nested.yaml --set method=$method --steps 7
  trace "nested-$method-two-f32" 2 nested.yaml --set method=$method --set precision=f32 --steps 5
done
trace "images-local" 2 images.yaml --set model.batchnorm=local --steps 9
trace "images-f32-two" 2 images.yaml --set precision=f32 --steps 9
for method in stn delta-stn; do
  trace "images-clip-$method" 1 images.yaml --set method=$method --set optimizer.clip=0.3 --steps 9
done
# Samples of each example: rows of their own, in pairs or not, with numbers one a sample, on ranks that divide them.
trace "images-samples" 1 images.yaml --set train.samples=3 --steps 5
trace "images-pairs" 2 images.yaml --set train.samples=2 --set train.antithetic=true --steps 5
trace "table-samples" 2 table.yaml --set method=stn --set train.samples=3 --steps 5
trace "table-pairs" 1 table.yaml --set train.samples=4 --set train.antithetic=true --steps 5
trace "plain-pairs-fixed" 1 plain.yaml --set method=fixed --set train.samples=2 --set train.antithetic=true --steps 2
# Hyperparameters of another run's record.
"$dstn" train plain.yaml --set train.epochs=2 --set record.every=3 --out followed --quiet >"$scratch/out" 2>&1 </dev/null
trace "plain-follows" 2 plain.yaml --set method=fixed --set schedule.from=followed/run.h5 --steps 9
# Every augmentation, on images of bytes.
trace "pixels" 1 pixels.yaml --steps 7
trace "pixels-two" 2 pixels.yaml --set method=stn --steps 3
trace "pixels-f32" 1 pixels.yaml --set precision=f32 --steps 3
trace "pixels-pairs" 1 pixels.yaml --set train.samples=2 --set train.antithetic=true --steps 2
OMP_NUM_THREADS=3 trace "pixels-threads" 1 pixels.yaml --set method=stn-centered --steps 3
expect "what they are compared with is what Pillow makes of images" 0 '^hue 0 ' \
  /usr/bin/python3 "$root/tests/trace/pillow.py" "$root/analysis"
expect "the LSTM that they are compared with is that of lstm_7h.h5" 0 '^63 quantities' \
  /usr/bin/python3 "$root/tests/trace/lstm.py" "$root/analysis" "$root/tests/fixtures/lstm_7h.h5"

# The networks for CIFAR-10 as their configs have them, but narrow: whole, and with all that they tune.
/usr/bin/python3 "$root/tests/small_cifar.py" cifar 4
for run in alexnet-delta-stn vgg16-stn resnet18-delta-stn; do
  trace "$run" 1 "$root/jobs/cifar-${run%%-*}.yaml" --set "data.path=$PWD/cifar" --set model.width=0.03 \
    --set precision=f64 --set "method=${run#*-}" --set train.batch=4 --set train.warmup_epochs=0 \
    --set train.train_steps=2 --steps 2
done

# The language model over truncations of a text, whose streams go on from batch to batch and begin again.
/usr/bin/python3 "$root/tests/small_text.py" text 80 40 30 12
for method in "${methods[@]}"; do
  trace "text-$method" 1 text.yaml --set "method=$method" --steps 8
done
trace "text-two" 2 text.yaml --steps 8
trace "text-full" 1 text.yaml --set model.response=full --steps 8
trace "text-f32" 1 text.yaml --set method=stn --set precision=f32 --steps 8
trace "text-words" 2 text.yaml --set hyperparameters.dropout_embedding.per_batch=false --steps 4 \
  --set 'regularizers.l2={strength: ar}' --set 'regularizers.ar={strength: dropout_input, tap: words}'

trace "images-short" 1 images.yaml --steps 2
trace "table-switches" 1 table.yaml --set method=stn --set centered=true --set split_objective=true --steps 5

# From where a checkpoint stands: counters, moments, statistics, what schedules remember, and the rest of an epoch.
for config in images table; do
  expect "$config: a checkpoint" 0 '' "$dstn" train $config.yaml --set train.iterations=10 --set checkpoint_steps=6 \
    --quiet --out "run-$config"
  trace "$config-from" 1 $config.yaml --from "run-$config/checkpoints/step-00000006.h5" --steps 6
done
# Of a text, the words that are drawn, too.
expect "text: checkpoints" 0 '^valid_perplexity ' "$dstn" train text.yaml --set method=stn --set train.iterations=10 \
  --set checkpoint_steps=7 --set checkpoint_keep=9 --quiet --out run-text
trace "text-from" 1 text.yaml --set method=stn --set train.iterations=10 --from run-text/checkpoints/step-00000007.h5 \
  --steps 3
mkdir other && for part in train valid test; do sed 's/w/v/g' text/$part.txt >other/$part.txt; done
expect "a checkpoint of other words" 4 'has "w[0-9]*" as word [0-9]+, and other has "v[0-9]*"; accepted' "$dstn" train \
  text.yaml --set data.path=other --set train.iterations=10 --init run-text/checkpoints/step-00000007.h5 --out run-other
mv text moved
sample() { "$dstn" sample run-text/checkpoints/step-00000010.h5 "$@"; }
/usr/bin/python3 "$root/tests/trace/words.py" "$root/analysis" traces/text-from.h5 moved 40 0.7 4 w1 w5 >words
expect "words are drawn as the network has them, without the data" 0 "^$(head -1 words)\$" \
  sample --words 40 --temperature 0.7 --seed 4 --prompt "w1 w5"
cmp -s words "$scratch/out" || { echo "FAIL other words are drawn" && failures=$((failures + 1)); }
expect "the likeliest words" 0 '^w1( [^ ]+){6}' sample --words 6 --temperature 0 --prompt w1
expect "no such word" 2 'no word "w99", and no <unk>' sample --prompt "w1 w99"
expect "no temperature" 2 'a number from 0' sample --temperature -1
expect "no text" 2 'is not of a text' "$dstn" sample run-table/checkpoints/step-00000010.h5
mv moved text
expect "a checkpoint at the end of its run" 2 'ends at step 10' "$dstn" trace images.yaml --set train.iterations=10 \
  --from run-images/checkpoints/step-00000010.h5
expect "a checkpoint of other data" 2 'does not hold the data' "$dstn" trace table.yaml \
  --from run-images/checkpoints/step-00000006.h5
expect "a checkpoint of other hyperparameters" 2 'hyperparameter' "$dstn" trace images.yaml \
  --set 'hyperparameters.another={range: [0, 1], start: 0.5}' --from run-images/checkpoints/step-00000006.h5
expect "no checkpoint" 4 '' "$dstn" trace table.yaml --from "$scratch/nothing.h5"

count=$(find traces -name '*.h5' | wc -l)
if /usr/bin/python3 "$root/analysis/retrace.py" traces/*.h5 >retraced; then
  echo "ok   $count traces, computed again"
else
  echo "FAIL traces that part:" && failures=$((failures + 1))
  grep -v ' agrees: ' retraced
fi
[ "$(grep -c ' agrees: ' retraced)" -eq "$count" ] || { echo "FAIL not all $count traces" && failures=$((failures + 1)); }
sort -t, -k3 retraced | sed -n 's/.*at most \([^ ]*\).*/\1/p' | sort -g | tail -1 | sed 's/^/     largest rel_err: /'

# What the checks are worth: each number of a trace, changed, is seen.
sed 's/schedule: step, milestones: \[1, 2\]/schedule: plateau, patience: 1/' table.yaml >plateau.yaml
expect "a trace of three steps" 0 '^hyper_steps 1$' "$dstn" trace plateau.yaml --steps 3 --set train.warmup_epochs=0 \
  --set train.warmup=1 --set train.train_steps=2 --set train.batch=50 --set train.valid_batch=9 \
  --set regularizers.l2.penalty_over_n=true --out three.h5
expect "every number of it counts" 0 ' 0 unseen' /usr/bin/python3 "$root/tests/trace/tamper.py" "$root/analysis" three.h5

expect "what is no trace" 2 'no trace' /usr/bin/python3 "$root/analysis/retrace.py" images.h5
expect "no steps" 2 'from 1' "$dstn" trace table.yaml --steps 0
expect "a run that diverges is traced to where it does" 6 'diverged' "$dstn" trace table.yaml --steps 30 \
  --set optimizer.name=sgd --set optimizer.rate=1e30 --out diverged.h5
expect "its trace is there" 1 'diverged.h5 ' /usr/bin/python3 "$root/analysis/retrace.py" diverged.h5
expect "a folder that isn't there" 1 'nowhere' "$dstn" trace table.yaml --out nowhere/trace.h5
finish
