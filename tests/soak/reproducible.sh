# reproducible: true with real networks: the MLP and the SimpleCNN of the jobs and a residual network with batch
# normalization, STN and Delta-STN, on 1, 2, 3, 4, 6 and 8 ranks of one host and of two, and interrupted at random to go
# on on another number: digests of every step are those of one rank.
#   reproducible.sh PROGRAM SOURCE [SEED]
. "$2/tests/cli/common.sh"
. "$root/tests/two_hosts.sh"
seed=${3:-$RANDOM}
RANDOM=$seed
echo "seed $seed"

cat >residual.yaml <<'Y'
method: delta-stn
data: {source: idx, task: classification, mean: .2860, std: .3530}
model:
  loss: cross_entropy
  layers:
    - conv: {out: 8, kernel: 3, padding: 1}
    - batchnorm
    - relu
    - maxpool: {size: 2}
    - residual: {layers: [conv: {out: 8, kernel: 3, padding: 1}, batchnorm, relu, dropout: {rate: drop, per: channel}]}
    - maxpool: {size: 2}
    - flatten
    - linear: {out: 10}
regularizers: {l2: {strength: decay}}
augment: [cutout: {holes: 1, length: length}]
hyperparameters:
  drop: {range: [0, 0.95], start: 0.1}
  decay: {range: [0, .inf], start: 0.5, per_batch: true}
  length: {range: [0, 24], start: 4, discrete: true, tune_scale: false}
train: {batch: 128, train_steps: 2, valid_steps: 1}
optimizer: {name: sgd, rate: 0.05, momentum: 0.9, clip: 0.5}
hyper_optimizer: {name: adam, rate: 0.02}
Y
steps=5
settings=(--set reproducible=true --set train.epochs=0 --set train.iterations=$steps --set train.warmup_epochs=0
  --set train.train_steps=2 --set data.valid_fraction=0.01 --set digest_every=1 --set record.every=1
  --set checkpoint_steps=1)
declare -A config=([mlp]=$root/jobs/mlp-fashion.yaml [cnn]=$root/jobs/cnn-fashion.yaml [residual]=residual.yaml)
counts=(1 2 3 4 6 8)

train() { # HOSTS RANKS NETWORK METHOD FOLDER [OPTION...]
  local hosts=$1 ranks=$2 network=$3 method=$4 folder=$5
  shift 5
  local words=("$dstn" train "${config[$network]}" --set method="$method" "${settings[@]}" --out "$folder" "$@")
  if [ "$hosts" = 2 ]; then
    on_hosts "$ranks" env ${DSTN_DRILL:+DSTN_DRILL=$DSTN_DRILL} "${words[@]}"
  else
    mpirun --host a:8 --bind-to none -n "$ranks" "${words[@]}"
  fi
}
same() {
  expect "    to the last bit" 0 equal "$dstn" diff "$1" "$2"
}

# Each launch but the last dies at a step that is drawn, of which the next one has no checkpoint.
move() { # NETWORK METHOD
  local folder=$1-$2-moved done=0 ranks hosts last
  while [ $done -lt $((steps - 1)) ]; do
    ranks=${counts[RANDOM % 6]} hosts=$((ranks > 1 ? 1 + RANDOM % 2 : 1)) last=$((done + 1 + RANDOM % (steps - done)))
    DSTN_DRILL=kill:$((RANDOM % ranks)):$last expect "$1, $2: $ranks ranks on $hosts hosts are killed at step $last" 137 '' \
      train "$hosts" "$ranks" "$1" "$2" "$folder" --resume
    done=$last
  done
  ranks=${counts[RANDOM % 6]}
  expect "$1, $2: and $ranks ranks end it" 0 '^valid_loss' train 1 "$ranks" "$1" "$2" "$folder" --resume
  same "$1-$2-1-1" "$folder"
  rm -rf "$folder"
}

for network in mlp cnn residual; do
  for method in delta-stn stn; do
    expect "$network, $method: 1 rank" 0 '^valid_loss' train 1 1 $network $method $network-$method-1-1
    for run in {2,3,4,6,8}-1 {2,3,4,6,8}-2; do
      folder=$network-$method-$run
      expect "$network, $method: ${run%-*} ranks on ${run#*-} hosts" 0 '^valid_loss' \
        train "${run#*-}" "${run%-*}" $network $method "$folder"
      same $network-$method-1-1 "$folder"
      rm -rf "$folder"
    done
    move $network $method
  done
done
finish
