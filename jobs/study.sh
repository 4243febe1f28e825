#!/usr/bin/env bash
# The study of the toys: 20 seeds, each its own split, four methods, and a grid of learning rates; tables and figures
# in runs/study. Says first how long it will take. Can be stopped and started again at any time: what is finished is
# kept. RANKS (default 2) processes.
set -euo pipefail
cd "$(dirname "$0")/.."
. jobs/environment.sh
dstn=${DSTN:-build/release/dstn}
python=$(dstn_python)
names=(ridge ridge-not-over-n rates dropout jacobian)
launch=(mpirun --oversubscribe -n "${RANKS:-2}" "$dstn" sweep)

for name in "${names[@]}"; do
  "${launch[@]}" "jobs/sweeps/toys-$name.yaml" --plan --quiet | awk -v name="$name" '
    $1 == "members" { members = $2 } $1 == "seconds" { print name ": " members " members, about " $2 " s" }'
done

for name in "${names[@]}"; do
  out=runs/study/$name
  "${launch[@]}" "jobs/sweeps/toys-$name.yaml" --out "$out" --resume
  "$python" analysis/results.py "$out/sweep.h5" --csv "$out/results.csv" >"$out/results.txt"
  [ "$name" = rates ] || "$python" analysis/plot_toys.py "$out/sweep.h5" --out "$out/figures"
done
