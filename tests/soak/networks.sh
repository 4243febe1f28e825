# The paper's networks for CIFAR-10, narrowed, on a few images: gradients against differences in f64, every method's steps
# computed again from traces, one trajectory on 1, 2 and 4 ranks, runs that are killed within an epoch and go on.
#   networks.sh PROGRAM SOURCE
. "$2/tests/cli/common.sh"
cd "$scratch" || exit 1
/usr/bin/python3 "$root/tests/small_cifar.py" few 16 || exit 1
networks=(alexnet vgg16 resnet18)
# 64 training rows, 8 steps an epoch; a hyperparameter step after every second.
short=(--set "data.path=$scratch/few" --set model.width=0.05 --set train.batch=8 --set train.warmup_epochs=0
  --set train.train_steps=2)

for network in "${networks[@]}"; do
  for method in stn delta-stn; do
    expect "$network, $method: its gradients" 0 '^[0-9]+ passed, 0 failed' \
      "$dstn" check "$root/jobs/cifar-$network.yaml" "${short[@]}" --set "method=$method"
  done
done

mkdir traces
trace() { # NAME RANKS NETWORK [OPTION...]
  local name=$1 ranks=$2 network=$3
  shift 3
  expect "a trace of $name" 0 '^training_steps 6' run_mpi "$ranks" "$dstn" trace "$root/jobs/cifar-$network.yaml" \
    "${short[@]}" --steps 6 --out "traces/$name.h5" "$@"
}
for network in "${networks[@]}"; do
  for method in stn stn-centered stn-centered-split delta-stn fixed; do
    trace "$network-$method" 1 "$network" --set precision=f64 --set "method=$method"
  done
  for method in stn delta-stn; do
    trace "$network-$method-two" 2 "$network" --set precision=f64 --set "method=$method" --set train.batch=7
  done
done
trace "resnet18-local" 2 resnet18 --set precision=f64 --set model.batchnorm=local
expect "traces, computed again" 0 ' agrees: ' /usr/bin/python3 "$root/analysis/retrace.py" traces/*.h5
sed 's/^/     /' "$scratch/out"
# What is rounded in f32 grows from step to step where there is normalization: a first pair of steps. The gradients of
# biases before it are nothing but rounding.
mkdir single
for network in "${networks[@]}"; do
  expect "a trace of $network in f32" 0 '' "$dstn" trace "$root/jobs/cifar-$network.yaml" "${short[@]}" --steps 2 \
    --out "single/$network.h5"
done
expect "traces in f32" 0 ' agrees: ' /usr/bin/python3 "$root/analysis/retrace.py" --tolerance 5e-4 single/*.h5
sed 's/^/     /' "$scratch/out"

train() { # RANKS NETWORK FOLDER [OPTION...]
  local ranks=$1 network=$2 folder=$3
  shift 3
  run_mpi "$ranks" "$dstn" train "$root/jobs/cifar-$network.yaml" "${short[@]}" --set train.epochs=2 \
    --set record.every=1 --set digest_every=1 --set checkpoint_steps=3 --out "$folder" "$@"
}
# Rank 1 dies within an epoch, behind a checkpoint.
killed() { # RANKS NETWORK FOLDER [OPTION...]
  DSTN_DRILL=kill:1:5 train "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &&
    echo "FAIL $3 was not killed" && failures=$((failures + 1))
}
difference() { # FOLDER FOLDER: the largest relative difference of what was recorded.
  /usr/bin/python3 - "$@" <<'P'
import sys
import h5py, numpy as np
a, b = (h5py.File(f"{folder}/run.h5") for folder in sys.argv[1:])
worst = 0
for name in ("series/train_loss", "series/hyper_loss", "series/lambda", "series/sigma", "epochs/valid_loss"):
    x, y = a[name][:], b[name][:]
    there = ~np.isnan(x)
    assert x.shape == y.shape and there.any() and np.array_equal(there, ~np.isnan(y)), name
    worst = max(worst, np.max(np.abs(x - y)[there] / np.maximum(np.abs(x)[there], 1e-3)))
print(worst)
P
}
for network in "${networks[@]}"; do
  for method in stn delta-stn; do
    name=$network-$method exact=(--set "method=$method" --set precision=f64)
    for ranks in 1 2 4; do
      expect "$name on $ranks" 0 '' train "$ranks" "$network" "$name-$ranks" "${exact[@]}"
    done
    for ranks in 2 4; do
      within "$name: $ranks ranks are one" "$(difference "$name-1" "$name-$ranks")" 0 1e-5 # 16 steps of a wild STN
    done

    fast=(--set "method=$method")
    expect "$name in f32 on two ranks" 0 '' train 2 "$network" "$name-whole" "${fast[@]}"
    killed 2 "$network" "$name-killed" "${fast[@]}"
    expect "$name, resumed" 0 'resumed at step 3' train 2 "$network" "$name-killed" "${fast[@]}" --resume
    expect "is the run that was not killed" 0 '^equal' "$dstn" diff "$name-whole" "$name-killed"

    parts=("${fast[@]}" --set reproducible=true --set shards=4)
    expect "$name in shards on one rank" 0 '' train 1 "$network" "$name-shards" "${parts[@]}"
    killed 2 "$network" "$name-moved" "${parts[@]}"
    expect "resumed on three" 0 'resumed at step 3' train 3 "$network" "$name-moved" "${parts[@]}" --resume
    expect "is the run on one" 0 '^equal' "$dstn" diff "$name-shards" "$name-moved"
  done
done

expect "what the sweep of all would take" 0 '^members 18$' "$dstn" sweep "$root/jobs/sweeps/cifar.yaml" --plan "${short[@]}"
finish
