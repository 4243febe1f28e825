# The data sources as a user meets them: what `dstn data check` finds, and one clear line with exit code 3 for bad files.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

# number N: four bytes, big-endian
number() {
  printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 >> 24 & 255)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)))"
}

# images FILE ROWS [MAGIC]: ROWS images of 2 x 2, pixels 0 and 255
images() {
  { number "${3:-2051}"; number "$2"; number 2; number 2
    for _ in $(seq "$2"); do printf '\000\377\377\000'; done; } >"$1"
}

# labels FILE LABEL...
labels() {
  { number 2049; number $(($# - 1))
    for label in "${@:2}"; do printf "\\$(printf '%03o' "$label")"; done; } >"$1"
}

# folder NAME: a good one, 10 training and 2 test images of 2 classes
folder() {
  mkdir "$1"
  images "$1/train-images-idx3-ubyte" 10
  labels "$1/train-labels-idx1-ubyte" 0 1 0 1 0 1 0 1 0 1
  images "$1/t10k-images-idx3-ubyte" 2
  labels "$1/t10k-labels-idx1-ubyte" 1 1
}

cat >idx.yaml <<'Y'
data: {source: idx, path: good, task: classification, classes: 2, valid_fraction: 0.2}
Y
check() {
  expect "$1" "$2" "$3" "$dstn" data check idx.yaml "${@:4}"
}

folder good
check "a folder of IDX files" 0 '8 training, 2 validation and 2 test rows, 1x2x2 images.*validation from the end'
check "shape and storage" 0 '^shape +1 x 2 x 2 .*bytes'
check "values are normalized by the training part" 0 '^normalized mean 0.5, std 0.5, measured on the training part'
check "and seen so" 0 '^training +8 rows, values -1 to 1'
given=(--set data.mean=.1307 --set data.std=.3081)
check "or by given numbers" 0 '^normalized mean 0.1307, std 0.3081, as the config says' "${given[@]}"
check "and seen so" 0 '^training +8 rows, values -0.4242 to 2.821' "${given[@]}"
check "classes are counted in each part" 0 '^1 +4 +1 +2$'
check "the split can be random" 0 'classes, split 0' --set data.split=random
folder zipped && gzip zipped/*
check "gzipped files" 0 '8 training, 2 validation and 2 test rows' --set data.path=zipped
digest() {
  "$dstn" data check idx.yaml "$@" 2>/dev/null </dev/null | awk '$1 == "digest" { print $2 }'
}
folder edited && labels edited/train-labels-idx1-ubyte 0 1 0 1 0 1 0 1 0 0
[ -n "$(digest)" ] && [ "$(digest)" = "$(digest --set data.path=zipped)" ] &&
  [ "$(digest)" = "$(digest --set data.split=random)" ] && [ "$(digest)" != "$(digest --set data.path=edited)" ] ||
  { echo "FAIL the digest is that of the data, wherever they are and however they are split" && failures=$((failures + 1)); }
folder untested && rm untested/t10k-*
check "no test files: a warning" 0 'warning: .*untested: there is no test part' --set data.path=untested

bad() {
  check "$1" 3 "$2" --set "data.path=$3"
}
mkdir empty
bad "an empty folder" 'data.path: .*empty has no file train-images-idx3-ubyte' empty
bad "a missing folder names the package and the key" 'data.path: .*nowhere.*dataset-fashion-mnist.*data.path' nowhere
bad "a file instead of a folder" 'idx.yaml is a file' idx.yaml
folder magic && images magic/train-images-idx3-ubyte 10 2049
bad "a wrong magic number" 'train-images-idx3-ubyte: .*0x00000801; accepted: 0x00000803' magic
folder labelmagic && images labelmagic/t10k-labels-idx1-ubyte 2
bad "images for labels" 't10k-labels-idx1-ubyte: .*0x00000803; accepted: 0x00000801' labelmagic
folder short && head -c 50 good/train-images-idx3-ubyte >short/train-images-idx3-ubyte
bad "a truncated file" 'expected 40 bytes .10 x 2 x 2. behind the header, found 34' short
folder cut && gzip -c good/train-images-idx3-ubyte | head -c 30 >cut/train-images-idx3-ubyte.gz && rm cut/train-images-idx3-ubyte
bad "a truncated gzip stream" 'train-images-idx3-ubyte.gz: .*gzip stream is cut off' cut
folder long && printf 'x' >>long/t10k-labels-idx1-ubyte
bad "trailing bytes" 't10k-labels-idx1-ubyte: expected 2 bytes .*found more' long
folder count && labels count/train-labels-idx1-ubyte 0 1 0
bad "counts that differ" 'has 3 labels, .* has 10 images' count
folder range && labels range/t10k-labels-idx1-ubyte 0 2
bad "a label out of range" 't10k-labels-idx1-ubyte: row 1: label 2; accepted: 0 to 1' range
folder absurd && { number 2051; number 4294967295; number 16384; number 16384; printf 'ab'; } >absurd/train-images-idx3-ubyte
bad "an absurd header" 'expected 1152921504338411520 bytes .*found 2' absurd
folder half && rm half/t10k-labels-idx1-ubyte
bad "half of a test part" 'has no file t10k-labels-idx1-ubyte' half
check "no task" 2 'data.task: .*accepted: classification' --set data.task=regression
if [ "$(id -u)" -ne 0 ]; then
  folder locked && chmod 0 locked/train-labels-idx1-ubyte
  bad "a file that may not be read" 'train-labels-idx1-ubyte: .*Permission denied' locked
fi

# batch FILE LABEL...: records of CIFAR-10 in black
batch() {
  for label in "${@:2}"; do printf "\\$(printf '%03o' "$label")" && head -c 3071 /dev/zero && printf x; done >"$1"
}
mkdir -p cifar/cifar-10-batches-bin
for part in data_batch_{1..5} test_batch; do batch "cifar/cifar-10-batches-bin/$part.bin" 0 1 3; done
cat >cifar.yaml <<'Y'
data: {source: cifar, path: cifar, task: classification, mean: [0.5, 0.4, 0.3], std: 0.2}
Y
cifar() {
  expect "$1" "$2" "$3" "$dstn" data check cifar.yaml "${@:4}"
}
cifar "a folder of CIFAR-10" 0 'bin: 12 training, 3 validation and 3 test rows, 3x32x32 images.*validation from the end'
cifar "is normalized by channels" 0 '^normalized mean 0.5 0.4 0.3, std 0.2 0.2 0.2, as the config says'
cifar "and not taken for the whole" 0 'has 15 training and 3 test images, where CIFAR-10 as published has 50000 and 10000'
cifar "and compared with what is published" 0 '^file +data_batch_1.bin: differs from what is published: 9219 bytes'
[ "$(grep -oE '"[0-9a-f]{64}"' "$root/src/data/published.c" | tr -d '"')" = "$(grep '^|' "$root/jobs/data/README.md" | grep -v '\.txt' | grep -oE '[0-9a-f]{64}')" ] ||
  { echo "FAIL jobs/data/README.md has other digests than the program" && failures=$((failures + 1)); }
printf x >>cifar/cifar-10-batches-bin/data_batch_4.bin
cifar "a batch that is cut off or goes on" 3 'data_batch_4.bin: has 9220 bytes.*accepted: whole records'
rm -r cifar/cifar-10-batches-bin && : >cifar/cifar-10-python.tar.gz
cifar "the Python version" 3 'data.path: .*cifar-10-python.tar.gz.*accepted.*binary version'

cat >own.yaml <<'Y'
data: {source: hdf5, path: own.h5, task: regression}
Y
own() {
  expect "$1" 3 "$2" "$dstn" data check own.yaml --set "data.path=$3"
}
own "an HDF5 file that isn't there" 'data.path: .*own.h5: .*No such file' own.h5
own "a file that is no HDF5" 'own.yaml: it is no HDF5 file' own.yaml
own "an HDF5 file without x" 'mlp_3h.h5: has no array x' "$root/tests/fixtures/mlp_3h.h5"
head -c 2000 "$root/tests/fixtures/mlp_3h.h5" >cut.h5
own "a truncated HDF5 file" 'cut.h5: it is no HDF5 file, or damaged or cut off' cut.h5

cat >table.yaml <<'Y'
data: {source: csv, path: table.csv, target: kind, task: classification, valid_fraction: 0.25}
Y
printf 'a,b,kind\n1,2,0\n3,1,1\n2,2,2\n4,4,0\n5,1,1\n6,0,2\n7,1,0\n8,2,1\n' >table.csv
expect "a CSV of classes" 0 '6 training and 2 validation rows, 2 features, target kind of 3 classes' "$dstn" data check table.yaml
expect "a CSV split at its end" 0 'validation from the end' "$dstn" data check table.yaml --set data.split=end
sed -i 's/^5,1,1/5,1,cat/' table.csv
expect "a label that is text" 3 'table.csv:6: column "kind": "cat"' "$dstn" data check table.yaml
expect "help shows a source's keys" 0 'classes' "$dstn" help data.classes
expect "help shows augmentations" 0 'side of a hole' "$dstn" help length

# The task whose best augmentation is known.
expect "synth writes files of CIFAR-10's size" 0 'rotation +15 ' "$dstn" data synth --out synth --rows 3 --rotation 15
sizes=$(cd synth && wc -c data_batch_[1-5].bin test_batch.bin | awk '$2 != "total" { print $1 }' | sort -u)
[ "$sizes" = 9219 ] && grep -q '^  rotation: 15$' synth/limits.yaml ||
  { echo "FAIL synth: 3 records of 3073 bytes, and the limits: $sizes" && failures=$((failures + 1)); }
printf 'data: {source: cifar, path: synth, task: classification, valid_fraction: 0.2}\n' >synth.yaml
expect "synth: the source cifar reads it" 0 '12 training, 3 validation and 3 test rows' "$dstn" data check synth.yaml
expect "synth: its config trains on it" 0 'rotation [0-9]' "$dstn" train "$root/jobs/synth-alexnet.yaml" --out trained \
  --set data.path=synth --set model.width=0.02 --set train.batch=4 --set train.epochs=1 --set train.warmup_epochs=0
expect "synth: strengths against the best" 0 '^\| rotation \| 4.5 \| 15 \|' \
  "$(dstn_python)" "$root/analysis/strengths.py" synth trained --out figures
[ -s figures/synth-task.png ] && [ -s figures/synth-strengths.png ] ||
  { echo "FAIL strengths.py drew no figures" && failures=$((failures + 1)); }
expect "synth: a filled folder" 2 'synth is not empty; accepted' "$dstn" data synth --out synth
expect "synth: a limit out of range" 2 'hue 0.6: accepted: 0 to 0.5' "$dstn" data synth --out wide --hue 0.6
expect "synth: more rows than can be told apart" 2 'rows 9000000000000000: accepted: 1 to 4294967295' "$dstn" data synth \
  --out wide --rows 9000000000000000
expect "check takes no options of synth" 2 'accepted: dstn data check' "$dstn" data check synth.yaml --hue 0.1
expect "synth: no folder" 2 'accepted: dstn data synth --out DIR' "$dstn" data synth
(ulimit -f 20 && expect "synth: no room" 1 'data_batch_1.bin can.t be written: File too large' "$dstn" data synth --out cramped --rows 9
  [ "$failures" -eq 0 ] && [ -z "$(ls cramped)" ]) ||
  { echo "FAIL synth: no room, and nothing is left" && failures=$((failures + 1)); }

if [ -d /usr/share/datasets/fashion-mnist ]; then
  printf 'data: {source: idx, task: classification, valid_fraction: 0.15}\n' >fashion.yaml
  expect "Fashion-MNIST" 0 '51000 training, 9000 validation and 10000 test rows, 1x28x28 images' "$dstn" data check fashion.yaml
  expect "is normalized by its own" 0 '^normalized mean 0.285537, std 0.352839' "$dstn" data check fashion.yaml
  [ "$(grep -c '^file .*: as published .Fashion-MNIST.$' "$scratch/both")" = 4 ] ||
    { echo "FAIL Fashion-MNIST is not known as published" && failures=$((failures + 1)); }
fi
finish
