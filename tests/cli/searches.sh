# Searches as a user runs them: trials that are promoted go on from where they were and end as if they had never stopped,
# workers take each other's weights, and a finished search can be given more to do.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
small_table >table.csv
cat >run.yaml <<'Y'
method: fixed
data: {path: table.csv, target: yield}
model: {response: full, layers: [linear: {out: 1, bias: false, init: zero}]}
regularizers: {l2: {strength: lambda}}
hyperparameters: {lambda: {transform: exp, start: 1, scale: 1, tune_scale: false}}
train: {batch: 8}
optimizer: {rate: 1e-3, momentum: 0.9}
Y
space='{hyperparameters.lambda.start: {low: 1e-3, high: 10, scale: log}, optimizer.rate: {low: 1e-4, high: 1e-2}}'
cat >halving.yaml <<Y
{base: run.yaml, search: halving, members: 10, length: train.iterations, least: 30, most: 270, space: $space}
Y
cat >population.yaml <<Y
{base: run.yaml, search: population, members: 4, generations: 4, length: train.iterations, interval: 30, space: $space}
Y

expect "successive halving on two ranks" 0 '^failed 0$' run_mpi 2 "$dstn" sweep halving.yaml --out halving
read -r name point < <(sed -n 's/.* \(t[0-9]*-r2\) queued new; .* point=\([^ ]*\) .*/\1 \2/p' halving/ledger/*.txt)
grep -q "$name: goes on from halving/members/${name%2}1 at step 90" err || fail "${name:-nobody} goes on from its rung"
expect "a run of that length" 0 '' "$dstn" train run.yaml --set hyperparameters.lambda.start="${point%,*}" \
  --set optimizer.rate="${point#*,}" --set train.iterations=270 --out straight
expect "a trial through all rungs is one run of that length" 0 '^equal' "$dstn" diff straight halving/members/"$name"
expect "a finished search has nothing to do" 0 'keeps 1[0-9] members, goes on with 0, 0 are new' \
  "$dstn" sweep halving.yaml --out halving --resume
expect "an audit of it" 0 'audit passed' "$dstn" audit halving

expect "a population" 0 '^done 16$' "$dstn" sweep population.yaml --out population
sed -n 's/^\(w0[0-9]\)-.*: goes on from population.members.\(w0[0-9]\)-.*/\1 \2/p' err | awk '$1 != $2 { n++ } END { exit !n }' ||
  fail "no worker took another's weights"
expect "more generations" 0 '^done 24$' "$dstn" sweep population.yaml --out population --resume --set generations=6
expect "more workers" 2 'members' "$dstn" sweep population.yaml --out population --resume --set members=5
# What would be found by a member after hours is said before the first one.
refuse() { # NAME PATTERN SEARCH SPACE
  echo "{base: run.yaml, $3, space: $4}" >bad.yaml
  expect "$1" 2 "$2" "$dstn" sweep bad.yaml --out bad
  [ -e bad/ledger ] && fail "$1: something is logged"
}
population='search: population, members: 4, generations: 4, interval: 30'
rate='{optimizer.rate: {low: 1e-4, high: 1e-2}}'
refuse "a range that begins where no run can" 'the lowest point of the space: .*start: -1 ' \
  "search: bayesian, members: 4, set: {train.iterations: 30}" '{hyperparameters.lambda.start: {low: -1, high: 5}}'
refuse "a range of random points that ends where no run can" 'the highest point of the space: .*batch' \
  "search: random, members: 2, set: {train.iterations: 30}" '{train.batch: {low: 1, high: 1000, integer: true}}'
refuse "a range that ends where no run can" 'the highest point of the space: .*batch' \
  "search: halving, members: 9, most: 9, length: train.iterations" '{train.batch: {low: 1, high: 1000, integer: true}}'
refuse "a hyperparameter that isn't there" 'bad.yaml:1: .*"lamda"; did you mean "lambda"' \
  "search: random, members: 4, set: {train.iterations: 30}" '{hyperparameters.lamda.start: {low: 1, high: 5}}'
refuse "what weights can't go on with" '"train.batch" is not as in .*: 4 there, 8 here' \
  "$population, length: train.iterations" '{train.batch: {low: 4, high: 8, integer: true}}'
refuse "a length that is none" '"train.batch" is not as in' "${population/30/4}, length: train.batch, set: {train.iterations: 9}" \
  "$rate"
refuse "a length that makes nothing longer" 'length: .*makes no run longer' \
  "$population, length: hyperparameters.lambda.start, set: {train.iterations: 9}" "$rate"

expect "an audit of the longer one" 0 'audit passed' "$dstn" audit population
finish
