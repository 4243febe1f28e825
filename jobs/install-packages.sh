#!/usr/bin/env bash
# Installs the Debian packages that dstn is built and drawn with, with --tests those that it is tested with, and with
# --slurm those of a Slurm to try job scripts on, as far as they are missing.
# Without root or apt nothing is installed: what is missing is listed, and CMake decides whether it is found elsewhere
# (modules, Spack).
set -euo pipefail

packages=(
  build-essential cmake git ninja-build pkg-config
  openmpi-bin libopenmpi-dev libhdf5-openmpi-dev libscalapack-openmpi-dev libopenblas-dev
  libdnnl-dev bible-kjv dataset-fashion-mnist libfyaml-dev libnlopt-dev libssl-dev libxxhash-dev
  librandom123-dev zlib1g-dev
  python3 python3-h5py python3-matplotlib python3-numpy python3-pandas
)
for option in "$@"; do
  case $option in
    --tests) packages+=(iproute2 libcmocka-dev python3-pil python3-torch python3-yaml) ;;
    --slurm) packages+=(libpmix-dev munge slurm-wlm) ;;
    *) echo "usage: $0 [--tests] [--slurm]" >&2 && exit 2 ;;
  esac
done

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "Not installed as Debian packages: ${missing[*]}" >&2
  echo "Nothing is installed (that needs root and apt); going on with what CMake finds." >&2
  exit 0
fi

echo "Installing ${#missing[@]} packages" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
