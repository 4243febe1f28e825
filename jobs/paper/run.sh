#!/usr/bin/env bash
# The paper's figures and tables: runs their sweeps one after another, then draws the figures and writes the report.
#   bash jobs/paper/run.sh [--small] [NAME...]      NAME: a file of this folder without .yaml, or all
# --small runs NAME-small.yaml: on two cores, within 20 minutes each. Can be stopped and started again at any time: what is
# finished is kept. Everything is in RUNS (default runs/paper). RANKS (default 2) processes; DSTN is the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
. jobs/environment.sh
dstn=${DSTN:-build/release/dstn}
runs=${RUNS:-runs/paper}
python=$(dstn_python)

form=
if [ "${1:-}" = --small ]; then
  form=-small
  shift
fi
names=("$@")
if [ ${#names[@]} -eq 0 ]; then # table4 before table4-replay, which follows its runs
  mapfile -t names < <(basename -s .yaml jobs/paper/*.yaml | grep -v -e '-small$' | LC_ALL=C sort)
fi

for name in "${names[@]}"; do
  file=jobs/paper/$name$form.yaml
  [ -f "$file" ] || { echo "$0: there is no $file" >&2 && exit 2; }
  if grep -q data/synth "$file" && [ ! -d jobs/data/synth ]; then
    "$dstn" data synth --out jobs/data/synth --rows 1000 >/dev/null
  elif grep -q lstm-kjv "$file" && [ ! -d jobs/data/kjv ]; then
    bash jobs/data/make-kjv.sh
  fi
done

# A sweep whose members failed or diverged (5) is still one to look at.
for name in "${names[@]}"; do
  followed=()
  [ "$name" != table4-replay ] || followed=(--set "schedule.from=$runs/table4$form/members/delta-stn-{seed}/run.h5")
  mpirun --oversubscribe -n "${RANKS:-2}" "$dstn" sweep "jobs/paper/$name$form.yaml" "${followed[@]}" \
    --out "$runs/$name$form" --resume ||
    { code=$? && [ $code -eq 5 ] || exit $code; }
done
"$python" analysis/figures.py "$runs" --out "$runs/figures"
"$python" analysis/report.py "$runs" --out "$runs/report.html"
