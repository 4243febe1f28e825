# dstn bench: what it says of a small network. No time is judged but that there is one.
. "$(dirname "$0")/common.sh"
cat >"$scratch/net.yaml" <<'Y'
input: [20]
loss: cross_entropy
layers:
  - dropout: {rate: first}
  - linear: {out: 30}
  - relu
  - dropout: {rate: second}
  - linear: {out: 30}
  - dropout: {rate: first}
  - dropout: {rate: 0.25}
  - linear: {out: 7}
Y
sed 's/loss: cross_entropy/loss: mse/; s/rate: [a-z]*}/rate: 0.5}/' "$scratch/net.yaml" >"$scratch/nameless.yaml"
sed 's/linear: {out: 30}/linear: {out: thirty}/' "$scratch/net.yaml" >"$scratch/wrong.yaml"

numbers="seconds_per_step seconds_per_step_best hyper_seconds_per_step gflop_per_step gemm_peak_gflops \
  gemm_peak_gflops_best fraction_of_peak ordinary_seconds_per_step cost_ratio rss_start hwm_after memory_used \
  memory_counted memory_ratio"

expect "a network in lines" 0 '^fraction_of_peak [0-9.e-]+$' "$dstn" bench "$scratch/net.yaml" --batch 16 --steps 12
for name in $numbers; do
  within "$name is above 0" "$(value "$name")" 1e-12 1e15
done
# 2MNK of 16 examples: 5 times the first layer's 20x30, 8 times 30x30 and 30x7; 2 and 3 times in the ordinary net.
within "products of a Delta-STN step" "$(value gflop_per_step)" 0.00038015 0.00038017
within "products of an ordinary step" "$(value ordinary_gflop_per_step)" 0.00014495 0.00014497
within "two names are two hyperparameters" "$(value hyperparameters)" 2 2
within "as many steps as asked for" "$(value steps)" 12 12
[ "$(wc -l <"$scratch/out")" -eq "$(awk '{ print $1 }' "$scratch/out" | sort -u | wc -l)" ] ||
  { echo "FAIL a line a name" && failures=$((failures + 1)); }

expect "one object on one line" 0 '^\{.*\}$' "$dstn" bench "$scratch/net.yaml" --batch 16 --steps 3 --json --hyper 4
cp "$scratch/out" "$scratch/json"
cat >"$scratch/judge.py" <<'P'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) == 1
found = json.loads(lines[0])
for name in sys.argv[2:]:
    assert isinstance(found[name], (int, float)), name
rate = found["gflop_per_step"] / found["seconds_per_step"]
assert abs(rate / found["gemm_peak_gflops"] / found["fraction_of_peak"] - 1) < 1e-4
assert abs(found["memory_used"] / found["memory_counted"] / found["memory_ratio"] - 1) < 1e-4
print(found["method"], found["hyperparameters"], found["steps"], found["precision"])
P
expect "which is JSON with every name" 0 '^delta-stn 6 3 f32$' \
  /usr/bin/python3 "$scratch/judge.py" "$scratch/json" $numbers

expect "an ordinary network has no hyperparameter step" 0 '^hyper_seconds_per_step nan$' \
  "$dstn" bench "$scratch/nameless.yaml" --method fixed --batch 8 --steps 2
expect "and null in JSON, of a network half as wide" 0 '"general_parameters":667,.*"hyper_seconds_per_step":null,' \
  "$dstn" bench "$scratch/nameless.yaml" --method fixed --batch 8 --steps 2 --json --set width=0.5
[ "$(grep -c augment "$scratch/out")" -eq 0 ] || { echo "FAIL a model has no augmentation" && failures=$((failures + 1)); }
expect "inert hyperparameters are enough" 0 '^precision f64$' \
  "$dstn" bench "$scratch/nameless.yaml" --method stn --hyper 1 --batch 8 --steps 1 --precision f64
for ranks in 2 4; do
  expect "a batch split over $ranks ranks" 0 "^ranks $ranks\$" \
    run_mpi "$ranks" "$dstn" bench "$scratch/net.yaml" --batch 10 --steps 2
  # A sum reads a gradient of every rank and writes one.
  bytes=$((4 * (ranks + 1) * ($(value general_parameters) + $(value response_parameters))))
  within "and the bytes of its sums" "$(value bytes_added_per_step)" "$bytes" "$bytes"
  within "which can't be fewer" "$(value bytes_added_minimum)" "$bytes" "$bytes"
  within "no messages" "$(value bytes_sent_per_step)" 0 0
  within "and one sum of losses a step" "$(value mpi_calls_per_step)" 1 1
done
DSTN_SHARED_MEMORY=/none expect "without shared memory" 0 '^bytes_sent_minimum 0$' \
  run_mpi 2 "$dstn" bench "$scratch/net.yaml" --batch 10 --steps 2
bytes=$((8 * ($(value general_parameters) + $(value response_parameters))))
within "slices are sent to who adds them, and back" "$(value bytes_sent_per_step)" "$bytes" "$bytes"

expect "fewer and all of three ranks" 0 '^population +3 +10 ' run_mpi 3 "$dstn" bench "$scratch/net.yaml" --scaling \
  --batch 10 --steps 2
within "a row for each kind and number" "$(grep -cE '^(strong|weak|population) +[123] ' "$scratch/out")" 9 9
expect "and the same as JSON" 0 '' run_mpi 2 "$dstn" bench "$scratch/net.yaml" --scaling --json --batch 9 --steps 1
cat >"$scratch/judge_scaling.py" <<'P'
import json, sys
rows = json.load(open(sys.argv[1]))["scaling"]
assert [(row["kind"], row["ranks"], row["batch"]) for row in rows] == [
    ("strong", 1, 9), ("strong", 2, 9), ("weak", 1, 9), ("weak", 2, 18), ("population", 1, 9), ("population", 2, 9)]
for row in rows:  # of one block: a gain is of rows a second
    members = 1 if row["kind"] == "strong" else row["ranks"]
    gain = members * rows[0]["seconds_per_step"] / row["seconds_per_step"]
    assert abs(gain / row["gain"] - 1) < 1e-4 and abs(gain / row["ranks"] / row["efficiency"] - 1) < 1e-4, row
P
cp "$scratch/out" "$scratch/json"
expect "with gains as they follow from times" 0 '' /usr/bin/python3 "$scratch/judge_scaling.py" "$scratch/json"
expect "more ranks than examples, by and by" 2 'ranks are more' run_mpi 2 "$dstn" bench "$scratch/net.yaml" --scaling \
  --batch 1 --steps 1

# A config, with its own batch, method, hyperparameters and augmentation, on data that need not be there.
cat >"$scratch/images.yaml" <<'Y'
method: stn
precision: f64
reproducible: true
data: {source: hdf5, path: nowhere.h5, task: classification}
augment: [affine: {rotation: turn}, color: {hue: 0.1}]
model:
  input: [3, 8, 8]
  loss: cross_entropy
  layers: [conv: {out: 8, kernel: 3}, relu, flatten, linear: {out: 5}]
hyperparameters: {turn: {range: [0, 45], start: 10}}
train: {epochs: 1, batch: 24}
optimizer: {rate: 0.1}
hyper_optimizer: {rate: 0.1}
Y
expect "a config" 0 '^method stn$' "$dstn" bench "$scratch/images.yaml" --steps 1
within "its batch" "$(value batch)" 24 24
within "its hyperparameters" "$(value hyperparameters)" 1 1
within "its augmentation's part of a step" "$(value augment_fraction_of_step)" 1e-6 1
within "few channels, which are better direct" "$(value winograd_maps)" 0 0
general=$(value general_parameters)
expect "on two ranks, other settings" 0 '"precision":"f32".*"augment_seconds_per_step":[1-9]' \
  run_mpi 2 "$dstn" bench "$scratch/images.yaml" --steps 1 --method delta-stn --batch 10 --precision f32 --json \
  --set model.width=0.5 --set model.convolution=winograd
grep -q '"winograd_maps":1,' "$scratch/out" ||
  { echo "FAIL convolutions by Winograd's algorithm" && failures=$((failures + 1)); }
grep -q '"method":"delta-stn","batch":10,.*"general_parameters":'"$((general / 2 + 3))"',' "$scratch/out" ||
  { echo "FAIL a narrower network by --set" && failures=$((failures + 1)); }
expect "a config on more ranks" 0 '^strong +2 +24 ' run_mpi 2 "$dstn" bench "$scratch/images.yaml" --scaling --steps 1
expect "inert hyperparameters in a config" 2 'images.yaml is a config.*accepted: with a model' \
  "$dstn" bench "$scratch/images.yaml" --hyper 3
expect "a config whose network says no shape" 2 'images.yaml:.*input' "$dstn" bench "$scratch/images.yaml" \
  --set model.input=~

# ---- texts ----
cat >"$scratch/words.yaml" <<'Y'
loss: cross_entropy
layers:
  - embedding: {name: words, out: 12, dropout: word_rate}
  - dropout: {rate: rate}
  - lstm: {out: 12, weight_dropout: weight_rate}
  - decoder: {share: {general_weight: words}}
Y
expect "a network that reads words" 0 '^length 5$' "$dstn" bench "$scratch/words.yaml" --batch 8 --length 5 --words 30 --steps 2
# Of 40 words: 8 times both of the LSTM's 12x48, 6 times the decoder's 12x30, which does not respond.
within "products of its step" "$(value gflop_per_step)" 0.00091007 0.00091009
within "its vocabulary" "$(value words)" 30 30
expect "a vocabulary where it says none" 0 '^words 10000$' "$dstn" bench "$scratch/words.yaml" --batch 1 --length 1 --steps 1
sed -i '1i words: 40' "$scratch/words.yaml"
expect "and where it does" 0 '^words 40$' "$dstn" bench "$scratch/words.yaml" --batch 2 --steps 1
within "of the usual length" "$(value length)" 70 70
{
  printf 'method: stn\ndata: {source: ptb, path: nowhere}\ntrain: {epochs: 1, batch: 6, length: 4}\nmodel: words.yaml\n'
  printf 'hyperparameters: {rate: &r {range: [0, 0.9], start: 0.1, per_batch: true}, word_rate: *r, weight_rate: *r}\noptimizer: {rate: 0.1}\nhyper_optimizer: {rate: 0.1}\n'
} >"$scratch/text.yaml"
expect "a config of a text" 0 '^length 4$' "$dstn" bench "$scratch/text.yaml" --steps 1
expect "on two ranks, of another text" 0 '"words":50,"length":3,' run_mpi 2 "$dstn" bench "$scratch/text.yaml" --json \
  --words 50 --length 3 --steps 1

# Searches on functions: what they find doesn't depend on the ranks that share the seeds.
search() {
  "$@" bench --search random,bayesian --members 20 --seeds 3 --parallel 2 --json
}
expect "searches of a function" 0 '^\{"function":"branin","members":20,"seeds":3,"parallel":2,"search":\[' search "$dstn"
sed 's/"seconds":[^}]*//g' "$scratch/out" >"$scratch/one"
/usr/bin/python3 - "$scratch/out" <<'P' || fail "more evaluations are no better, or the model helps nothing"
import json, sys
rows = json.load(open(sys.argv[1]))["search"]
kinds = [(r["method"], r["evaluations"]) for r in rows]
assert kinds == [(name, n) for name in ("random", "bayesian") for n in (10, 20)], kinds
assert rows[0]["median"] >= rows[1]["median"] > 3 * rows[3]["median"] > 0, rows
assert abs(rows[1]["median"] - 1.08856) < 1e-5, rows # the least of twenty values, the same on any machine
assert all(r["quartile"] <= r["median"] <= r["upper_quartile"] for r in rows), rows
P
expect "on two ranks" 0 '' search run_mpi 2 "$dstn"
sed 's/"seconds":[^}]*//g' "$scratch/out" | cmp -s - "$scratch/one" || fail "two ranks find something else"
expect "a search of a grid ends" 0 '^grid +9 ' "$dstn" bench --search grid --set space.x1.points=3 --set space.x2.points=3 \
  --members 9 --seeds 1
expect "a function that is none" 2 '--function.*did you mean "branin"' "$dstn" bench --search random --function brannin
expect "a method that searches no space" 2 'no method.*"list".*random' "$dstn" bench --search random,list
expect "a key that the method hasn't" 2 'sampels.*did you mean "samples"' "$dstn" bench --search bayesian --set sampels=3
expect "a search of a model" 2 'accepted beside it' "$dstn" bench "$scratch/net.yaml" --search random
expect "members of a model" 2 'accepted with --search' "$dstn" bench "$scratch/net.yaml" --members 3

expect "no model" 2 'usage: dstn bench' "$dstn" bench
expect "a model that is not there" 2 'nowhere.yaml' "$dstn" bench "$scratch/nowhere.yaml"
expect "a method that is none" 2 '--method.*delta-stm' "$dstn" bench "$scratch/net.yaml" --method delta-stm
expect "no examples" 2 '--batch 0' "$dstn" bench "$scratch/net.yaml" --batch 0
expect "steps that are no number" 2 '--steps many' "$dstn" bench "$scratch/net.yaml" --steps many
expect "a precision that is none" 2 '--precision f16' "$dstn" bench "$scratch/net.yaml" --precision f16
expect "an option of another command" 2 'no option --resume' "$dstn" bench "$scratch/net.yaml" --resume
expect "nothing to tune" 2 'names no hyperparameter' "$dstn" bench "$scratch/nameless.yaml"
expect "more ranks than examples" 2 'ranks are more' run_mpi 2 "$dstn" bench "$scratch/net.yaml" --batch 1
# Hosts have file systems of their own: the rank that misses its file must not leave the other waiting for it.
expect "a file that one rank doesn't see" 2 'net.yaml' run_mpi 2 bash -c \
  '[ "$OMPI_COMM_WORLD_RANK" = 1 ] || cd "$1" && exec timeout 60 "$0" bench net.yaml --steps 1' "$dstn" "$scratch"
expect "a wrong layer names its line" 2 'wrong.yaml:[0-9]+:.*thirty' "$dstn" bench "$scratch/wrong.yaml"
finish
