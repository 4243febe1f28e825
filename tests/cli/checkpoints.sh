# What is found when a run is resumed: damaged files, full disks, other launches, other configs. Nothing that was saved is
# lost, and each gives one clear line.
. "$(dirname "$0")/common.sh"
cd "$root" || exit 1
settings="--set train.iterations=10000 --set record.every=500 --set checkpoint_steps=1000"
disk=$scratch/disk
trap 'umount "$disk" 2>/dev/null; rm -rf "$scratch"' EXIT

train() { # FOLDER [OPTION...]
  "$dstn" train jobs/toys/ridge.yaml $settings --out "$@"
}
same() { # NAME FOLDER [WHOLE]
  expect "$1: nothing tells it from the undisturbed run" 0 '^equal' "$dstn" diff "${3:-$scratch/whole}" "$2"
}

expect "an undisturbed run" 0 '^regret ' train "$scratch/whole"
DSTN_DRILL=kill:0:8400 expect "a run that is killed" 137 '' train "$scratch/killed"
newest=checkpoints/step-00008000.h5
older=checkpoints/step-00007000.h5
[ -s "$scratch/killed/$newest" ] && [ -s "$scratch/killed/$older" ] ||
  { echo "FAIL the checkpoints aren't there" && failures=$((failures + 1)); }

# ---- damaged checkpoints ----
# damage KIND FILE
damage() {
  /usr/bin/python3 - "$@" <<'P'
import os, sys
import h5py
kind, path = sys.argv[1:]
data = open(path, "rb").read()
if kind == "truncated":
    data = data[: len(data) * 2 // 3]
elif kind == "empty":
    data = b""
elif kind == "flipped":
    data = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
elif kind == "older":  # copied, since the original is sealed against changes
    with h5py.File(path, "r") as old, h5py.File(path + ".new", "w") as new:
        for name in old:
            old.copy(name, new)
        for name, value in old.attrs.items():
            new.attrs[name] = value
        new.attrs["format"] = 0
    data = open(path + ".new", "rb").read()
    os.remove(path + ".new")
open(path, "wb").write(data)
P
}
for kind in truncated empty flipped older; do
  cp -r "$scratch/killed" "$scratch/$kind"
  damage $kind "$scratch/$kind/$newest"
  expect "the newest checkpoint is $kind" 0 "warning: .*$newest" train "$scratch/$kind" --resume
  grep -Eq 'resumed at step 7000' "$scratch/err" || { echo "FAIL the older one isn't used" && failures=$((failures + 1)); }
  [ $kind != older ] || grep -q 'format 0, older than' "$scratch/err" ||
    { echo "FAIL the format isn't named" && failures=$((failures + 1)); }
  same "$kind" "$scratch/$kind"
done
cp -r "$scratch/killed" "$scratch/all"
damage truncated "$scratch/all/$newest"
damage flipped "$scratch/all/$older"
cp -r "$scratch/all/checkpoints" "$scratch/all-before"
expect "no checkpoint can be used" 4 '^dstn: none of the 2 checkpoints .* can be used' train "$scratch/all" --resume
diff -r "$scratch/all-before" "$scratch/all/checkpoints" ||
  { echo "FAIL damaged checkpoints were touched" && failures=$((failures + 1)); }
cp -r "$scratch/killed" "$scratch/record"
damage truncated "$scratch/record/run.h5"
expect "a damaged record" 4 '^dstn: .*run.h5' train "$scratch/record" --resume

# ---- configs ----
cp -r "$scratch/killed" "$scratch/config"
cp "$scratch/config/config.yaml" "$scratch/config-before"
expect "a resume with another config names the key" 2 '^dstn: .*"optimizer.rate"' train "$scratch/config" --resume \
  --set optimizer.rate=0.02
cmp "$scratch/config-before" "$scratch/config/config.yaml" ||
  { echo "FAIL a refused config was written" && failures=$((failures + 1)); }
expect "a longer run" 0 'resumed at step 8000' train "$scratch/config" --resume --set train.iterations=12000
expect "the same from the start" 0 '' train "$scratch/longer" --set train.iterations=12000
same "a run made longer" "$scratch/config" "$scratch/longer"
expect "a run made longer again" 0 'resumed at step 12000' train "$scratch/config" --resume \
  --set train.iterations=13000
expect "a resume without a checkpoint starts at the beginning" 0 'no checkpoint yet, starts at the beginning' \
  train "$scratch/fresh" --resume
same "a resume without a checkpoint" "$scratch/fresh"
expect "a resume of what has ended" 0 'resumed at step 10000' train "$scratch/fresh" --resume
same "a resume of what has ended" "$scratch/fresh"

# ---- two launches ----
train "$scratch/busy" --set train.iterations=100000000 >"$scratch/background" 2>&1 </dev/null &
subshell=$!
tenths=300
until compgen -G "$scratch/busy/checkpoints/*.h5" >"$scratch/found" || [ $((tenths -= 1)) -lt 0 ]; do sleep 0.1; done
holder=$(sed -n 's/.*process \([0-9]*\),.*/\1/p' "$scratch/busy/lock")
expect "a second launch in one directory" 1 "^dstn: .*busy is in use by another launch .*process $holder," \
  train "$scratch/busy" --resume
expect "a second launch without --resume" 1 "in use by another launch .*process $holder," train "$scratch/busy"
kill -TERM "$holder"
status=0
wait $subshell || status=$?
[ $status -eq 75 ] && grep -q 'stopped by SIGTERM' "$scratch/background" ||
  { echo "FAIL SIGTERM: exit code $status" && failures=$((failures + 1)); }

# ---- the ledger ----
sweep() { # FOLDER [OPTION...]
  "$dstn" sweep jobs/sweeps/quickstart.yaml --set 'axes={method: [stn, delta-stn], seed: [0, 1]}' \
    --set train.iterations=2000 --set checkpoint_steps=500 --out "$@"
}
expect "an undisturbed sweep" 0 '^done 4$' sweep "$scratch/sweep"
DSTN_DRILL=checkpoint:7 expect "a sweep that is killed" 137 '' sweep "$scratch/torn"
printf '99 2025-01-01T00:00:00.000Z stn-1 do' >>"$scratch/torn/ledger/rank-0000.txt"
expect "a ledger with a torn last line" 0 'warning: .*rank-0000.txt' sweep "$scratch/torn" --resume
grep -q 'resume: keeps 1 members, goes on with 3, 0 are new' "$scratch/err" ||
  { echo "FAIL the torn line counted" && failures=$((failures + 1)); }
expect "its audit" 0 '' "$dstn" audit "$scratch/torn"
expect "its members" 0 '^4 members, 0 different' "$dstn" diff "$scratch/sweep" "$scratch/torn"
expect "a sweep that is planned with less" 2 'stn-1' "$dstn" sweep jobs/sweeps/quickstart.yaml \
  --set 'axes={method: [stn, delta-stn], seed: [0]}' --set train.iterations=2000 --out "$scratch/torn" --resume
expect "a sweep with another config" 2 'member stn-0: .*"optimizer.rate"' sweep "$scratch/torn" --resume \
  --set optimizer.rate=0.02
expect "a sweep with members more" 0 '^done 6$' sweep "$scratch/torn" --resume \
  --set 'axes={method: [stn, delta-stn], seed: [0, 1, 2]}'

# ---- a full disk ----
mkdir "$disk"
if mount -t tmpfs -o size=1m tmpfs "$disk" 2>"$scratch/mount"; then
  cp -r "$scratch/killed" "$disk/run"
  cat /dev/zero >"$disk/filler" 2>"$scratch/filler"
  expect "a full disk" 1 '^dstn: .*No space left on device' train "$disk/run" --resume
  cmp "$scratch/killed/$newest" "$disk/run/$newest" ||
    { echo "FAIL a full disk cost a checkpoint" && failures=$((failures + 1)); }
  rm "$disk/filler"
  expect "room again" 0 'resumed at step 8000' train "$disk/run" --resume
  same "a full disk" "$disk/run"
else
  echo "skip a full disk: $(cat "$scratch/mount")"
fi
finish
