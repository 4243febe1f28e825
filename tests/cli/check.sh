# The program against the numbers of the independent implementation: every fixture that a net of ours can be built
# from, on every backend, in both scalar types, on one rank and on several.
. "$(dirname "$0")/common.sh"
fixtures=()
for fixture in "$root"/tests/fixtures/*.h5; do
  [ "$(basename "$fixture")" = lstm_7h.h5 ] || fixtures+=("$fixture") # recurrent layers come later
done
[ ${#fixtures[@]} -ge 7 ] || { echo "FAIL only ${#fixtures[@]} fixtures" && failures=$((failures + 1)); }

# all NAME LAUNCHER... -- OPTION...: all quantities of all fixtures pass, and none of the fixtures is left out.
all() {
  local name=$1 launcher=()
  shift
  while [ "$1" != -- ]; do launcher+=("$1") && shift; done
  shift
  expect "$name" 0 '^[0-9]+ passed, 0 failed' "${launcher[@]}" "$dstn" check "${fixtures[@]}" "$@"
  for fixture in "${fixtures[@]}"; do
    [ "$(grep -c "$(basename "$fixture") " "$scratch/out")" -gt 20 ] ||
      { echo "FAIL $name: too few quantities of $fixture" && failures=$((failures + 1)); }
  done
}

runs=(openblas-f32 openblas-f64)
if "$dstn" check "${fixtures[0]}" --backend onednn >"$scratch/out" 2>"$scratch/err" </dev/null ||
  ! grep -q 'this build has no backend' "$scratch/err"; then
  runs+=(onednn-f32)
  expect "oneDNN has no double precision" 2 '^dstn: .*onednn does not compute in f64' \
    "$dstn" check "${fixtures[0]}" --precision f64 --backend onednn
else
  echo "-- built without oneDNN: its part is left out"
fi
for run in "${runs[@]}"; do
  options=(--backend "${run%-*}" --precision "${run#*-}")
  all "every quantity, $run" -- "${options[@]}"
  for ranks in 2 4; do
    all "summed gradients on $ranks ranks, $run" run_mpi "$ranks" -- "${options[@]}"
  done
done
all "every quantity, the references" -- --backend reference --precision f64
all "the build's own choice" --
expect "a backend that isn't there" 2 '^dstn: .*"cuda"' "$dstn" check "${fixtures[0]}" --backend cuda

# A fixture with one number changed must fail, and say where.
/usr/bin/python3 - "$root/tests/fixtures" "$scratch" <<'P'
import shutil, sys
import h5py
fixtures, scratch = sys.argv[1:]
def changed(source, target, change):
    shutil.copy(f"{fixtures}/{source}.h5", f"{scratch}/{target}.h5")
    with h5py.File(f"{scratch}/{target}.h5", "r+") as f:
        change(f)
def add(name, place):
    def change(f):
        f[name][place] += 1e-3
    return change
def remove(f):
    del f["expect/delta_valid/grad_lambda"]
changed("ridge_1h", "changed", add("expect/stn_train/grad/0/response_weight", (0, 3)))
changed("ridge_1h", "lacking", remove)
changed("cnn_6h", "image", add("expect/delta_valid/grad_lambda", 2))
P
expect "a wrong gradient is found" 1 '^[0-9]+ passed, 1 failed' "$dstn" check "$scratch/changed.h5" --precision f64
expect "a missing quantity fails" 1 'delta_valid grad_lambda nan' "$dstn" check "$scratch/lacking.h5" --precision f64
expect "a wrong gradient of a network is found" 1 '^[0-9]+ passed, 1 failed' "$dstn" check "$scratch/image.h5" \
  --precision f64
finish
