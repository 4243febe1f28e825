# Bad input: each gives one clear line that names the place, and its exit code. Run under the sanitizers too.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

ridge=$root/jobs/toys/ridge.yaml
data() {
  expect "$1" 3 "$2" "$dstn" train "$ridge" --set "data.path=$3" --set data.target=y --out "$scratch/none"
}

printf 'a,b,y\n1,2,3\n4,,6\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >missing.csv
printf 'a,b,y\n1,2,3\n4,five,6\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >text.csv
printf 'a,b,y\n1,2,3\n4,5\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >ragged.csv
printf 'a,b,y\n1,2,3\n4,nan,5\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >nan.csv
printf 'a,b,y\n1,2,3\n4,1e400,5\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >beyond.csv
sed 's/1e400/1.7976931348623157e+308/' beyond.csv >largest.csv
sed -e 's/1e400/4/' -e 's/,9$/,-1.7e308/' beyond.csv >target.csv
printf '"a","b","y"\n"1,5","2","3"\n"4","5","6"\n' >decimal.csv
: >empty.csv
printf 'a,b,y\n' >header.csv
head -c 4096 /dev/urandom >noise.csv
data "a CSV with a missing value" 'missing.csv:3: .*b' missing.csv
data "a CSV with text in a number" 'text.csv:3: .*five' text.csv
data "a ragged row" 'ragged.csv:3: expected 3 .*2' ragged.csv
data "a value that is not finite" 'nan.csv:3: .*nan' nan.csv
data "an empty file" 'empty.csv' empty.csv
data "a header without rows" 'header.csv' header.csv
data "random bytes" 'noise.csv' noise.csv
data "a file that does not exist" 'absent.csv.*No such file' absent.csv
expect "a target column that doesn't exist" 3 'boston.csv.*medvv.*medv' \
  "$dstn" train "$ridge" --set data.target=medvv --out none

data "values beyond all numbers" 'beyond.csv:3: column "b": "1e400" is beyond all numbers' beyond.csv
data "the largest double for no value" 'largest.csv:3: column "b": "1.7976931348623157e.308" is too large' largest.csv
data "it may be the target's" 'target.csv:4: column "y": "-1.7e308" is too large' target.csv
data "decimal commas among commas" 'decimal.csv:2: column "a": "1,5" is not a number .*data.decimal: comma' decimal.csv
printf 'data: {path: table.csv, target: y}\n' >table.yaml
digest_of() {
  "$dstn" data check table.yaml --set "data.path=$1" 2>/dev/null </dev/null | awk '$1 == "digest" { print $2 }'
}
printf 'a,b,y\n1,2,3\n4,5.5,6\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >table.csv
{ printf 'sep=;\r\n' && tr ',' ';' <table.csv; } >spreadsheet.csv
{ printf '\n  \n' && cat table.csv; } >below.csv
{ printf '\357\273\277' && sed 's/$/\r/' table.csv; } >mark.csv
tr ',.' ';,' <table.csv | sed 's/[^;]*/"&"/g' >quoted.csv
for file in spreadsheet below mark quoted; do
  [ -n "$(digest_of table.csv)" ] && [ "$(digest_of table.csv)" = "$(digest_of $file.csv)" ] ||
    { echo "FAIL $file.csv holds the same table" && failures=$((failures + 1)); }
done
sed 's/^7,/9007199254740993,/' table.csv >whole.csv
expect "whole numbers that a double can't hold" 0 'warning: whole.csv: 1 whole numbers' "$dstn" data check table.yaml \
  --set data.path=whole.csv

config() {
  expect "$1" 2 "$2" "$dstn" train "${@:3}" --out "$scratch/none"
}
config "an unknown key names the nearest" 'train.bacth.*batch' "$ridge" --set train.bacth=10
config "a wrong type" 'train.batch.*ten' "$ridge" --set train.batch=ten
config "a value out of range" 'data.valid_fraction.*1.5' "$ridge" --set data.valid_fraction=1.5
config "an unknown layer" 'liner.*linear' "$ridge" --set 'model.layers=[{liner: {out: 1}}]'
config "an unknown regularizer" 'l3.*l2' "$ridge" --set 'regularizers={l3: {strength: 1}}'
config "a list of regularizers" 'is a list.*mapping' "$ridge" --set 'regularizers=[l2: {strength: penalty}]'
config "an unknown hyperparameter in a layer" 'penalti' "$ridge" --set regularizers.l2.strength=penalti
config "an unknown optimizer" 'sdg.*sgd' "$ridge" --set optimizer.name=sdg
config "an unknown choice" 'method.*delta_stn.*delta-stn' "$ridge" --set method=delta_stn
config "switches that make no method" 'split_objective needs centered' "$ridge" --set method=stn --set linearize=true
config "a batch larger than the data" 'train.batch' "$ridge" --set train.batch=100000
config "a start outside the range" 'rate.*0.95' "$root/jobs/toys/dropout.yaml" --set hyperparameters.rate.start=0.99
config "no length" 'iterations' "$ridge" --set train.iterations=0
config "an unknown backend" 'backend' "$ridge" --set backend=cublas
config "a config that isn't there" 'nothere.yaml.*No such file' nothere.yaml
printf 'method: delta-stn\ndata: {source: csv\n  x: [\n' >broken.yaml
config "a config that is no YAML" 'broken.yaml:[0-9]+' broken.yaml
printf -- '- 1\n- 2\n' >list.yaml
config "a config that is a list" 'list.yaml' list.yaml
printf 'method: delta-stn\nmethod: stn\n' >twice.yaml
config "a key given twice" 'twice.yaml:2: the key "method" stands twice' twice.yaml
printf 'method: stn\nbatch: 10\n' >place.yaml
config "an unknown key names file and line" 'place.yaml:2: .*batch' place.yaml

expect "an unknown command names the nearest" 2 'trian.*train' "$dstn" trian "$ridge"
expect "an unknown option" 2 'otu' "$dstn" train "$ridge" --otu x
expect "no config" 2 'usage: dstn train' "$dstn" train
expect "a fixture that is no HDF5 file" 3 'text.csv' "$dstn" check text.csv
expect "an empty fixture" 3 'empty.csv' "$dstn" check empty.csv
expect "oracle of a config without a closed form" 2 'none of the forms' "$dstn" oracle "$ridge" \
  --set 'model.layers=[{linear: {out: 3}}, relu, {linear: {out: 1}}]' --out none
expect "a sweep with an empty axis" 2 'method' "$dstn" sweep "$root/jobs/sweeps/quickstart.yaml" \
  --set 'axes.method=[]' --out none
expect "dstn help of an unknown key" 2 'bacth.*batch' "$dstn" help bacth

# Nothing in a file, a config or a command line speaks to the terminal.
plain() { # NAME CODE PATTERN COMMAND...
  expect "$@"
  if LC_ALL=C grep -q -e $'\e' -e $'\xc2\x9b' "$scratch/both"; then
    echo "FAIL $1: an escape reaches the terminal" && failures=$((failures + 1))
  fi
}
printf '\e[31mred,b\e]0;T\a,y\n1,2,3\n4,5,6\n7,8,9\n1,2,2\n3,4,1\n5,6,1\n' >escapes.csv
printf 'data: {path: escapes.csv, target: y}\n' >escapes.yaml
plain "names of columns" 0 'x1b\[31mred' "$dstn" data check escapes.yaml
plain "a path in a config" 3 'x1b\]0;T.x07' "$dstn" data check escapes.yaml --set 'data.path="\e]0;T\a.csv"'
plain "a key in a config" 2 'x1b\[1m' "$dstn" train "$ridge" --set $'\e[1m=3' --out none
plain "a value in a config" 2 'x1b\[1m' "$dstn" train "$ridge" --set $'method="\\e[1m"' --out none
plain "a character that is an escape" 2 'xc2.x9b31m' "$dstn" train $'no\xc2\x9b31m.yaml' --out none

mkdir filled && echo kept >filled/file
expect "an output folder that is in use" 2 'filled is not empty' "$dstn" train "$ridge" --out filled
echo file >plain
expect "an output folder that is a file" 1 'plain' "$dstn" train "$ridge" --out plain
expect "an output folder below a file" 1 'plain.*Not a directory' "$dstn" train "$ridge" --out plain/below
if [ "$(id -u)" -eq 0 ]; then
  expect "an output folder that can't be written" 1 '/proc/' "$dstn" train "$ridge" --out /proc/dstn
else
  expect "an output folder that can't be written" 1 '/etc/' "$dstn" train "$ridge" --out /etc/dstn
fi
[ ! -e "$scratch/none" ] || { echo "FAIL an error left an output folder" && failures=$((failures + 1)); }
finish
