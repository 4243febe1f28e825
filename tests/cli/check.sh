# The program against the numbers of the independent implementation.
. "$(dirname "$0")/common.sh"
fixtures=("$root"/tests/fixtures/{ridge_1h,ridge_full_1h,mlp_3h,mlp_full_2h}.h5)
for precision in f32 f64; do
  expect "every quantity of the fixtures in $precision" 0 '^[0-9]+ passed, 0 failed' \
    "$dstn" check "${fixtures[@]}" --precision "$precision"
  [ "$(grep -c ' ' "$scratch/out")" -gt 100 ] || { echo "FAIL too few quantities" && failures=$((failures + 1)); }
done
for ranks in 2 4; do
  expect "summed gradients on $ranks ranks" 0 '^[0-9]+ passed, 0 failed' \
    run_mpi "$ranks" "$dstn" check "${fixtures[@]}" --precision f64
done

# A fixture with one number changed must fail, and say where.
/usr/bin/python3 - "$root/tests/fixtures/ridge_1h.h5" "$scratch/changed.h5" "$scratch/lacking.h5" <<'P'
import shutil, sys
import h5py
source, changed, lacking = sys.argv[1:]
shutil.copy(source, changed)
with h5py.File(changed, "r+") as f:
    f["expect/stn_train/grad/0/response_weight"][0, 3] += 1e-3
shutil.copy(source, lacking)
with h5py.File(lacking, "r+") as f:
    del f["expect/delta_valid/grad_lambda"]
P
expect "a wrong gradient is found" 1 '^[0-9]+ passed, 1 failed' "$dstn" check "$scratch/changed.h5" --precision f64
expect "a missing quantity fails" 1 'delta_valid grad_lambda nan' "$dstn" check "$scratch/lacking.h5" --precision f64
finish
