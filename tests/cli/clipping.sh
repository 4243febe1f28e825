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
finish
