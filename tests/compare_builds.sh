#!/usr/bin/env bash
# Proves that two builds of dstn compute the same: trains short runs with both, on one rank and on two, and compares all
# that they record and the parameters that they end with, bit for bit.
#   tests/compare_builds.sh OLD_DSTN NEW_DSTN [--quick] [--only PATTERN] [--tolerance REL] [--cache DIR] [--keep DIR]
# --quick           a minute on two free cores: fewer methods and steps, one backend for the large networks
# --only PATTERN    only the cases whose name matches (grep -E); a name is CONFIG.METHOD.PRECISION.BACKEND.LAUNCH
# --tolerance REL   differences up to REL are listed with their sizes, and accepted
# --cache DIR       keeps the old build's runs there, and takes them from there the next time
# --keep DIR        leaves all runs in DIR
# Exit code: 0 the same, 1 not the same, 2 usage.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")

usage() {
  sed -n '4s/^# *//p' "$0" >&2
  exit 2
}

[ $# -ge 2 ] && [ -x "$1" ] && [ -x "$2" ] || usage
old=$(realpath "$1") new=$(realpath "$2")
shift 2
quick=false pattern=. tolerance=0 cache= keep=
while [ $# -gt 0 ]; do
  case $1 in
  --quick) quick=true && shift ;;
  --only | --tolerance | --cache | --keep)
    [ $# -ge 2 ] || usage
    case $1 in --only) pattern=$2 ;; --tolerance) tolerance=$2 ;; --cache) cache=$2 ;; --keep) keep=$2 ;; esac
    shift 2
    ;;
  *) usage ;;
  esac
done

. "$root/jobs/environment.sh"
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
unset DSTN_DRILL
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
runs=${keep:-$scratch/runs}
mkdir -p "$runs"
runs=$(realpath "$runs")
# What a cached run was made by: the program, the libraries that it says it has, and the configs.
made_by=$({ cat "$old" "$0" "$here"/compare_networks/*.yaml "$here/small_data.py" "$root"/jobs/*.yaml \
  "$root"/jobs/toys/*.yaml "$root"/jobs/models/*.yaml && "$old" --version; } | sha256sum | cut -c1-16)
if [ -n "$cache" ]; then
  mkdir -p "$cache/$made_by"
  cache=$(realpath "$cache/$made_by")
fi
backends=(openblas)
if [[ $("$old" --version) = *oneDNN* && $("$new" --version) = *oneDNN* ]]; then
  backends=(onednn openblas)
fi

networks=$scratch/networks
mkdir "$networks"
cp "$here"/compare_networks/*.yaml "$networks"
/usr/bin/python3 "$here/small_data.py" "$networks" 7 320 3 8 8 230 6

# launch LAUNCH BUILD FOLDER CONFIG OPTION...: one run; LAUNCH is 1 or 2 ranks, or 2t: one rank of two threads. A run
# that diverged is a result as others are; its exit code is compared.
launch() {
  local how=$1 build=$2 folder=$3 status=0 command
  shift 3
  case $how in
  1) command=("$build") ;;
  2t) command=(env OMP_NUM_THREADS=2 OPENBLAS_NUM_THREADS=2 "$build") ;;
  *) command=(mpirun --oversubscribe --bind-to none -n "$how" "$build") ;;
  esac
  mkdir -p "$folder"
  "${command[@]}" train "$@" --quiet --out "$folder/run" >"$folder/out" 2>&1 </dev/null || status=$?
  echo "$status" >"$folder/status"
}

total=0 different=0
# compare CONFIG METHOD PRECISION BACKEND LAUNCH[-WHAT] OPTION...: both builds' runs of one case, and the verdict. WHAT
# tells cases apart that their options alone do.
compare() {
  local config=$1 name="$(basename "$1" .yaml).$2.$3.$4.$5" how=${5%%-*}
  local options=(--set "method=$2" --set "precision=$3" --set "backend=$4")
  shift 5
  printf '%s\n' "$name" | grep -Eq -- "$pattern" || return 0
  options+=("$@")
  local before=$runs/$name.old after=$runs/$name.new
  rm -rf "$after"
  if [ -n "$cache" ]; then
    before=$cache/$name.$(printf '%s\n' "$how" "${options[@]}" | sha256sum | cut -c1-8)
  fi
  if [ ! -f "$before/status" ] || [ -z "$cache" ]; then
    rm -rf "$before" "$before.$$"
    launch "$how" "$old" "$before.$$" "$config" "${options[@]}"
    mv -T "$before.$$" "$before"
  fi
  launch "$how" "$new" "$after" "$config" "${options[@]}"
  total=$((total + 1))
  /usr/bin/python3 "$here/compare_runs.py" "$name" "$before" "$after" "$tolerance" || different=$((different + 1))
  [ -n "$keep" ] || rm -rf "$after" "$runs/$name.old"
}

# The toys, on standardized tables; one backend in double precision has them as a user runs them.
methods=(stn stn-centered stn-centered-split delta-stn fixed)
steps=2000 few=400
$quick && steps=300
for toy in ridge dropout jacobian; do
  for method in "${methods[@]}"; do
    if $quick && [ "$method" = stn-centered ]; then continue; fi
    for ranks in 1 2; do
      compare "$root/jobs/toys/$toy.yaml" "$method" f64 openblas "$ranks" --set "train.iterations=$steps" \
        --set record.every=20
      $quick && break
    done
  done
  if [ $toy = jacobian ]; then
    # Its clip was one for both objectives of these methods up to c1425e9, and is each one's own since.
    for method in stn-centered-split delta-stn; do
      compare "$root/jobs/toys/$toy.yaml" "$method" f64 openblas 1-unclipped --set "train.iterations=$steps" \
        --set record.every=20 --set optimizer.clip=.inf
    done
  fi
  $quick && continue
  for backend in "${backends[@]}"; do
    for method in stn delta-stn; do
      compare "$root/jobs/toys/$toy.yaml" "$method" f32 "$backend" 1 --set "train.iterations=$few" \
        --set record.every=20
    done
  done
done

# Small networks with every layer, over the ends of epochs and the start of tuning.
for network in images table; do
  for method in "${methods[@]}"; do
    if $quick && [[ "$method" = stn-centered* ]]; then continue; fi
    for ranks in 1 2; do
      compare "$networks/$network.yaml" "$method" f64 openblas "$ranks"
      $quick && [ "$ranks" = 2 ] && continue
      for backend in "${backends[@]}"; do
        compare "$networks/$network.yaml" "$method" f32 "$backend" "$ranks"
      done
    done
  done
  compare "$networks/$network.yaml" stn f64 openblas 1-clip --set optimizer.clip=0.3
  $quick && continue
  compare "$networks/$network.yaml" delta-stn f32 "${backends[0]}" 2t
  compare "$networks/$network.yaml" delta-stn f64 openblas 2-local --set model.batchnorm=local
done

# The networks on Fashion-MNIST.
length=(--set train.iterations=200 --set train.warmup_epochs=0 --set train.warmup=20 --set record.every=10)
$quick && length=(--set train.iterations=16 --set train.warmup_epochs=0 --set train.warmup=4 --set record.every=1 \
  --set data.valid_fraction=0.02)
for network in mlp-fashion cnn-fashion; do
  for method in stn delta-stn; do
    compare "$root/jobs/$network.yaml" "$method" f32 "${backends[0]}" 1 "${length[@]}"
    $quick && continue
    compare "$root/jobs/$network.yaml" "$method" f32 "${backends[0]}" 2 "${length[@]}"
    compare "$root/jobs/$network.yaml" "$method" f32 openblas 2-short "${length[@]}" --set train.iterations=40
    compare "$root/jobs/$network.yaml" "$method" f64 openblas 1-short "${length[@]}" --set train.iterations=40
  done
  $quick || compare "$root/jobs/$network.yaml" delta-stn f32 "${backends[0]}" 2t "${length[@]}"
done

if [ "$total" -eq 0 ]; then
  echo "no case matches \"$pattern\"" >&2
  exit 2
fi
echo "$total cases, $different differ"
[ "$different" -eq 0 ]
