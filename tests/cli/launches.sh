# Launches that can't go well: a line that says why, the exit code that belongs to it, no rank that waits for ever, and
# a run that stands on the disk goes on from there as if nothing had been.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
data: {path: table.csv, target: yield}
model: {layers: [dropout: {rate: p}, linear: {out: 1}]}
hyperparameters: {p: {range: [0, 0.9], start: 0.1}}
train: {epochs: 30, batch: 8}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
printf 'base: run.yaml\naxes: {seed: {from: 0, count: 3}}\n' >sweep.yaml
export dstn

# Ranks that run different things: each.sh RANK-0'S-COMMAND -- EVERYBODY-ELSE'S.
cat >each.sh <<'S2'
mine=() others=() to_others=
for word; do
  if [ "$word" = -- ]; then to_others=1; elif [ $to_others ]; then others+=("$word"); else mine+=("$word"); fi
done
[ "$OMPI_COMM_WORLD_RANK" = 0 ] && exec "${mine[@]}"
exec "${others[@]}"
S2
each() { # RANKS COMMAND... -- COMMAND...: nobody waits for ever
  local ranks=$1
  shift
  run_mpi "$ranks" timeout -s KILL 60 bash each.sh "$@"
}

# ---- numbers of ranks ----
expect "ranks that make no groups" 2 '^dstn: 3 ranks make no groups of 2 ranks per member' \
  run_mpi 3 "$dstn" sweep sweep.yaml --ranks-per-member 2 --out groups
expect "more ranks than examples of a batch" 2 '^dstn: 3 ranks are more than the 2 examples of a training batch' \
  run_mpi 3 "$dstn" train run.yaml --set train.batch=2 --out few
expect "a sweep of such members" 2 '^dstn: member 0: 3 ranks are more than the 2 examples of a training batch' \
  run_mpi 3 "$dstn" sweep sweep.yaml --ranks-per-member 3 --set train.batch=2 --out few-sweep
for folder in groups few; do
  [ ! -e $folder ] || { echo "FAIL $folder was made" && failures=$((failures + 1)); }
done

# ---- ranks that aren't alike ----
expect "another command line on a rank" 2 'rank 1 on host .* was started with another command line than rank 0' \
  each 2 "$dstn" train run.yaml --out other -- "$dstn" train run.yaml --out other --resume
expect "data elsewhere on a rank" 0 '^valid_loss' \
  each 2 "$dstn" train run.yaml --out own-data --set data.path=table.csv -- \
  "$dstn" train run.yaml --out own-data --set "data.path=$scratch/table.csv"
cp run.yaml gone.yaml
expect "a rank that can't read the config" 2 '^dstn: gone.yaml: cannot be read: No such file' \
  each 2 "$dstn" train gone.yaml --out gone -- sh -c 'mkdir empty && cd empty && exec "$dstn" train gone.yaml --out gone'

commit=$("$dstn" --version | sed -n '1s/.*(\(.*\))/\1/p')
sed "s/$commit/$(echo "$commit" | tr '0-9a-z' '1-9a-z0')/g" "$dstn" >other-dstn && chmod +x other-dstn
shards=(--set reproducible=true --set shards=4)
train=(train run.yaml --out alike)
differ='of rank 0 on host .*, and .* of rank 1 on host'
expect "another commit" 0 "^warning: the commit is $commit $differ .*depend" each 2 "$dstn" "${train[@]}" -- \
  "$scratch/other-dstn" "${train[@]}"
within "is said once" "$(grep -c 'commit' both)" 1 1
sweep=(sweep sweep.yaml --ranks-per-member 2 --out alike-sweep)
expect "another commit in a sweep" 0 '^done 3' each 2 "$dstn" "${sweep[@]}" -- "$scratch/other-dstn" "${sweep[@]}"
within "is said once" "$(grep -c '^warning: .*the commit is' both)" 1 1
expect "another commit, in shards" 2 "^dstn: the commit is $commit $differ .*reproducible: true" \
  each 2 "$dstn" "${train[@]}" "${shards[@]}" -- "$scratch/other-dstn" "${train[@]}" "${shards[@]}"
other_type=$([ "${OPENBLAS_CORETYPE:-}" = Sandybridge ] && echo Prescott || echo Sandybridge)
expect "another instruction set, in shards" 2 "^dstn: the instruction set is .* $differ .*reproducible: true" \
  each 2 "$dstn" "${train[@]}" "${shards[@]}" -- env OPENBLAS_CORETYPE="$other_type" "$dstn" "${train[@]}" "${shards[@]}"
expect "other threads, in shards" 2 "^dstn: the number of threads \(OMP_NUM_THREADS\) is 1 $differ .*reproducible: true" \
  each 2 env OMP_NUM_THREADS=1 "$dstn" "${train[@]}" "${shards[@]}" -- \
  env OMP_NUM_THREADS=2 "$dstn" "${train[@]}" "${shards[@]}"

# ---- ranks that don't live, in front of a run that stands there ----
expect "a whole run" 0 '^valid_loss' run_mpi 2 "$dstn" train run.yaml --out whole "${shards[@]}"
expect "a run that is stopped" 75 'stopped by' run_mpi 2 "$dstn" train run.yaml --out run "${shards[@]}" \
  --time-limit 0.001
again=("$dstn" train run.yaml --out run "${shards[@]}" --resume)
# Open MPI 4.1 can miss the death of a rank that has not begun yet, and wait for ever; it seldom does so twice.
soon() {
  local start=$SECONDS status=0
  "$@" || status=$?
  [ $((SECONDS - start)) -lt 50 ] || { status=0 && "$@" || status=$?; }
  return $status
}
expect "a rank that ends before it begins" 7 '' soon each 2 "${again[@]}" -- sh -c 'exit 7'
expect "a rank that is killed before it begins" 137 '' soon each 2 "${again[@]}" -- sh -c 'kill -9 $$'
expect "a host that has no program" 127 'no-dstn' soon each 2 "${again[@]}" -- ./no-dstn
expect "a resume with other threads says so" 0 'threads were 1 and are 2.*perhaps not to the last bit' \
  env OMP_NUM_THREADS=2 mpirun --oversubscribe --bind-to none -n 2 "${again[@]}"
expect "and is the whole run here" 0 equal "$dstn" diff whole run
finish
