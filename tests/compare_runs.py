"""Compares two run directories for compare_builds.sh: python3 compare_runs.py NAME OLD NEW TOLERANCE.

A folder holds `status`, a launch's exit code, and `run`, the run directory. Everything that run.h5 records must be the
same to the last bit but for times, and so must the parameters, hyperparameters and moments of the last checkpoint.
Prints one line where all is well, else one for each quantity that differs; a relative difference is that of the
largest value: max |old - new| / max |old|.
"""
import glob
import sys

import h5py
import numpy as np

TIMES = ("seconds", "rate_of_peak", "fraction_of_peak")
DERIVED = ("unrounded",)  # follow from other series: an older build's record need not have them


def quantities(folder):
    """{name: array} of the record and of the last checkpoint."""
    found = {}
    with open(f"{folder}/status") as f:
        found["exit code"] = np.array(int(f.read()))

    def collect(file, groups):
        for group in groups:
            if group in file:
                file[group].visititems(lambda name, item: found.update({f"{group}/{name}": item[()]})
                                       if isinstance(item, h5py.Dataset) and not name.endswith(TIMES) else None)

    for path in glob.glob(f"{folder}/run/run.h5"):
        with h5py.File(path) as f:
            collect(f, ("series", "epochs", "data"))
            for name, value in (f["oracle"].attrs.items() if "oracle" in f else ()):
                found[f"oracle/{name}"] = np.asarray(value.decode() if isinstance(value, bytes) else value)
    for path in sorted(glob.glob(f"{folder}/run/checkpoints/step-*.h5"))[-1:]:
        with h5py.File(path) as f:
            found["last step"] = np.asarray(f.attrs["step"])
            collect(f, ("state/model", "state/hyper", "state/optimizer"))
    return found


def difference(old, new):
    """Relative difference of two arrays, 0 where they are the same to the last bit, inf where they can't be compared."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return np.inf
    if old.tobytes() == new.tobytes():
        return 0.0
    if old.dtype.kind != "f" or not np.array_equal(np.isfinite(old), np.isfinite(new)):
        return np.inf
    there = np.isfinite(old)
    if not there.any() or not np.array_equal(old[~there], new[~there], equal_nan=True):
        return np.inf if not there.all() else 0.0
    largest = np.max(np.abs(old[there]))
    apart = np.max(np.abs(old[there].astype("f8") - new[there].astype("f8")))
    return float(apart / largest) if largest > 0 else (0.0 if apart == 0 else np.inf)


def main():
    name, old_folder, new_folder, tolerance = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
    old, new = quantities(old_folder), quantities(new_folder)
    lines, bad = [], False
    if old["exit code"] not in (0, 6):
        bad = True
        with open(f"{old_folder}/out") as f:
            lines.append(f"  the old build ended with {old['exit code']}: {f.read().strip()}")
    for quantity in list(old) + [q for q in new if q not in old and not q.endswith(DERIVED)]:
        if quantity not in new or quantity not in old:
            lines.append(f"  {quantity} only in the {'old' if quantity in old else 'new'} build's run")
            bad = True
            continue
        relative = difference(np.asarray(old[quantity]), np.asarray(new[quantity]))
        if relative > 0:
            lines.append(f"  {quantity} {relative:.1e}")
            bad = bad or not relative <= tolerance
    if len(old) < 8:
        lines.append(f"  only {len(old)} quantities: the runs left no record and checkpoint")
        bad = True
    if old["exit code"] != new["exit code"]:
        with open(f"{new_folder}/out") as f:
            lines.append(f"  the new build said: {f.read().strip()}")
    verdict = "DIFFERS" if bad else "close  " if lines else "same   "
    print("\n".join([f"{verdict} {name} ({len(old)} quantities)"] + lines), flush=True)
    sys.exit(bad)


main()
