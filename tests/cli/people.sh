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

write("short.h5", x=x[20:30])
join("joined-short.h5", "short.h5")
write("named.h5", images=x[20:])
join("joined-named.h5", "named.h5")
with h5py.File("half.h5", "w") as f:
    f.create_dataset("x", (20, 3, 6, 5), "uint8", chunks=(10, 3, 6, 5))[:10] = x[20:30]
join("joined-half.h5", "half.h5")
with h5py.File("inner.h5", "w") as f:
    layout = h5py.VirtualLayout((20, 3, 6, 5), "uint8")
    layout[:] = h5py.VirtualSource("nowhere.h5", "x", (20, 3, 6, 5))
    f.create_virtual_dataset("x", layout)
join("joined-inner.h5", "inner.h5")
x.tofile("all.raw")
x[:20].tofile("half.raw")
for name, raw, offset, size in [("raw.h5", "all.raw", 0, x.size), ("raw-short.h5", "half.raw", 0, x.size),
                                ("raw-late.h5", "all.raw", 8, x.size), ("raw-gone.h5", "gone.raw", 0, x.size),
                                ("raw-open.h5", "half.raw", 0, h5py.h5f.UNLIMITED)]:
    with h5py.File(name, "w") as f:
        f.create_dataset("x", x.shape, "uint8", external=[(raw, offset, size)])
        f["y"] = y
big = rng.integers(0, 256, (40, 3, 60, 50), "uint8")
write("big.h5", x=big, y=y)
with h5py.File("linked.h5", "w") as f:
    f["x"], f["y"] = h5py.ExternalLink("big.h5", "/x"), y
with h5py.File("broken.h5", "w") as f:
    f["x"], f["y"] = h5py.ExternalLink("part2.h5", "/images"), y
with h5py.File("groups.h5", "w") as f:
    f["train/x"], f["train/y"], f["a/b/c/images"] = x, y, x
    f.create_group("meta")
table = rng.normal(0, 1, (40, 3))
write("table.h5", x=table, y=y)
write("whole-numbers.h5", x=(table * 1e18).astype("i8"), y=y)
for label, answers in [("int8", y.astype("i1")), ("uint64", y.astype("u8")), ("float", y.astype("f4")), ("big-endian", y.astype(">i2"))]:
    write(f"labels-{label}.h5", x=x, y=answers)
write("labels-negative.h5", x=x, y=y - 1)
write("labels-from-1.h5", x=x, y=y + 1)
write("labels-one-hot.h5", x=x, y=np.eye(2)[y])
write("labels-text.h5", x=x, y=np.array([b"cat", b"dog"])[y])
write("gray.h5", x=x[:, 0], y=y)
part = (np.arange(40) % 4 == 0)
write("split.h5", x=x, y=y, split=part.astype("i8"))
write("split-bool.h5", x=x, y=y, split=part)
write("masks.h5", x=x[:, 0] > 127, y=y)
write("masks-bytes.h5", x=(x[:, 0] > 127).astype("u1") * 255, y=y)
write("gray-last.h5", x=x[:, 0, :, :, None].copy(), y=y)
with h5py.File("labels-unwritten.h5", "w") as f:
    f["x"] = x
    f.create_dataset("y", (40,), "i8", chunks=(10,))[:20] = y[:20]
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

same_as() { # NAME FILE OPTION...
  [ -n "$(digest --set data.path="$2")" ] && [ "$(digest --set data.path="$2")" = "$(digest "${@:3}")" ] ||
    { echo "FAIL $1" && failures=$((failures + 1)); }
}
follow=(--set data.external=true)
check "rows whose source is shorter are named" 3 'short.h5, data set x, .*900 elements, and 1800' --set data.path=joined-short.h5 "${follow[@]}"
check "a source of another name too" 3 'named.h5, data set x' --set data.path=joined-named.h5 "${follow[@]}"
check "a source that was written by half is warned of" 0 'warning: joined-half.h5: x: 900 of its 3600' \
  --set data.path=joined-half.h5 "${follow[@]}"
check "sources of sources are looked at" 3 'inner.h5.*nowhere.h5' --set data.path=joined-inner.h5 "${follow[@]}"
check "labels that were never written are warned of" 0 'warning: labels-unwritten.h5: y: 2 of its 4' \
  --set data.path=labels-unwritten.h5

check "external storage needs a word" 3 'external storage: all.raw.*external: true' --set data.path=raw.h5
same "and is then read" --set data.path=raw.h5 "${follow[@]}"
check "external storage that is too short is named" 3 'takes 3600 bytes from byte 0 of .*half.raw on, which has 1800' \
  --set data.path=raw-short.h5 "${follow[@]}"
check "also where it begins late" 3 'from byte 8 of .*all.raw on, which has 3600' --set data.path=raw-late.h5 "${follow[@]}"
check "and where it has no end" 3 'half.raw on, which has 1800' --set data.path=raw-open.h5 "${follow[@]}"
check "and where it is not there" 3 'gone.raw, which can.t be opened: No such file' --set data.path=raw-gone.h5 "${follow[@]}"
cp net.yaml one.yaml && mkdir below && cd below || exit 1
for file in raw whole; do
  expect "what lies beside a file is found from anywhere: $file.h5" 0 "$(cd .. && digest)" \
    "$dstn" data check ../one.yaml --set data.path=../$file.h5 "${follow[@]}"
done
cd .. || exit 1
same_as "a link to a larger file is followed" big.h5 --set data.path=linked.h5 "${follow[@]}"
check "a broken link is named with its file and path" 3 'x is an external link to part2.h5:/images' --set data.path=broken.h5

check "where there is no x, all that there is is named" 3 \
  'has no array x at its top, but a/b/c/images, meta/, train/x, train/y' --set data.path=groups.h5
check "whole numbers that a double can't hold are warned of" 0 'warning: whole-numbers.h5: x: 1[0-9]+ whole numbers' \
  --set data.path=whole-numbers.h5
for file in int8 uint64 float big-endian; do
  same "labels of the type $file" --set data.path=labels-$file.h5
done
check "negative labels are named" 3 'y: row [0-9]+: -1 is no class label; accepted: integers from 0' --set data.path=labels-negative.h5
check "labels from 1 are warned of" 0 'warning: .*1 of 3 classes .the first: 0. have no training example' \
  --set data.path=labels-from-1.h5
check "one-hot labels are named" 3 'y has 2 axes, 40 x 2; accepted: .N. or .N, 1., a label for each row' \
  --set data.path=labels-one-hot.h5
check "labels that are texts are named" 3 "y doesn't hold numbers but texts" --set data.path=labels-text.h5
same_as "a split of booleans" split.h5 --set data.path=split-bool.h5
check "is the split of the file" 0 '30 training and 10 validation rows, .*split of the file' --set data.path=split-bool.h5
same_as "images of booleans are black and white" masks-bytes.h5 --set data.path=masks.h5
/usr/bin/python3 - <<'P'
import h5py, numpy as np, os
f = h5py.File("unclosed.h5", "w", libver="latest")
f["x"], f["y"] = np.zeros((40, 2)), np.zeros(40)
f.flush()
os._exit(0)
P
check "a file whose writer was killed is refused with HDF5's own reason" 3 'already open for write' \
  --set data.path=unclosed.h5
if [ "$(id -u)" -ne 0 ]; then
  cp plain.h5 locked.h5 && chmod 0 locked.h5
  check "a file that may not be read" 3 'locked.h5: can.t be read: Permission denied' --set data.path=locked.h5
fi
check "images without channels" 0 '1x6x5 images' --set data.path=gray.h5
check "a single channel that is last is warned of" 0 'warning: gray-last.h5.*layout: nhwc' --set data.path=gray-last.h5
same_as "and read as what it is" gray.h5 --set data.path=gray-last.h5 --set data.layout=nhwc

expect "a hyperparameter that nothing uses is named" 0 'warning: .*"?weight_decay' "$dstn" train net.yaml --out unused \
  --set 'hyperparameters.weight_decay={range: [0, 1], start: 0.1}'
"$dstn" train net.yaml --out with-drop 2>&1 | grep -q 'warning: .*drop' &&
  { echo "FAIL one that is used is warned of" && failures=$((failures + 1)); }
finish
