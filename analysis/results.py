#!/usr/bin/env python3
"""Tables of a sweep of toys: results.csv with a row per member, and means over seeds on the terminal.

The final regret is the mean over the last fifth of a run's steps; a member that diverged or failed has an infinite one.
Where a sweep clips gradients, results.csv says in which fraction of the steps that acted on the general and on the
response weights (stn and stn-centered clip both by one norm, which counts as the general one's).
"""
import argparse
import math
import sys

import needs

needs.check("h5py", "numpy", "pandas")

import numpy as np
import pandas as pd

import dstn_record
import toys

CLIPPED = ("clipped_general", "clipped_response")
ENDED = ("done", "diverged", "failed")


def final_regret(series):
    """Mean over the recorded rows of the last fifth of the steps."""
    tail = series[series["step"] > 0.8 * series["step"].iloc[-1]]
    return (tail if len(tail) else series.tail(1))["regret"].mean()


def final_valid_loss(run):
    """Of the last row that has one: where epochs are evaluated (train.evaluate), rows between them are not."""
    table = run.series if "valid_loss" in run.series else run.epochs
    return table["valid_loss"].iloc[-1] if len(table) else math.nan


def row_of(member, run, axes):
    """One line of results.csv."""
    row = {axis: member[axis] for axis in axes}
    names = ("lambda_final", "lambda_star", "regret_start", "regret_final", "valid_loss", "exact_valid_loss")
    row.update(dict.fromkeys(names, math.nan))
    if run is not None and len(run.series):
        last = run.series.iloc[-1]
        row.update(lambda_final=last[f"lambda.{run.hyperparameters[0]}"], lambda_star=run.oracle["lambda_star"],
                   regret_start=run.oracle.get("regret_start", run.series["regret"].iloc[0]),
                   regret_final=final_regret(run.series), valid_loss=final_valid_loss(run),
                   exact_valid_loss=last["exact_valid_loss"])
    if member["outcome"] != "done":
        row["regret_final"] = math.inf
    return row


def tabulate(sweep):
    """results.csv as a DataFrame, and the outcome of each of its rows."""
    ended = sweep.members[sweep.members["outcome"].isin(ENDED)]
    first = [axis for axis in sweep.axes if axis not in ("method", "seed")]
    axes = first + [axis for axis in ("method", "seed") if axis in sweep.axes]
    rows = [row_of(member, sweep.runs.get(member["name"]), axes) for _, member in ended.iterrows()]
    return pd.DataFrame(rows).join(clipping(sweep, ended["name"])), ended["outcome"].reset_index(drop=True)


def clipping(sweep, names):
    """Fractions of the steps that were clipped, a column each; no columns where nothing ever was."""
    facts = [sweep.runs[name].result if name in sweep.runs else {} for name in names]
    table = pd.DataFrame({column: [float(f.get(column, math.nan)) for f in facts] for column in CLIPPED})
    return table if (table > 0).any(axis=None) else pd.DataFrame(index=table.index)


# ---- the table on the terminal -----------------------------------------------------------------------------------------


def standard_error(values):
    return np.std(values, ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def with_error(values):
    """Mean ± standard error of the finite values, with two digits of the error, at most four decimals."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return "-"
    error = standard_error(values)
    if not error > 1e-9 * abs(values.mean()):
        return f"{values.mean():.3f}"
    digits = min(max(1 - math.floor(math.log10(error)), 0), 4)
    return f"{values.mean():.{digits}f} ± {error:.{digits}f}"


def star_of(values):
    """The exact λ*: one number, or where it differs by seed (split) the median and the range."""
    values = np.sort(np.asarray(values, dtype=float))
    values = values[~np.isnan(values)]
    if not len(values):
        return "-"
    if values[0] == values[-1]:
        return f"{values[0]:.2f}"
    return f"{toys.median(values):.2f} [{values[0]:.1f}, {values[-1]:.1f}]"


def paired(reference, rows):
    """Mean ± standard error of 1000 × (reference − method) over the seeds that both finished."""
    ours = rows.set_index("seed")["regret_final"]
    return with_error(1000 * (reference.set_index("seed")["regret_final"] - ours).dropna())


HEADER = ["data set", "method", "runs", "div.", "final λ", "exact λ*", "start", "end", "STN − method"]
PAGE = 110  # columns
REGRETS = 6  # the first column under the heading "regret × 1000"


def lines_of(name, rows):
    """A line of cells per method, for one data set."""
    reference = rows[rows["method"] == "stn"]
    lines = []
    for method in toys.sorted_methods(rows["method"].unique()):
        own = rows[rows["method"] == method]
        done = own[own["outcome"] == "done"]
        difference = paired(reference, own) if method != "stn" and len(reference) else ""
        lines.append([name if not lines else "", toys.METHODS.get(method, method), str(len(own)),
                      str((own["outcome"] == "diverged").sum()), with_error(done["lambda_final"]),
                      star_of(own["lambda_star"]), with_error(1000 * own["regret_start"].dropna()),
                      with_error(1000 * done["regret_final"]), difference])
    return lines


def widths_of(blocks):
    lines = [HEADER] + [line for block in blocks for line in block]
    return [max(len(line[c]) for line in lines) for c in range(len(HEADER))]


def print_table(blocks):
    """Blocks of lines with an empty line between them, in columns as wide as they need."""
    widths = widths_of(blocks)
    if sum(widths) + 2 * (len(widths) - 1) > PAGE:
        blocks = [[[cell.replace(" ± ", "±") for cell in line] for line in block] for block in blocks]
        widths = widths_of(blocks)
    above = " regret × 1000 ".center(sum(widths[REGRETS:]) + 2 * (len(widths) - REGRETS - 1), "-")
    print(" " * (sum(widths[:REGRETS]) + 2 * REGRETS) + above)
    for block in [[HEADER]] + blocks:
        for line in block:
            words = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
            numbers = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
            print("  ".join(words + numbers).rstrip())
        print()


def print_tables(results, outcomes, sweep):
    """A table for each combination of the axes other than dataset, method and seed."""
    results = results.assign(outcome=outcomes)
    others = [axis for axis in toys.panel_axes(sweep) if axis != "dataset"]
    for labels, rows in toys.groups(results, others):
        if others:
            print(", ".join(f"{axis} {label}" for axis, label in zip(others, labels)))
        data_sets = toys.groups(rows, ["dataset"] if "dataset" in sweep.axes else [])
        print_table([lines_of(str(name[0]) if name else "", part) for name, part in data_sets])


def print_notes(results, outcomes, sweep):
    print("Mean ± SE over the n = runs − div. seeds that finished (standard error: SD / √n, SD with n − 1). Regret: start")
    print("at λ_0, end over the last fifth of the steps; STN − method is paired by seed, positive where the method is")
    print("better. Where λ* differs by seed: its median and range.")
    if CLIPPED[0] in results:
        print("Gradients were clipped; how often stands in the csv (clipped_general, clipped_response).")
    failed = (outcomes == "failed").sum()
    if failed:
        print(f"Failed and left out of the means: {failed}; sweep.h5 has the reasons (members/message).")
    left_out = len(sweep.members) - len(results)
    if left_out:
        print(f"Not ended and left out: {left_out}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sweep", metavar="SWEEP.h5", help="table that dstn sweep writes")
    parser.add_argument("--csv", metavar="FILE", default="results.csv", help="where a row per member goes (%(default)s)")
    arguments = parser.parse_args()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        sweep = toys.load(arguments.sweep)
        results, outcomes = tabulate(sweep)
        results.to_csv(arguments.csv, index=False)
    except (dstn_record.RecordError, OSError) as error:
        sys.exit(f"results.py: {error}")
    print_tables(results, outcomes, sweep)
    print_notes(results, outcomes, sweep)


if __name__ == "__main__":
    main()
