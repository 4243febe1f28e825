# Searches that are killed at random moments, on one rank to four, until they have ended: an audit must ask for the same
# members again, and on one rank nothing may tell them from an undisturbed one.
#   searches.sh PROGRAM SOURCE KILLS [SEED]
. "$2/tests/cli/common.sh"
kills=$3 seed=${4:-$RANDOM}
RANDOM=$seed
echo "seed $seed"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
method: fixed
data: {path: table.csv, target: yield}
model: {response: full, layers: [linear: {out: 1, bias: false, init: zero}]}
regularizers: {l2: {strength: penalty}}
hyperparameters: {penalty: {transform: exp, start: 1, scale: 1, tune_scale: false}}
train: {iterations: 2000, batch: 8}
optimizer: {rate: 1e-5}
checkpoint_steps: 500
Y
space() {
  echo "space:"
  echo "  hyperparameters.penalty.start: {low: 0.01, high: 100, scale: log}"
  echo "  optimizer.rate: {low: 1e-6, high: 1e-4, scale: log}"
}
length="length: train.iterations"
printf '%s\n' "base: run.yaml" "search: bayesian" "members: 16" "$(space)" >bayesian.yaml
printf '%s\n' "base: run.yaml" "search: halving" "members: 18" "$length" "least: 1000" "most: 9000" "$(space)" \
  >halving.yaml
printf '%s\n' "base: run.yaml" "search: population" "members: 6" "$length" "interval: 1000" "generations: 5" "$(space)" \
  >population.yaml

launch() { # NAME RANKS FOLDER
  mpirun --oversubscribe -n "$2" "$dstn" sweep "$1.yaml" --out "$3" --resume >"$3.log" 2>&1 </dev/null
}

# Kills any rank of a launch after a time that is drawn; whether there was one.
kill_one() { # NAME RANKS FOLDER
  launch "$@" &
  local launcher=$! victims
  until [ -n "$(ranks_of "$3")" ] || ! kill -0 $launcher 2>/dev/null; do sleep 0.01; done
  sleep "0.$(printf %03d $((RANDOM % 1000)))"
  victims=($(ranks_of "$3"))
  [ ${#victims[@]} -eq 0 ] || kill -9 "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null
  wait $launcher 2>/dev/null
  [ ${#victims[@]} -gt 0 ]
}

made=0
for ((round = 0; made < kills; round++)); do
  names=(bayesian halving population)
  name=${names[round % 3]} ranks=$((1 + RANDOM % 4)) folder=round-$round
  [ -e "whole-$name" ] || launch "$name" 1 "whole-$name" || fail "$name, undisturbed: $(tail -n 3 "whole-$name.log")"
  for _ in 1 2 3; do
    kill_one "$name" $ranks "$folder" 2>/dev/null && made=$((made + 1))
  done
  launch "$name" $ranks "$folder" || fail "$name on $ranks ranks: $(tail -n 3 "$folder.log")"
  expect "$name on $ranks ranks, killed: audit" 0 '; audit passed$' "$dstn" audit "$folder"
  [ $ranks -gt 1 ] || expect "$name, killed: the same" 0 '^equal' "$dstn" diff "whole-$name" "$folder"
done
echo "$made kills"
finish
