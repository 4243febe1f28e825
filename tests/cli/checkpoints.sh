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
open(path, "wb").write(data)
if kind == "newer":  # by another version, which seals its files in another way
    os.truncate(path, len(data) - 32)
    with h5py.File(path, "r+", libver="latest") as f:
        f.attrs["format"] = 99
P
}
for kind in truncated empty flipped; do
  cp -r "$scratch/killed" "$scratch/$kind"
  damage $kind "$scratch/$kind/$newest"
  expect "the newest checkpoint is $kind" 0 "warning: .*$newest" train "$scratch/$kind" --resume
  grep -Eq 'resumed at step 7000' "$scratch/err" || { echo "FAIL the older one isn't used" && failures=$((failures + 1)); }
  same "$kind" "$scratch/$kind"
done
cp -r "$scratch/killed" "$scratch/all"
damage truncated "$scratch/all/$newest"
damage flipped "$scratch/all/$older"
cp -r "$scratch/all/checkpoints" "$scratch/all-before"
expect "no checkpoint can be used" 4 '^dstn: none of the 2 checkpoints .* can be used' train "$scratch/all" --resume
diff -r "$scratch/all-before" "$scratch/all/checkpoints" ||
  { echo "FAIL damaged checkpoints were touched" && failures=$((failures + 1)); }
# What isn't proven to be damaged is not passed over, and nothing is removed.
cp -r "$scratch/killed" "$scratch/newer"
damage newer "$scratch/newer/$newest"
cp -r "$scratch/newer/checkpoints" "$scratch/newer-before"
expect "the newest checkpoint is of another version" 4 "^dstn: .*$newest has no seal.*move it out of" \
  train "$scratch/newer" --resume
diff -r "$scratch/newer-before" "$scratch/newer/checkpoints" ||
  { echo "FAIL a checkpoint of another version was touched" && failures=$((failures + 1)); }
rm "$scratch/newer/$newest" && ln -s "${newest##*/}" "$scratch/newer/$newest"
expect "the newest checkpoint can't be opened" 4 "^dstn: .*$newest can't be read: Too many levels" \
  train "$scratch/newer" --resume
[ -L "$scratch/newer/$newest" ] || { echo "FAIL it was removed" && failures=$((failures + 1)); }
rm "$scratch/newer/$newest"
expect "it is moved away" 0 'resumed at step 7000' train "$scratch/newer" --resume
same "moved away" "$scratch/newer"
expect "a run of another seed" 0 '' train "$scratch/seed" --set seed=7 --set train.iterations=9000
cp -r "$scratch/killed" "$scratch/mixed"
cp "$scratch/seed/checkpoints/step-00009000.h5" "$scratch/mixed/checkpoints"
expect "a checkpoint of another seed" 2 'step-00009000.h5: "seed" is not as it was' train "$scratch/mixed" --resume

# ---- the record ----
for kind in truncated flipped lost; do
  cp -r "$scratch/killed" "$scratch/record-$kind"
  cp "$scratch/record-$kind/run.h5" "$scratch/run.h5"
  if [ $kind = lost ]; then
    rm "$scratch/record-$kind/run.h5"
  else
    damage $kind "$scratch/record-$kind/run.h5"
    cp "$scratch/record-$kind/run.h5" "$scratch/run.h5"
  fi
  expect "a record that is $kind" 0 'warning: .*run.h5 .*the series begin after step 8000' \
    train "$scratch/record-$kind" --resume
  cmp "$scratch/whole/checkpoints/step-00010000.h5" "$scratch/record-$kind/checkpoints/step-00010000.h5" ||
    { echo "FAIL the run isn't the undisturbed one" && failures=$((failures + 1)); }
  [ $kind = lost ] || cmp "$scratch/run.h5" "$scratch/record-$kind/run.h5.damaged" ||
    { echo "FAIL the damaged record isn't kept" && failures=$((failures + 1)); }
  expect "it is a record again" 0 'result/status done' "$dstn" inspect "$scratch/record-$kind/run.h5"
done

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

# ---- what isn't ours ----
mkdir "$scratch/linked" && echo precious >"$scratch/victim" && ln -s ../victim "$scratch/linked/lock"
expect "a lock that is a link" 1 '^dstn: .*linked/lock can.t be written: it is a symbolic link' train "$scratch/linked"
[ "$(cat "$scratch/victim")" = precious ] || { echo "FAIL a file was emptied" && failures=$((failures + 1)); }
mkdir "$scratch/others" && echo thesis >"$scratch/others/thesis.tmp-2024" && echo torn >"$scratch/others/run.h5.tmp-7.dstn"
expect "remnants are removed" 0 '' train "$scratch/others" --resume
[ -e "$scratch/others/thesis.tmp-2024" ] && [ ! -e "$scratch/others/run.h5.tmp-7.dstn" ] ||
  { echo "FAIL not the remnants alone were removed" && failures=$((failures + 1)); }

# ---- file systems without locks ----
cat >"$scratch/nolock.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#define WRAP(name)                                                                                                     \
    int name(int file, int command, ...) {                                                                             \
        va_list more;                                                                                                  \
        va_start(more, command);                                                                                       \
        void *argument = va_arg(more, void *);                                                                         \
        va_end(more);                                                                                                  \
        if (command == F_SETLK || command == F_SETLKW) {                                                               \
            errno = atoi(getenv("NOLOCK"));                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, #name))(file, command, argument);                             \
    }
WRAP(fcntl)
WRAP(fcntl64)
C
cc -shared -fPIC -o "$scratch/nolock.so" "$scratch/nolock.c" -ldl
for reason in 38 37 95 22; do # ENOSYS, ENOLCK, EOPNOTSUPP, EINVAL
  NOLOCK=$reason LD_PRELOAD="$scratch/nolock.so" expect "a file system without locks ($reason)" 0 \
    'warning: .*nolock-'$reason'/lock can.t be locked, its file system knows no locks' train "$scratch/nolock-$reason"
  same "without locks ($reason)" "$scratch/nolock-$reason"
done
NOLOCK=11 LD_PRELOAD="$scratch/nolock.so" expect "a lock that is held" 1 'in use by another launch' train "$scratch/held"
NOLOCK=5 LD_PRELOAD="$scratch/nolock.so" expect "a lock that fails" 1 "can't be locked: Input/output error; choose .*--out" \
  train "$scratch/failing"

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

# A member's record that is damaged, or that an enemy wrote, is left out of the table, and said so.
for kind in flipped attribute cycle claim; do
  cp -r "$scratch/sweep" "$scratch/sweep-$kind"
  record=$scratch/sweep-$kind/members/stn-0/run.h5
  if [ $kind = flipped ]; then
    damage flipped "$record"
  else
    /usr/bin/python3 - $kind "$record" <<'P'
import sys
import h5py
import numpy as np
with h5py.File(sys.argv[2], "w", libver="latest") as f:
    f.create_group("result").attrs["status"] = "done"
    if sys.argv[1] == "attribute":
        f.attrs["x"] = np.full(4096, 1.5)
    elif sys.argv[1] == "cycle":
        f["result/again"] = f["result"]
    else:
        f.create_dataset("x", shape=(2**32, 2**32), chunks=(16, 4), dtype="u1")
P
  fi
  expect "a member's record that is bad ($kind)" 0 'warning: .*stn-0/run.h5 .*left out of the table' \
    sweep "$scratch/sweep-$kind" --resume
  expect "the table is without it ($kind)" 0 '' /usr/bin/python3 -c 'import h5py, sys
runs = h5py.File(sys.argv[1])["runs"]
assert "stn-0" not in runs and len(runs) == 3, list(runs)' "$scratch/sweep-$kind/sweep.h5"
done

# ---- a full disk ----
mkdir "$disk"
if mount -t tmpfs -o size=1m tmpfs "$disk" 2>"$scratch/mount"; then
  cp -r "$scratch/killed" "$disk/run"
  cat /dev/zero >"$disk/filler" 2>"$scratch/filler"
  expect "a full disk" 1 "^dstn: .*No space left on device" \
    run_mpi 2 "$dstn" train jobs/toys/ridge.yaml $settings --out "$disk/run" --resume
  cmp "$scratch/killed/$newest" "$disk/run/$newest" ||
    { echo "FAIL a full disk cost a checkpoint" && failures=$((failures + 1)); }
  rm "$disk/filler"
  expect "room again" 0 'resumed at step 8000' train "$disk/run" --resume
  same "a full disk" "$disk/run"
else
  echo "skip a full disk: $(cat "$scratch/mount")"
fi
finish
