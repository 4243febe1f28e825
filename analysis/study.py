#!/usr/bin/env python3
"""Markdown tables of the study of the toys: mean regrets, and the paired difference STN − Δ-STN with its 95 % interval.

Usage: study.py runs/study/*/results.csv. A seed in which any method's run diverged is left out of means and differences
and counted in the column of its own. Where gradients were clipped, a second table says how often.
"""
import math
import pathlib
import statistics
import sys

import needs

needs.check("numpy", "pandas")

import numpy as np
import pandas as pd

import toys

TITLES = {
    "ridge": "Ridge, penalty over n (Fig. 7)",
    "ridge-not-over-n": "Ridge, penalty not over n (Fig. 8)",
    "dropout": "Input dropout",
    "jacobian": "Jacobian norm",
    "rates": "Learning rates (ridge, penalty not over n)",
}


def t_quantile(p, freedom):
    """Quantile of Student's t: exact for 1 and 2 degrees of freedom, else by the Cornish-Fisher expansion around the
    normal one (within 1 % for 3 degrees, 0.3 % from 4 on)."""
    if freedom == 1:
        return math.tan(math.pi * (p - 0.5))
    if freedom == 2:
        return (2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p)))
    z = statistics.NormalDist().inv_cdf(p)
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return z + sum(term / freedom**(k + 1) for k, term in enumerate(terms))


def interval(differences):
    """Mean and 95 % interval of the mean, of Student's t."""
    mean, n = differences.mean(), len(differences)
    if n < 2:
        return mean, math.nan, math.nan
    half = t_quantile(0.975, n - 1) * differences.std(ddof=1) / math.sqrt(n)
    return mean, mean - half, mean + half


def bootstrap(differences, resamples=10000, seed=0):
    """Mean and 95 % interval of the mean by the percentile bootstrap: resampled with replacement, by a seeded generator.
    Of a few differences it is too narrow (of three, there are ten different resamples)."""
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        return (values.mean() if len(values) else math.nan), math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(0, len(values), size=(resamples, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), (0.025, 0.975))
    return values.mean(), low, high


def number(x):
    """Three digits, and no more than two decimals below one."""
    return f"{x:.3g}" if abs(x) >= 0.01 else f"{x:.3f}"


def row_of(labels, rows, methods):
    """One line of the table: labels, the start, every method's mean, the difference, diverged runs."""
    by_method = rows.pivot(index="seed", columns="method", values="regret_final")[methods] * 1000
    diverged = int(np.isinf(by_method).to_numpy().sum())
    kept = by_method[np.isfinite(by_method).all(axis=1)]
    start = rows[rows["method"] == methods[0]]["regret_start"].mean() * 1000
    mean, low, high = interval(kept["stn"] - kept["delta-stn"])
    verdict = "Δ-STN" if low > 0 else "STN" if high < 0 else "–"
    cells = [*labels, number(start), *(number(kept[m].mean()) for m in methods),
             f"{number(mean)} [{number(low)}, {number(high)}]", verdict, str(diverged or "")]
    return "| " + " | ".join(cells) + " |"


def clipping_of(results, axes, methods):
    """How often clipping acted: means over seeds, general / response weights, a line each data set."""
    def cell(rows, method):
        own = rows[(rows["method"] == method) & np.isfinite(rows["regret_final"])]
        columns = ["clipped_general"] + (["clipped_response"] if method not in toys.CLIPS_JOINTLY else [])
        return " / ".join(f"{100 * own[c].mean():.1f}" for c in columns)

    head = [*axes, *(toys.METHODS[m] for m in methods)]
    lines = ["Steps (%) in which clipping acted, means over seeds: on general / response weights; one number where both are "
             "clipped by one norm.", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join([*labels, *(cell(rows, m) for m in methods)]) + " |"
                    for labels, rows in toys.groups(results, axes)]


def table(path):
    """The lines of one results.csv."""
    results = pd.read_csv(path)
    axes = [c for c in results.columns[:results.columns.get_loc("lambda_final")] if c not in ("method", "seed")]
    results[axes] = results[axes].astype(str)
    methods = toys.sorted_methods(results["method"].unique())
    name = pathlib.Path(path).parent.name
    seeds = results["seed"].nunique()
    head = [*axes, "start", *(toys.METHODS[m] for m in methods), "STN − Δ-STN [95 % t]", "better", "div."]
    lines = [f"### {TITLES.get(name, name)}, {seeds} seeds", "",
             f"Regrets × 1000: means over n = {seeds} seeds; the difference is paired, in brackets the 95 % interval of its "
             f"mean by Student's t with {seeds - 1} degree{'s' if seeds != 2 else ''} of freedom.", "", "| " + " | ".join(head) + " |",
             "|" + " --- |" * len(head)]
    lines += [row_of(labels, rows, methods) for labels, rows in toys.groups(results, axes)]
    if "clipped_general" in results:
        lines += ["", *clipping_of(results, axes, methods)]
    return lines


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__.split("\n\n")[1])
    for path in sys.argv[1:]:
        print("\n".join(table(path)), end="\n\n")


if __name__ == "__main__":
    main()
