# The toys as a user runs them: train, oracle, records, exit codes, ranks.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1
short="--set train.iterations=400"

for toy in ridge dropout jacobian; do
  expect "train $toy" 0 '^regret ' "$dstn" train jobs/toys/$toy.yaml $short --out "$scratch/$toy"
  expect "oracle $toy" 0 '^lambda_star ' "$dstn" oracle jobs/toys/$toy.yaml --out "$scratch/$toy-oracle"
  for method in stn stn-centered stn-centered-split fixed; do
    expect "train $toy with $method" 0 '^regret ' "$dstn" train jobs/toys/$toy.yaml $short --set method=$method \
      --out "$scratch/$toy-$method"
  done
done

expect "train on 2 ranks" 0 '^valid_loss ' run_mpi 2 "$dstn" train jobs/toys/ridge.yaml $short --out "$scratch/two"
two=$(value valid_loss)
expect "train on 4 ranks" 0 '^valid_loss ' run_mpi 4 "$dstn" train jobs/toys/ridge.yaml $short --out "$scratch/four"
four=$(value valid_loss)
expect "train on 1 rank" 0 '^valid_loss ' "$dstn" train jobs/toys/ridge.yaml $short --out "$scratch/one"
awk -v a="$(value valid_loss)" -v b="$two" -v c="$four" \
  'BEGIN { d = a - b; e = a - c; exit !(d * d < 1e-18 && e * e < 1e-18) }' ||
  { echo "FAIL the loss depends on the number of ranks: $(value valid_loss) $two $four" && failures=$((failures + 1)); }
expect "more ranks than examples" 2 'ranks' \
  run_mpi 4 "$dstn" train jobs/toys/ridge.yaml --set train.batch=3 --out "$scratch/many"
expect "oracle on 2 ranks" 0 '^lambda_star ' run_mpi 2 "$dstn" oracle jobs/toys/ridge.yaml --out "$scratch/oracle2"

# The learning rate is far too large: the run diverges, and is recorded as such.
expect "a run that diverges" 6 'diverged' "$dstn" train jobs/toys/ridge.yaml --set optimizer.rate=1e4 \
  --set train.iterations=2000 --out "$scratch/diverged"
[ -s "$scratch/diverged/run.h5" ] || { echo "FAIL a diverged run left no record" && failures=$((failures + 1)); }

# On real data with enough steps Δ-STN comes close to the exact optimum. The split is the quickstart's.
expect "Δ-STN approaches the exact best hyperparameter" 0 '^regret ' "$dstn" train jobs/toys/ridge.yaml \
  --set regularizers.l2.penalty_over_n=false --set data.path=$root/jobs/data/concrete.csv \
  --set data.target=compressive_strength --set train.batch=100 --out "$scratch/long"
within "its regret at the end" "$(value regret)" 0 0.0005

expect "data check" 0 '13' "$dstn" data check jobs/toys/ridge.yaml
expect "data check of quadratic features" 0 '' "$dstn" data check jobs/toys/ridge.yaml --set data.features=quadratic
expect "help on a key" 0 'valid_fraction' "$dstn" help data.valid_fraction
expect "help on everything" 0 'hyper_optimizer' "$dstn" help
expect "--version names the libraries" 0 'HDF5' "$dstn" --version
expect "--help of a command" 0 'usage: dstn train' "$dstn" train --help
finish
