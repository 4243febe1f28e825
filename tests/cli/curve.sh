# Response curves: what a checkpoint predicts of one hyperparameter, beside retraining and the exact curve of a toy. That
# the predictions are those of the exported response is in export.sh.
. "$(dirname "$0")/common.sh"
cd "$scratch" || exit 1
"$dstn" train "$root/jobs/toys/ridge.yaml" --set regularizers.l2.penalty_over_n=false --set train.iterations=3000 \
  --set train.evaluate=true --quiet --out run >/dev/null || fail "ridge"
checkpoint=run/checkpoints/step-00003000.h5

# column NAME: of the last printed table; a row is `column NAME | sed -n 3p`.
column() {
  awk -v name="$1" '$1 == "value" { for (i = 1; i <= NF; i++) if ($i == name) at = i; next } at && NF > 5 { print $at }' "$scratch/out"
}
relative() { awk -v a="$1" -v b="$2" 'BEGIN { d = a / b - 1; print d < 0 ? -d : d }'; }
row() { column "$1" | sed -n "$2p"; }

expect "a curve of the penalty" 0 '^curve c.h5$' "$dstn" curve $checkpoint --hyper penalty --points 7 --retrain 3 \
  --retrain-steps 3000 --out c.h5
within "it is 3 sigma to the ends" "$(row sigmas 1)" -3.0001 -2.9999
within "the prediction at the current value is the loss" "$(relative "$(row predicted 4)" "$(value loss)")" 0 1e-12
within "retraining there is the baseline" "$(relative "$(row retrained 4)" "$(value baseline)")" 0 1e-12
within "3000 steps at the lower end come to the exact loss" "$(relative "$(row retrained 1)" "$(row exact 1)")" 0 0.01
within "and at the upper end" "$(relative "$(row retrained 7)" "$(row exact 7)")" 0 0.02
within "which is another one" "$(relative "$(row exact 7)" "$(row exact 1)")" 0.3 3
within "within sigma the prediction is near it" "$(relative "$(row predicted 5)" "$(row exact 5)")" 0 0.05
[ "$(row retrained 2)" = - ] || fail "points without retraining: $(row retrained 2)"
expect "what the file is" 0 ': curve$' "$dstn" inspect c.h5
expect "on two ranks, a part of the range" 0 '^curve c.csv$' run_mpi 2 "$dstn" curve $checkpoint --hyper penalty \
  --points 2 --range 0.5,2 --out c.csv
within "its end" "$(awk -F, 'END { print $1 }' c.csv)" 1.9999999 2.0000001

expect "from the best epoch, whose weights alone are kept" 0 '^baseline ' "$dstn" curve run/checkpoints/best.h5 \
  --hyper penalty --points 3 --retrain 3 --retrain-steps 50
within "training there begins anew at every point" "$(relative "$(row retrained 2)" "$(value baseline)")" 0 1e-12

expect "no hyperparameter" 2 'accepted: the name' "$dstn" curve $checkpoint
expect "no such hyperparameter" 2 'did you mean "penalty"' "$dstn" curve $checkpoint --hyper penalti
expect "a fixed run" 2 'learns no response' "$dstn" curve $checkpoint --hyper penalty --set method=fixed
expect "a range beyond what the transform has" 2 '0 < LOW' "$dstn" curve $checkpoint --hyper penalty --range 0,1
finish
