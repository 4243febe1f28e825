# Sourced by the scripts here: how dstn is launched under mpirun on one machine.
# One thread a rank unless the caller says otherwise; root and few cores are no obstacle.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# How many cores this process may run on; nproc alone answers with OMP_NUM_THREADS.
dstn_cores() {
  env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc
}

# The Python that has the modules of analysis/: the first on the PATH, else Debian's.
dstn_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import h5py, matplotlib, numpy, pandas' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
  echo "No python3 with h5py, matplotlib, numpy and pandas: Debian python3-h5py python3-matplotlib python3-numpy" \
       "python3-pandas" >&2
  return 1
}
