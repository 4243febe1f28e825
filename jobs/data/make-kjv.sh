#!/usr/bin/env bash
# Makes a corpus in the form of Penn Treebank from the King James Bible: FOLDER (default: kjv beside this script) gets
# train.txt, valid.txt and test.txt, a verse a line, 88, 6 and 6 of 100 verses in their order. Needs `bible` of Debian's
# package bible-kjv, and no root.
#
# As Penn Treebank has them, words are in lower case, without punctuation, and 's is a word of its own. The 9,998 most
# frequent words of the training text are kept, those as frequent in their order as bytes; the others are <unk>, so that
# the vocabulary, with <unk> and the <eos> of each line's end, has 10,000 words.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
case ${1-} in
  -h | --help) sed -n '2,4s/^# //p' "$0" && exit 0 ;;
esac
[ $# -le 1 ] || { echo "usage: $0 [FOLDER]" >&2 && exit 2; }
folder=${1:-$here/kjv}
verses=31102
train=$((verses * 88 / 100)) valid=$((verses * 6 / 100))
kept=9998

if ! command -v bible >/dev/null; then
  echo "$0: there is no program \`bible\`: install Debian's package bible-kjv (apt-get install bible-kjv)" >&2
  exit 1
fi
mkdir -p "$folder"
work=$(mktemp -d "$folder/.make-kjv.XXXXXX")
trap 'rm -rf "$work"' EXIT

# With -f a verse is a line, "Ge1:1 In the beginning ...".
bible -f 'Ge1:1-Re22:21' </dev/null |
  awk '!sub(/^[0-9A-Za-z]+:[0-9]+ /, "") { exit 1 }
       { $0 = tolower($0); gsub(/\047s([^a-z]|$)/, " \001s "); gsub(/[^a-z\001-]/, " "); gsub(/\001/, "\047"); $1 = $1; print }' \
  >"$work/all" || { echo "$0: \`bible -f\` prints other lines than Ge1:1 and a verse" >&2 && exit 1; }
lines=$(wc -l <"$work/all")
if [ "$lines" -ne $verses ]; then
  echo "$0: \`bible -f\` prints $((lines)) verses; expected: $verses" >&2
  exit 1
fi

awk -v train=$train 'NR <= train { for (i = 1; i <= NF; i++) count[$i]++ }
                     END { for (word in count) print count[word], word }' "$work/all" |
  sort -k1,1nr -k2,2 | awk -v kept=$kept 'NR <= kept { print $2 }' >"$work/vocabulary"
awk -v train=$train -v valid=$valid -v folder="$work" '
  FNR == NR { known[$1]; next }
  { for (i = 1; i <= NF; i++) if (!($i in known)) $i = "<unk>"
    part = FNR <= train ? "train" : FNR <= train + valid ? "valid" : "test"
    print >(folder "/" part ".txt") }' "$work/vocabulary" "$work/all"

for part in train valid test; do
  mv "$work/$part.txt" "$folder/$part.txt"
  awk -v name="$folder/$part.txt" '{ words += NF; for (i = 1; i <= NF; i++) unknown += $i == "<unk>" }
    END { printf "%s: %d lines, %d words with their <eos>, %d of them <unk>\n", name, NR, words + NR, unknown }' \
    "$folder/$part.txt"
done
echo "vocabulary: $(($(wc -l <"$work/vocabulary") + 2)) words with <unk> and <eos>"
