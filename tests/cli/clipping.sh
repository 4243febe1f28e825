# Clipping: an objective's step depends on its own gradient alone, and the record says how often one was clipped.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1

toy() {
  "$dstn" train "$root/jobs/toys/jacobian.yaml" --out "$1" --quiet --set record.every=1 --set train.iterations=400 \
    --set train.warmup=400 "${@:2}" >/dev/null
}
toy delta --set method=delta-stn && toy split --set method=stn-centered-split && toy fixed --set method=fixed &&
  toy stn --set method=stn && toy loose --set method=delta-stn --set optimizer.clip=.inf || failures=$((failures + 1))

# While λ rests, w_0 of Algorithm 1 knows nothing of Θ and its noise: it is that of ordinary training, to the last bit.
cat >agree.py <<'P'
import h5py
def record(name):
    return h5py.File(f"{name}/run.h5")
def losses(name):
    return record(name)["series/train_loss"][:].tobytes()
assert losses("delta") == losses("fixed") == losses("split")
assert losses("stn") != losses("fixed")
result = {name: record(name)["result"].attrs for name in ("delta", "fixed", "stn", "loose")}
for name in ("delta", "fixed", "stn"):
    assert 0 < result[name]["clipped_general"] <= 1, name
assert result["delta"]["clipped_general"] == result["fixed"]["clipped_general"]
assert result["fixed"]["clipped_response"] == result["stn"]["clipped_response"] == 0  # one norm over both counts as general
assert result["loose"]["clipped_general"] == result["loose"]["clipped_response"] == 0
print("agree")
P
expect "general losses of delta-stn, split and fixed agree; STN's don't" 0 '^agree' /usr/bin/python3 agree.py

# The study's tables say how often: one number where one norm is taken over both, else one for each.
cat >sweep.yaml <<Y
base: $root/jobs/toys/jacobian.yaml
set: {train.iterations: 200, record.every: 100}
axes: {method: [stn, delta-stn], seed: {from: 0, count: 2}}
Y
python=$(dstn_python) || exit 1
expect "a sweep" 0 '^done 4' "$dstn" sweep sweep.yaml --out sweep
expect "its table" 0 'Mean ± SE over the n = ' "$python" "$root/analysis/results.py" sweep/sweep.h5 --csv results.csv
expect "the study's table" 0 "95 % interval of its mean by Student's t with 1 degree of freedom" \
  "$python" "$root/analysis/study.py" results.csv
percent=$("$python" -c '
import h5py
runs = [h5py.File(f"sweep/members/{m}-{s}/run.h5")["result"].attrs for m in ("stn", "delta-stn") for s in (0, 1)]
g, r = ([100 * run[f"clipped_{of}"] for run in runs] for of in ("general", "response"))
print("%.1f | %.1f / %.1f" % ((g[0] + g[1]) / 2, (g[2] + g[3]) / 2, (r[2] + r[3]) / 2))')
grep -Fq "| $percent |" "$scratch/out" || { echo "FAIL no line \"$percent\"" && failures=$((failures + 1)); }
finish
