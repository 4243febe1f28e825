#!/usr/bin/env bash
# The main job in one command: installs what is missing, builds, compares STN with Delta-STN on four data sets over five
# seeds under mpirun, prints the table and draws the figure. Leaves everything in runs/quickstart.
set -euo pipefail
cd "$(dirname "$0")/.."

bash jobs/install-packages.sh
. jobs/environment.sh

cmake --preset release -DBUILD_TESTING=OFF >/dev/null
cmake --build --preset release --parallel "$(dstn_cores)" --target dstn
python=$(dstn_python)

# --resume: what an earlier run of this script has finished is kept.
out=runs/quickstart
mpirun --oversubscribe -n 2 build/release/dstn sweep jobs/sweeps/quickstart.yaml --out "$out" --resume
"$python" analysis/results.py "$out/sweep.h5" --csv "$out/results.csv"
"$python" analysis/plot_toys.py "$out/sweep.h5" --out "$out/figures"
