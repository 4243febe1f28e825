#!/usr/bin/env bash
# What one core of this machine takes for the steps that analysis/scaling/predict.py lays out on a cluster; the machine
# should have nothing else to do.
#   bash analysis/scaling/measure.sh BUILD >analysis/scaling/measured.txt
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
measure() { # NAME MODEL ROWS...
    local name=$1 model=$2 rows
    shift 2
    for rows in "$@"; do
        "$build/dstn" bench "$model" --scaling --batch "$rows" --steps "$((rows > 8 ? 14 : 28))" --quiet |
            awk -v name="$name" -v rows="$rows" '$1 == "strong" { print "step", name, rows, $5 }'
    done
}
echo "# step NETWORK ROWS SECONDS: a training step of Δ-STN on one rank, the best of the blocks of dstn bench --scaling"
measure mlp "$here/../../jobs/models/mlp.yaml" 1 2 4 8 16 32 64 128
measure vgg16 "$here/vgg16.yaml" 1 2 4 8 16
"$build/scaling_measure"
