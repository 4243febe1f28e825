# The quickstart's promises: its splits are the first ones with λ* inside, and its table and figures can be made.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1
python=$(dstn_python) || exit 1

edge() {
  "$dstn" oracle jobs/toys/ridge.yaml --set regularizers.l2.penalty_over_n=false --set "data.path=jobs/data/$1.csv" \
    --set "data.target=$2" --set "data.split_seed=$3" --out "$scratch/oracle" -q 2>/dev/null |
    awk '$1 == "edge" { print $2 }'
}
while read -r set target pinned; do
  for split in $(seq 0 "$pinned"); do
    found=$(edge "$set" "$target" "$split")
    if [ "$split" -lt "$pinned" ] && [ "$found" = none ] || [ "$split" -eq "$pinned" ] && [ "$found" != none ]; then
      echo "FAIL $set: split $split has edge $found, but $pinned is said to be the first inside"
      failures=$((failures + 1))
    fi
  done
  grep -q "$set:.*split_seed: $pinned[,}]" jobs/sweeps/quickstart.yaml ||
    { echo "FAIL quickstart.yaml has not split $pinned for $set" && failures=$((failures + 1)); }
done <<'SPLITS'
boston medv 0
diabetes progression 0
concrete compressive_strength 0
ames Sale_Price 1
SPLITS

expect "a sweep of 8 members on 2 ranks" 0 '^done 8' run_mpi 2 "$dstn" sweep jobs/sweeps/quickstart.yaml \
  --set 'axes.seed={from: 0, count: 2}' --set 'axes.method=[stn, delta-stn]' \
  --set 'axes.dataset={boston: {data.split_seed: 0}, diabetes: {data.path: jobs/data/diabetes.csv, data.target: progression}}' \
  --set train.iterations=2000 --out "$scratch/sweep"
expect "the table of results" 0 'STN' "$python" analysis/results.py "$scratch/sweep/sweep.h5" --csv "$scratch/results.csv"
[ "$(wc -l <"$scratch/results.csv")" -eq 9 ] || { echo "FAIL results.csv has not 8 rows" && failures=$((failures + 1)); }
head -1 "$scratch/results.csv" | grep -q '^dataset,method,seed,lambda_final,lambda_star,regret_start,regret_final,' ||
  { echo "FAIL results.csv has other columns: $(head -1 "$scratch/results.csv")" && failures=$((failures + 1)); }
expect "the figure" 0 'png' "$python" analysis/plot_toys.py "$scratch/sweep/sweep.h5" --out "$scratch/figures"
mkdir "$scratch/paper" && ln -s "$scratch/sweep" "$scratch/paper/fig8-small"
expect "numbers, figures and report of the paper's sweeps" 0 'report.html' \
  "$python" tests/report/known_answers.py analysis "$scratch/paper" "$scratch/page"
[ -s "$scratch/page/figures/fig8.png" ] || { echo "FAIL figures.py drew no Fig. 8" && failures=$((failures + 1)); }
expect "a record in pandas" 0 'lambda.penalty' "$python" -c "
import sys; sys.path.append('analysis'); import dstn_record
print(list(dstn_record.load('$scratch/sweep/members/boston-stn-0/run.h5').series.columns))"
expect "a wrong file is named" 1 'no such file' "$python" analysis/results.py "$scratch/absent.h5"
expect "groups of 2 ranks" 0 '^done 8' run_mpi 4 "$dstn" sweep jobs/sweeps/quickstart.yaml --ranks-per-member 2 \
  --set 'axes.seed={from: 0, count: 2}' --set 'axes.dataset={boston: {data.split_seed: 0}}' \
  --set train.iterations=300 --out "$scratch/pairs"
expect "ranks that make no whole groups" 2 'ranks' run_mpi 2 "$dstn" sweep jobs/sweeps/quickstart.yaml \
  --ranks-per-member 3 --out "$scratch/odd"
finish
