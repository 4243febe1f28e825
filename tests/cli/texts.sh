# Texts as a user meets them: what `dstn data check` finds, one clear line with exit code 3 for bad ones, and the corpus
# that jobs/data/make-kjv.sh makes.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

mkdir good bad
printf 'the cat sat on the mat\nthe dog <unk>\n%.0s' 1 2 3 4 5 6 7 8 >good/train.txt
printf 'the zebra\n' >good/valid.txt
printf 'the mat\n\nthe yak\n' >good/test.txt
printf 'GIF\000' >bad/train.txt
cat >text.yaml <<'Y'
data: {source: ptb, path: good}
train: {batch: 2, length: 5}
Y
check() {
  expect "$1" "$2" "$3" "$dstn" data check text.yaml "${@:4}"
}

# said WHAT PATTERN: the check before has printed such a line.
said() {
  if grep -Eq "$2" "$scratch/out"; then echo "ok   $1"; else fail "$1"; fi
}

check "a folder of texts" 0 '^good: 88 training, 3 validation and 7 test words, vocabulary 8$'
said "its parts" '^training +88 words, 16 of them <eos>, 8 <unk> \(9.1%\)$'
said "words that training doesn't have" '^test +7 words, 3 of them <eos>, 1 <unk> \(14%\)$'
said "its words" '^vocabulary 8 words, 0 of them once in the training part; most often the \(27%\), <eos> \(18%\), cat'
said "its streams" '^streams +2 of 43 words, 8 batches an epoch, each of 5 words of every stream$'
check "streams of varied length" 0 '^streams +2 of 43 words, about [0-9]+ batches an epoch, each of up to 25 words' \
  --set train.vary_length=true
check "fewer words than streams" 0 '^streams +none: 87 words to be told are fewer than train.batch times train.length, 100$' \
  --set train.batch=20
check "a binary file" 3 'bad/train.txt:1: a NUL byte \(byte 3 of the file\)' --set data.path=bad
check "a folder that isn't there" 3 'data.path: nowhere can.t be read' --set data.path=nowhere
rm bad/train.txt && mkfifo bad/train.txt
check "a pipe" 3 'bad/train.txt: can.t be read: is a pipe' --set data.path=bad

/usr/bin/python3 <<'P'
import h5py, numpy as np
with h5py.File("own.h5", "w") as f:
    f["tokens"] = np.arange(40) % 7
    f["vocabulary"] = ["zero", "one", "two", "three", "four", "five", "\x1b[31m"]
with h5py.File("twice.h5", "w") as f:
    f["tokens"] = np.arange(40) % 4
    f["vocabulary"] = ["zero", "one", "two", "two"]
P
check "a text in an HDF5 file" 0 'most often zero \(16%\).*, \\x1b\[31m \(12%\)' --set data.source=hdf5 \
  --set data.path=own.h5

check "a word with two numbers" 3 'vocabulary: elements 2 and 3 are both "two"; accepted' --set data.source=hdf5 \
  --set data.path=twice.h5

if command -v bible >/dev/null; then
  expect "make-kjv.sh" 0 '^kjv/valid.txt: 1866 lines, 44338 words with their <eos>, 1491 of them <unk>' \
    "$root/jobs/data/make-kjv.sh" kjv
  for part in train valid test; do
    digest=$(sha256sum <kjv/$part.txt)
    expect "$part.txt as jobs/data/README.md has it" 0 "$part.txt .*${digest%% *}" \
      grep "| $part.txt" "$root/jobs/data/README.md"
  done
  expect "what it makes" 0 '^kjv: 732660 training, 44338 validation and 45503 test words, vocabulary 10000$' \
    "$dstn" data check text.yaml --set data.path=kjv
fi
mkdir no && expect "make-kjv.sh without bible" 1 'install Debian.s package bible-kjv' \
  env PATH="$scratch/no" /bin/bash "$root/jobs/data/make-kjv.sh" kjv2

finish
