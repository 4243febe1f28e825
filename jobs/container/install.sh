#!/usr/bin/env bash
# What both container files do, as root on Debian 12 or 13: installs what dstn is built with, builds it for processors
# of the kind MARCH (the image may run on others than this one; products of matrices choose their instructions when they
# run), installs it in /usr/local, and lists the packages that it runs with in share/dstn/packages.
set -euo pipefail
cd "$(dirname "$0")/../.."

bash jobs/install-packages.sh
cmake --preset release -DBUILD_TESTING=OFF -DCMAKE_C_FLAGS_RELEASE="-O3 -g -march=${MARCH:-x86-64-v3}" >/dev/null
cmake --build --preset release --parallel "$(nproc)" --target dstn
cmake --install build/release --prefix /usr/local >/dev/null

# Debian's packages know some libraries by the path without /usr: one of both is none of theirs.
libraries=$(ldd /usr/local/bin/dstn | awk '$3 ~ /^\// { print $3 }')
{
  echo openmpi-bin
  # shellcheck disable=SC2086 # words
  { dpkg-query -S $libraries $(readlink -f $libraries) 2>/dev/null || true; } | cut -d: -f1
} | sort -u >/usr/local/share/dstn/packages
dstn --version
