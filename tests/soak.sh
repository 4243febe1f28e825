#!/usr/bin/env bash
# What takes longer than tests may: every fuzz target of tests/fuzz for a minute (or for the seconds that are given, or
# until it has had so many inputs), from its seeds and from what earlier soaks have found, in build/fuzz/found. Needs
# clang (Debian: clang libclang-rt-dev libomp-dev). Exits 0 if no input crashes, hangs for 5 s, or takes memory that it
# doesn't justify; one that does is kept as build/fuzz/found/NAME.crash-… .
#   tests/soak.sh [SECONDS] [NAME…]
#   tests/soak.sh --inputs 1000000 [NAME…]
# Or real launches: all that can happen to jobs under a real Slurm, some minutes (as root, with Debian); ranks that are
# killed at random and resumed, those of searches too; reproducible runs of real networks on 1 to 8 ranks of one host
# and two (as root). These draw by a seed, which they print. Or the networks of jobs/cifar-*.yaml, narrowed: gradients,
# traces, ranks, resumes.
#   tests/soak.sh --slurm
#   tests/soak.sh --kills 50 [SEED]
#   tests/soak.sh --searches 50 [SEED]
#   tests/soak.sh --reproducible [SEED]
#   tests/soak.sh --networks
# Or exported networks of every form as modules of PyTorch, whose outputs are dstn's.
#   tests/soak.sh --export
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
  --slurm)
    bash jobs/install-packages.sh --slurm
    cmake --preset release >/dev/null
    cmake --build --preset release --target dstn
    exec bash tests/slurm/jobs.sh "$PWD/build/release/dstn" "$PWD" --whole
    ;;
  --kills | --searches | --reproducible | --networks | --export)
    . jobs/environment.sh
    cmake --preset release >/dev/null
    cmake --build --preset release --target dstn
    exec bash "tests/soak/${1#--}.sh" "$PWD/build/release/dstn" "$PWD" "${@:2}"
    ;;
esac
if [ "${1:-}" = --inputs ]; then
  until="-runs=$2" length="$2 inputs"
  shift 2
else
  until="-max_total_time=${1:-60}" length="${1:-60} s"
  shift || true
fi

. jobs/environment.sh
command -v clang >/dev/null || { echo "soak: clang is missing: apt install clang libclang-rt-dev libomp-dev" >&2; exit 2; }
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz

# Absurd requests for memory fail as they do on a machine that is short of it.
export ASAN_OPTIONS=allocator_may_return_null=1:detect_leaks=0 OMPI_MCA_ess_singleton_isolated=1
names=("$@")
if ((${#names[@]} == 0)); then
  for source in tests/fuzz/fuzz_*.c; do
    name=${source##*/fuzz_}
    names+=("${name%.c}")
  done
fi
failed=()
for name in "${names[@]}"; do
  found=build/fuzz/found/$name
  mkdir -p "$found"
  echo "soak: $name for $length"
  if build/fuzz/tests/fuzz/fuzz_"$name" "$until" -timeout=5 -rss_limit_mb=2500 -verbosity=0 \
    -artifact_prefix="$found." "$found" "tests/fuzz/corpus/$name"; then
    rm -f "$found".* # of children that read HDF5 files and died of it, as they may
  else
    failed+=("$name")
  fi
done
if ((${#failed[@]})); then
  echo "soak: failed: ${failed[*]}"
  exit 1
fi
echo "soak: ${#names[@]} targets, nothing found"
