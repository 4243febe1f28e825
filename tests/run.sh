#!/usr/bin/env bash
# All tests in one command: installs what is missing, builds, runs the units, the mpirun tests and the command-line
# tests, then the units, the seeds of the fuzz targets and the readers once more under AddressSanitizer and
# UndefinedBehaviorSanitizer. What takes longer is in tests/soak.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

bash jobs/install-packages.sh --tests --slurm
. jobs/environment.sh

build() { # PRESET; by Ninja, unless the folder has been made for something else
  [ -e "build/$1/CMakeCache.txt" ] || local -x CMAKE_GENERATOR=Ninja
  cmake --preset "$1" -DBUILD_TESTING=ON >/dev/null
  cmake --build --preset "$1" --parallel "$(dstn_cores)"
}
build release
build asan
ctest --preset asan --tests-regex '^(unit|fuzz|cli.readers)' --parallel 2
ctest --preset release --parallel 2
