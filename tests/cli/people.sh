# HDF5 files as people write them: booleans, labels [N, 1], channels last, rows that were never written or lie elsewhere;
# and a hyperparameter that nothing uses.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

/usr/bin/python3 <<'P'
import h5py, numpy as np
rng = np.random.default_rng(3)
x, y = rng.integers(0, 256, (40, 3, 6, 5), "uint8"), rng.integers(0, 2, 40)
def write(name, **arrays):
    with h5py.File(name, "w") as f:
        for key, value in arrays.items():
            f[key] = value
write("plain.h5", x=x, y=y)
write("bool.h5", x=x, y=y.astype(bool))
write("column.h5", x=x, y=y[:, None])
write("last.h5", x=x.transpose(0, 2, 3, 1).copy(), y=y)
with h5py.File("unwritten.h5", "w") as f:
    images = f.create_dataset("x", (40, 3, 6, 5), "uint8", chunks=(10, 3, 6, 5))
    images[:20] = x[:20]
    f["y"] = y
write("part.h5", x=x[20:])
def join(name, other):
    layout = h5py.VirtualLayout((40, 3, 6, 5), "uint8")
    layout[:20] = h5py.VirtualSource("plain.h5", "x", (40, 3, 6, 5))[:20]
    layout[20:] = h5py.VirtualSource(other, "x", (20, 3, 6, 5))
    with h5py.File(name, "w") as f:
        f.create_virtual_dataset("x", layout)
        f["y"] = y
join("joined.h5", "gone.h5")
join("whole.h5", "part.h5")
P
cat >net.yaml <<'Y'
data: {source: hdf5, path: plain.h5, task: classification, valid_fraction: 0.25}
model: {loss: cross_entropy, layers: [dropout: {rate: drop}, flatten, linear: {out: 2}]}
hyperparameters: {drop: {range: [0, 0.9], start: 0.1}}
train: {iterations: 4, batch: 10}
optimizer: {rate: 0.01}
hyper_optimizer: {rate: 0.01}
Y
check() { # NAME CODE PATTERN OPTION...
  expect "$1" "$2" "$3" "$dstn" data check net.yaml "${@:4}"
}
digest() {
  "$dstn" data check net.yaml "$@" 2>/dev/null </dev/null | awk '$1 == "digest" { print $2 }'
}
same() { # NAME OPTION...
  [ -n "$(digest)" ] && [ "$(digest)" = "$(digest "${@:2}")" ] || { echo "FAIL $1" && failures=$((failures + 1)); }
}
check "images and labels" 0 '3x6x5 images'
same "booleans are 0 and 1" --set data.path=bool.h5
same "labels [N, 1] are labels" --set data.path=column.h5
check "channels last are warned of" 0 'warning: .*last.h5.*layout: nhwc' --set data.path=last.h5
same "and read as what they are" --set data.path=last.h5 --set data.layout=nhwc
check "rows that were never written are warned of" 0 'warning: .*unwritten.h5' --set data.path=unwritten.h5
check "a virtual data set needs a word" 3 'whole.h5.*external: true' --set data.path=whole.h5
same "and is then read" --set data.path=whole.h5 --set data.external=true
check "rows whose source is not there are named" 3 'gone.h5' --set data.path=joined.h5 --set data.external=true

expect "a hyperparameter that nothing uses is named" 0 'warning: .*"?weight_decay' "$dstn" train net.yaml --out unused \
  --set 'hyperparameters.weight_decay={range: [0, 1], start: 0.1}'
"$dstn" train net.yaml --out with-drop 2>&1 | grep -q 'warning: .*drop' &&
  { echo "FAIL one that is used is warned of" && failures=$((failures + 1)); }
finish
