# A run that follows the hyperparameters of another one's record: to the last bit, over a kill and a resume, on several
# ranks; and what is no schedule for it.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
cp "$root"/tests/trace/*.yaml . && /usr/bin/python3 "$root/tests/small_data.py" . 3 120 2 6 5 126 5
small_table >small.csv
ridge=(--set data.path="$PWD/small.csv" --set data.target=yield --set train.iterations=300 --set train.batch=8
  --set train.warmup=10 --set record.every=10 --quiet)

# rows SERIES A B...: prints "alike" where the records of A and of B... have the same values of a series.
cat >rows.py <<'P'
import sys
import h5py
series = [h5py.File(f"{name}/run.h5")[sys.argv[1]][:] for name in sys.argv[2:]]
print("alike" if len({rows.tobytes() for rows in series}) == 1 else "unlike", len(series[0]), len(set(series[0].flat)))
P

# The toy: lambda moves in the steps that rows are of, so that the general weights are those of the tuned run.
expect "a toy is tuned" 0 '^penalty' "$dstn" train "$root/jobs/toys/ridge.yaml" "${ridge[@]}" --set seed=3 --out tuned-3
expect "and replayed" 0 '^penalty' "$dstn" replay tuned-3/run.h5 --out again --quiet
expect "lambda is the record's at every row" 0 '^alike 31 30' /usr/bin/python3 rows.py series/lambda tuned-3 again
expect "the weights are those of the tuned run" 0 '^alike 31' /usr/bin/python3 rows.py series/valid_loss tuned-3 again
expect "a longer replay stays at the last values" 0 '^penalty' "$dstn" replay tuned-3/run.h5 --quiet \
  --set train.iterations=330 --set record.every=110
expect "the last values throughout" 0 '^penalty' "$dstn" replay tuned-3/run.h5 --final-value --set record.every=150 --quiet
cat >ends.py <<'P'
import h5py
tuned, longer, final = (h5py.File(f"{name}/run.h5")["series/lambda"][:, 0]
                        for name in ("tuned-3", "runs/tuned-3-replay", "runs/tuned-3-final"))
assert longer.tolist() == [tuned[0], tuned[11], tuned[22], tuned[30]] and set(final) == {tuned[30]}
print("ends")
P
expect "which are where the tuned run has ended" 0 '^ends' /usr/bin/python3 ends.py
expect "a run at constant hyperparameters" 0 '^penalty' "$dstn" train "$root/jobs/toys/ridge.yaml" "${ridge[@]}" \
  --set method=fixed --out fixed
expect "is its own replay" 0 '^penalty' "$dstn" replay fixed/run.h5 --out same --quiet
expect "to the last bit" 0 '^equal' "$dstn" diff fixed same

# A network, its schedule at the ends of epochs too, on two ranks, killed within an epoch.
expect "a network is tuned" 0 '^valid_loss' "$dstn" train images.yaml --set train.epochs=3 --set record.every=3 --out net --quiet
expect "a replay on two ranks" 0 '^valid_loss' run_mpi 2 "$dstn" replay net/run.h5 --out whole --quiet
expect "has the values at the ends of epochs" 0 '^alike 3' /usr/bin/python3 rows.py epochs/lambda net whole
DSTN_DRILL=kill:1:7 run_mpi 2 "$dstn" replay net/run.h5 --out killed --set checkpoint_steps=3 --quiet >out 2>err </dev/null &&
  fail "nobody was killed"
expect "is killed and resumed" 0 '^valid_loss' run_mpi 2 "$dstn" replay net/run.h5 --out killed --resume --quiet \
  --set checkpoint_steps=3
expect "to the last bit" 0 '^equal' "$dstn" diff whole killed
mv net moved
expect "its network needs no schedule" 0 '^valid_loss' "$dstn" eval "whole/checkpoints/best.h5"

# In a config, by the seed; what was read belongs to the run.
{ cat "$root/jobs/toys/ridge.yaml" && printf 'schedule: {from: "tuned-{seed}/run.h5"}\n'; } >follows.yaml
follows=("${ridge[@]}" --set method=fixed)
expect "a config's schedule by the seed" 0 '^penalty' "$dstn" train follows.yaml "${follows[@]}" --set seed=3 --out followed
expect "is the replay" 0 '^equal' "$dstn" diff again followed
expect "another method" 2 'schedule: .*fixed alone' "$dstn" train follows.yaml "${ridge[@]}" --set seed=3 --out no
expect "no record" 3 'tuned-5/run.h5' "$dstn" train follows.yaml "${follows[@]}" --set seed=5 --out no
expect "other names" 2 'has no hyperparameter "other"' "$dstn" train follows.yaml "${follows[@]}" --set seed=3 --out no \
  --set 'hyperparameters.other={start: 1}'
expect "values out of range" 2 '"penalty" is .* at step 0' "$dstn" train follows.yaml "${follows[@]}" --set seed=3 --out no \
  --set 'hyperparameters.penalty={range: [2, 3], start: 2.5}'
cp fixed/run.h5 tuned-3/run.h5
expect "another schedule in its place" 2 'schedule.digest" is not as it was' "$dstn" train follows.yaml "${follows[@]}" \
  --set seed=3 --out followed --resume --set train.iterations=400
expect "no record of a run" 3 'accepted: the record of a run' "$dstn" replay whole/checkpoints/best.h5 --out no
finish
