"""What the tables and figures of the toy experiments share: their sweeps, and the methods' names and order."""
import numpy as np

import dstn_record

# By the names of the config: the name in figures, in the order of the paper's steps from STN to Δ-STN.
METHODS = {
    "stn": "STN",
    "stn-centered": "centered STN",
    "stn-centered-split": "centered + split",
    "delta-stn": "Δ-STN",
    "fixed": "fixed",
    "fixed-perturbed": "fixed, perturbed",
}

# One objective for both ranges of weights, and so one norm.
CLIPS_JOINTLY = ("stn", "stn-centered")


def sorted_methods(methods):
    """In the table's order; methods that it does not know come last."""
    order = list(METHODS)
    return sorted(methods, key=lambda m: (order.index(m) if m in order else len(order), m))


def panel_axes(sweep):
    """Axes that tell experiments apart, which are all but the method and the seed."""
    return [axis for axis in sweep.axes if axis not in ("method", "seed")]


def groups(table, axes):
    """(labels, rows) for each combination of labels on the axes, in order of appearance; all rows where no axis is."""
    if not axes:
        return [((), table)]
    keys = table[axes].drop_duplicates()
    return [(tuple(key), table[(table[axes] == key).all(axis=1)]) for _, key in keys.iterrows()]


def median(stars):
    """The median of λ* over seeds, which is one of the values where some are infinite; NaN of none."""
    if not len(stars):
        return np.nan
    ordered = np.sort(stars)
    return ordered[(len(ordered) - 1) // 2] if np.isinf(ordered).any() else np.median(ordered)


def load(path):
    """A sweep with the axes method and seed, one hyperparameter, and exact answers recorded; else RecordError."""
    sweep = dstn_record.load_sweep(path)
    for axis in ("method", "seed"):
        if axis not in sweep.axes:
            raise dstn_record.RecordError(f"{path}: the sweep has no axis {axis} (it has {', '.join(sweep.axes)})")
    if not sweep.runs:
        raise dstn_record.RecordError(f"{path}: no member has a record")
    for name, run in sweep.runs.items():
        if len(run.hyperparameters) != 1 or "lambda_star" not in run.oracle or "regret" not in run.series:
            raise dstn_record.RecordError(f"{path}: {name} has no exact answer recorded; this is for sweeps of toys, "
                                          "which have one hyperparameter and a closed form (record.oracle); networks.py "
                                          "is for others")
    return sweep
