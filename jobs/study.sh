#!/usr/bin/env bash
# The study of the toys: 20 seeds, each its own split, four methods, and a grid of learning rates; tables and figures
# in runs/study. Can be stopped and started again at any time: what is finished is kept. RANKS (default 2) processes.
set -euo pipefail
cd "$(dirname "$0")/.."
. jobs/environment.sh
dstn=${DSTN:-build/release/dstn}
python=$(dstn_python)

for name in ridge ridge-not-over-n rates dropout jacobian; do
  out=runs/study/$name
  mpirun --oversubscribe -n "${RANKS:-2}" "$dstn" sweep "jobs/sweeps/toys-$name.yaml" --out "$out" --resume
  "$python" analysis/results.py "$out/sweep.h5" --csv "$out/results.csv" >"$out/results.txt"
  [ "$name" = rates ] || "$python" analysis/plot_toys.py "$out/sweep.h5" --out "$out/figures"
done
