# The program against the numbers of the independent implementation: every fixture that a net of ours can be built
# from, on every backend, in both scalar types, on one rank and on several.
. "$(dirname "$0")/common.sh"
fixtures=("$root"/tests/fixtures/*.h5)
[ ${#fixtures[@]} -ge 8 ] || { echo "FAIL only ${#fixtures[@]} fixtures" && failures=$((failures + 1)); }

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
changed("lstm_7h", "text", add("expect/delta_general/grad/rnns.0.h2h.elem_weight_raw", (0, 3)))
changed("lstm_7h", "state", add("input/c1", (2, 0)))
P
expect "a wrong gradient is found" 1 '^[0-9]+ passed, 1 failed' "$dstn" check "$scratch/changed.h5" --precision f64
expect "a missing quantity fails" 1 'delta_valid grad_lambda nan' "$dstn" check "$scratch/lacking.h5" --precision f64
expect "a wrong gradient of a network is found" 1 '^[0-9]+ passed, 1 failed' "$dstn" check "$scratch/image.h5" \
  --precision f64

expect "a wrong gradient of a language model is found" 1 '^[0-9]+ passed, 1 failed' "$dstn" check "$scratch/text.h5" \
  --precision f64
# All but the entropy and its share depends on where the text was left off.
expect "the state that a pass starts from counts" 1 ' (6[0-9]|[7-9][0-9]) failed' "$dstn" check "$scratch/state.h5" \
  --precision f64

# A fixture is another program's file: what it claims takes no memory or time that isn't justified by what it holds.
/usr/bin/python3 - "$root/tests/fixtures" "$scratch" <<'P'
import shutil, sys
import h5py
import numpy as np
fixtures, scratch = sys.argv[1:]
def absurd(target, change, source="ridge_1h"):
    shutil.copy(f"{fixtures}/{source}.h5", f"{scratch}/{target}.h5")
    with h5py.File(f"{scratch}/{target}.h5", "r+") as f:
        change(f)
def layers(text):
    return lambda f: f.attrs.modify("layers", text)
absurd("wide", layers("linear 13 100000000"))
absurd("huge", layers("linear 9223372036854775808 1"))
absurd("negative", layers("linear -13 1"))
absurd("garbage", layers("linear 13 1 1x"))
absurd("many", layers("linear 13 1\n" + "relu\n" * 200000))
absurd("padded", layers("conv 1 4 5 1 9999\nrelu\nflatten\nlinear 54 24\nrelu\nlinear 24 10"), "cnn_6h")
absurd("injected", lambda f: f.attrs.modify("loss", "mse\nlayers: [linear: {out: 1000000000}]\nx: y"))
def empty(f):
    del f["input/x"]
    f["input/x"] = np.zeros((2**40, 0))
absurd("empty", empty)
def claim(f):
    del f["input/x"]
    f["input"].create_dataset("x", (2**30, 13), chunks=(16, 13), dtype="f8")
absurd("claim", claim)
def noise(f):
    del f["hyper/noise"]
    f["hyper/noise"] = np.zeros((3, 2))
absurd("noise", noise)
def text(target, name, value):
    def change(f):
        del f[name]
        if value is not None:
            f[name] = value
    absurd(target, change, "lstm_7h")
text("words", "input/tokens", np.full((5, 3), 40))
text("labels", "input/target", np.zeros((5, 4), int))
text("left", "input/h1", np.zeros((3, 11)))
text("cells", "params/rnns.0.h2h.elem_weight_raw", np.zeros((48, 13)))
text("layerless", "params/rnns.0.h2h.elem_weight_raw", None)
absurd("kind", lambda f: f.attrs.modify("kind", "gru_lm"), "lstm_7h")
P
for case in "wide:has 1300000000 weights, and the file has" 'huge:no layer' 'negative:no layer' 'garbage:no layer' \
  'many:more than 4096 lines' 'padded:padding below the kernel' 'injected:is no word' 'empty:is empty' \
  'claim:claims' 'noise:hyper/noise has 6 elements' 'words:input/tokens: element 0 is 40; accepted: 0 to 39' \
  'labels:input/target' 'left:input/h1 has 33 elements' 'cells:four rows for each column' \
  'layerless:there is no LSTM layer' 'kind:accepted: lstm_lm'; do
  name=${case%%:*}
  expect "a fixture that is absurd ($name)" 3 "${case#*:}" bash -c 'ulimit -t 20; exec "$0" check "$1"' "$dstn" \
    "$scratch/$name.h5"
done
finish
