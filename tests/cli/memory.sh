# Memory that is limited (ulimit -v, ulimit -d): a message and exit code 1, from too little for the libraries to just
# enough for the model; no crash, and no library that asks for ever.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
limited() { # LETTER MEGABYTES COMMAND...
  (ulimit -"$1" $(($2 * 1024)) && shift 2 && exec timeout -s KILL 60 "$@")
}
limited v 4000 "$dstn" --version >out 2>&1 || exit 77 # an instrumented build maps more than any limit

small_table >table.csv
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {layers: [dropout: {rate: p}, linear: {out: 10}, relu, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {epochs: 10, batch: 8}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
sed 's/out: 10}/out: 2000}, relu, linear: {out: 2000}/; s/epochs: 10/epochs: 1/' run.yaml >large.yaml
for letter in v d; do
  for threads in 1 2 3; do
    export OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads
    expect "too little for $threads threads, -$letter" 1 "^dstn: .*\(ulimit -$letter\) is limited to 250 MB" \
      limited $letter 250 "$dstn" train run.yaml --out none
    enough=$(sed -n 's/.*take \([0-9]*\) MB.*/\1/p' err)
    expect "a little less than enough" 1 'limited to' limited $letter $((enough - 5)) "$dstn" train run.yaml --out none
    for command in "train run.yaml --out $letter-$threads --set precision=f64" "data check run.yaml" \
      "check run.yaml" "--version"; do
      expect "enough for ${command%% *}" 0 '' limited $letter $((enough + 5)) "$dstn" $command
    done
    expect "enough for inspect" 0 'result/status done' limited $letter $((enough + 5)) "$dstn" inspect $letter-$threads/run.h5
  done
done
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
limited v 250 "$dstn" --version 2>err
enough=$(sed -n 's/.*take \([0-9]*\) MB.*/\1/p' err)
codes=
for more in $(seq 0 20 240); do
  status=0
  rm -rf large
  limited v $((enough + more)) "$dstn" train large.yaml --out large >out 2>err </dev/null || status=$?
  codes="$codes $status"
  [ $status -eq 0 ] || { [ $status -eq 1 ] && grep -q '^dstn: .*memory' err && [ "$(grep -c '^dstn: ' err)" = 1 ]; } ||
    { echo "FAIL $more MB more: exit code $status" && sed 's/^/    /' err && failures=$((failures + 1)); }
done
[[ "$codes" == " 1 1 "*" 0" ]] || { echo "FAIL the model never fits: $codes" && failures=$((failures + 1)); }
# Ranks that share what they train map all of it; where one can't, each takes its own, or all leave with a line.
codes=
for more in $(seq 60 60 420); do
  status=0
  rm -rf large
  run_mpi 2 timeout -s KILL 60 bash -c "ulimit -v $(((enough + more) * 1024)); exec $dstn train large.yaml --out large" \
    >out 2>err </dev/null || status=$?
  codes="$codes $status"
  [ $status -eq 0 ] || { [ $status -eq 1 ] && grep -q '^dstn: .*memory' err; } ||
    { echo "FAIL two ranks, $more MB more: exit code $status" && sed 's/^/    /' err && failures=$((failures + 1)); }
done
[[ "$codes" == " 1 "*" 0" ]] || { echo "FAIL the model never fits two ranks: $codes" && failures=$((failures + 1)); }
status=0
run_mpi 2 bash -c "ulimit -v 256000; exec $dstn train run.yaml --out two" >out 2>err || status=$?
[ $status -eq 1 ] && grep -q 'limited to 250 MB' err || # each rank has its own limit, and speaks
  { echo "FAIL two ranks: exit code $status" && sed 's/^/    /' err && failures=$((failures + 1)); }
finish
