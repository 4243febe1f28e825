# What leaves the program: exported arrays are those of the checkpoint, modules of PyTorch made of them have its outputs,
# and schedules are the record's.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
cp "$root"/tests/trace/{nested,text}.yaml . && /usr/bin/python3 "$root/tests/small_data.py" . 3 120 2 6 5 126 5
/usr/bin/python3 "$root/tests/small_text.py" text 80 40 30 12
short=(--set train.iterations=9 --set checkpoint_steps=8 --set train.valid_steps=1 --set train.train_steps=2 --set train.warmup=1)

# A language model of STN, whose weights are those of the response at λ, while its decoder has the embedding's without.
"$dstn" train text.yaml "${short[@]}" --set method=stn --quiet --out run-text >/dev/null || fail "text"
checkpoint=run-text/checkpoints/step-00000009.h5
"$dstn" trace text.yaml "${short[@]}" --set method=stn --from run-text/checkpoints/step-00000008.h5 --steps 1 --quiet \
  --out trace.h5 >/dev/null || fail "its trace"
"$dstn" eval $checkpoint --json >eval.json 2>/dev/null
"$dstn" curve $checkpoint --hyper ar --points 3 --out curve.csv --quiet >/dev/null || fail "its curve"
mv text moved
expect "a language model without its text" 0 '^network text.safetensors$' "$dstn" export $checkpoint --response \
  --format safetensors --out text.safetensors
expect "PyTorch has its outputs, for every example's own hyperparameters, its loss and its curve" 0 '^curve ' \
  /usr/bin/python3 "$root/tests/export/outputs.py" "$root/analysis" 1e-10 text.safetensors eval.json trace.h5 3 \
  curve.csv ar

"$dstn" train nested.yaml --set 'model.input=[2, 6, 5]' --set precision=f32 --set train.iterations=4 --set record.every=2 --quiet --out run >/dev/null || fail "nested"
checkpoint=run/checkpoints/step-00000004.h5
expect "a network, beside its checkpoint" 0 '^network run/checkpoints/step-00000004.npz$' "$dstn" export $checkpoint --response
expect "the same on 2 ranks, for safetensors" 0 '^network run/x$' run_mpi 2 "$dstn" export $checkpoint --response \
  --format safetensors --out run/x
expect "every value of the checkpoint is there once" 0 '^[0-9]+ arrays' /usr/bin/python3 "$root/tests/export/arrays.py" \
  network $checkpoint run/checkpoints/step-00000004.npz run/x

expect "a schedule as JSON" 0 '^schedule s.json$' "$dstn" export run/run.h5 --schedule --format json --out s.json
expect "a schedule to stdout" 0 '^step,epoch' "$dstn" export run/run.h5 --schedule
cp "$scratch/out" s.csv
expect "both are the record's" 0 '^3 rows' /usr/bin/python3 "$root/tests/export/arrays.py" schedule run/run.h5 s.csv s.json

expect "a record is no checkpoint" 4 'no checkpoint' "$dstn" export run/run.h5
expect "a checkpoint is no record" 3 'it is a checkpoint; accepted with --schedule' "$dstn" export $checkpoint --schedule
expect "a format of the other kind" 2 'accepted: npz, safetensors' "$dstn" export $checkpoint --format csv
expect "a folder that isn't there" 1 'nowhere' "$dstn" export $checkpoint --out nowhere/x.npz
mv images.h5 elsewhere.h5
expect "no data, and a network that says its input" 0 'exported without them' "$dstn" export $checkpoint --out y
expect "data that lie elsewhere" 0 '^network z$' "$dstn" export $checkpoint --set data.path=elsewhere.h5 --out z
finish
