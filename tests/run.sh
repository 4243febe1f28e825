#!/usr/bin/env bash
# All tests in one command: installs what is missing, builds, runs the units, the mpirun tests and the command-line
# tests, then the units, the seeds of the fuzz targets and the readers once more under AddressSanitizer and
# UndefinedBehaviorSanitizer. What takes longer is in tests/soak.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

bash jobs/install-packages.sh --tests --slurm
. jobs/environment.sh

cmake --preset release -DBUILD_TESTING=ON >/dev/null
cmake --build --preset release --parallel "$(nproc)"
cmake --preset asan -DBUILD_TESTING=ON >/dev/null
cmake --build --preset asan --parallel "$(nproc)"
ctest --preset asan --tests-regex '^(unit|fuzz|cli.readers)' --parallel 2
ctest --preset release --parallel 2
