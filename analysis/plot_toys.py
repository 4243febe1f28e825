#!/usr/bin/env python3
"""Figures of the toy experiments: λ against iterations, and below it the regret, a column per data set.

Lines are means over seeds. Bands are ±1 standard deviation (or standard error); those of the regret are mirrored at the
mean on the log scale, so that their upper edge is the mean plus the deviation. Members that diverged are not in the
means: they are thin lines that end in a cross. Axes other than dataset, method and seed give a figure per label.
"""
import argparse
import math
import os
import sys

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, MaxNLocator, NullFormatter

import dstn_record
import toys

# Okabe and Ito's colours, which the colour-blind tell apart. The last two methods coincide where the model is linear in
# its weights: where both are drawn, the one is therefore broad, and the other in dashes upon it.
STYLES = {
    "stn": dict(color="#D55E00", linewidth=1.5),
    "stn-centered": dict(color="#009E73", linewidth=1.5),
    "delta-stn": dict(color="#0072B2", linewidth=1.5),
    "stn-centered-split": dict(color="#E69F00", linewidth=1.3, linestyle=(0, (3.5, 2.0))),
    "fixed": dict(color="#7F7F7F", linewidth=1.5),
    "fixed-perturbed": dict(color="#000000", linewidth=1.5),
}
BROAD = 2.4
OTHER = dict(color="#CC79A7", linewidth=1.5)
STAR = dict(color="black", linewidth=1.1, linestyle=(0, (6, 3)))
QUARTILES = dict(facecolor="#F1F1F1", edgecolor="#999999", linewidth=0.6, linestyle=":")
DRAWING_ORDER = ["fixed", "fixed-perturbed", "stn", "stn-centered", "delta-stn", "stn-centered-split"]

# Name on the command line → toy, as the record names it.
FIGURES = {"7": "ridge", "8": "ridge", "9": "ridge", "dropout": "dropout", "jacobian": "jacobian"}
LABELS = {"ridge": "λ  (log penalty)", "jacobian": "λ  (log penalty)", "dropout": "dropout rate"}

RC = {
    "font.family": "DejaVu Sans", "font.size": 9, "axes.titlesize": 9, "axes.labelsize": 9, "xtick.labelsize": 8,
    "ytick.labelsize": 8, "legend.fontsize": 9, "axes.linewidth": 0.7, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": "#444444", "xtick.color": "#444444", "ytick.color": "#444444",
    "xtick.labelcolor": "black", "ytick.labelcolor": "black", "axes.grid": True, "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6, "axes.axisbelow": True, "pdf.fonttype": 42, "savefig.dpi": 200,
}


# ---- numbers ---------------------------------------------------------------------------------------------------------


def sigmoid(u):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-np.asarray(u, dtype=float)))


class Scale:
    """From λ to what is drawn: λ itself, or for a dropout rate its natural value."""

    def __init__(self, toy, run_series, hyperparameter):
        self.column = f"lambda.{hyperparameter}"
        self.low, self.width = -np.inf, None
        if toy == "dropout" and f"value.{hyperparameter}" in run_series:
            self._fit_range(run_series[self.column], run_series[f"value.{hyperparameter}"])
            self.column = f"value.{hyperparameter}" if self.width else self.column

    def _fit_range(self, u, value):
        """A rate is low + width · sigmoid(λ) (App. F): two recorded values give its range, the others confirm it."""
        finite = np.isfinite(u) & np.isfinite(value)
        u, value = u[finite], value[finite]
        design = np.stack([np.ones(len(u)), sigmoid(u)], axis=1)
        (low, width), *_ = np.linalg.lstsq(design, value, rcond=None)
        if np.ptp(u) > 1e-3 and width > 0 and np.allclose(design @ (low, width), value, atol=1e-6):
            self.low, self.width = low, width

    @property
    def is_rate(self):
        return self.width is not None

    def __call__(self, u):
        return self.low + self.width * sigmoid(u) if self.is_rate else np.asarray(u)


class Panel:
    """One data set: a table of steps × seeds for each method, for λ and for the regret."""

    def __init__(self, sweep, members, title, scale):
        self.title = title
        self.members = members
        stars = members.drop_duplicates("seed").dropna(subset=["lambda_star"])
        self.stars = stars["lambda_star"].to_numpy(dtype=float)
        self.value, self.regret, self.diverged = {}, {}, {}
        for method in members["method"].unique():
            own = members[members["method"] == method]
            series = {row["seed"]: sweep.runs[row["name"]].series.set_index("step")
                      for _, row in own.iterrows() if row["name"] in sweep.runs}
            done, diverged = (set(own.loc[own["outcome"] == outcome, "seed"]) for outcome in ("done", "diverged"))
            self.value[method] = table_of(series, done, scale.column)
            self.regret[method] = table_of(series, done, "regret")
            self.diverged[method] = [(s[scale.column], s["regret"]) for seed, s in series.items() if seed in diverged]

    def notes(self, scale):
        """Lines below the title: λ* at an edge, members that did not finish."""
        lines = []
        low, high = np.isneginf(self.stars).sum(), np.isposinf(self.stars).sum()
        ends = [f"rate {round(float(scale(end)), 6) + 0.0:g}" for end in (-np.inf, np.inf)] if scale.is_rate else ("−∞", "+∞")
        for count, end in zip((low, high), ends):
            if count:
                one_split = len(set(self.stars)) == 1
                lines.append(f"λ* at {end}" + ("" if one_split else f" on {count} of {len(self.stars)} splits"))
        for method in toys.sorted_methods(self.members["method"].unique()):
            own = self.members[self.members["method"] == method]
            for outcome in ("diverged", "failed"):
                count = (own["outcome"] == outcome).sum()
                if count:
                    lines.append(f"{toys.METHODS.get(method, method)}: {count} of {len(own)} {outcome}")
        return lines


def table_of(series, done, column):
    """[steps, seeds] of the members that finished."""
    chosen = {seed: s[column] for seed, s in series.items() if seed in done}
    return pd.DataFrame(chosen).dropna()


def mean_and_spread(table, band):
    spread = table.std(axis=1, ddof=1).fillna(0) if table.shape[1] > 1 else 0 * table.mean(axis=1)
    return table.mean(axis=1), spread / (np.sqrt(table.shape[1]) if band == "se" else 1)


# ---- drawing -----------------------------------------------------------------------------------------------------------


def style_of(method, methods):
    """How a method is drawn among others."""
    style = dict(STYLES.get(method, OTHER))
    if method == "delta-stn" and "stn-centered-split" in methods:
        style["linewidth"] = BROAD
    return style


def in_drawing_order(methods):
    return sorted(methods, key=lambda m: DRAWING_ORDER.index(m) if m in DRAWING_ORDER else -1)


def draw_mean(axis, mean, lower, upper, style):
    """A line with its band; a line that lies on one drawn before shares that one's band."""
    drawn = [line for line in axis.get_lines() if len(line.get_ydata()) == len(mean)]
    if not any(np.allclose(line.get_ydata(), mean, rtol=1e-3, atol=0) for line in drawn):
        axis.fill_between(mean.index, lower, upper, color=style["color"], alpha=0.16, linewidth=0)
    axis.plot(mean.index, mean, **style)


def draw_each(axis, table, style):
    """A thin line for every seed."""
    for seed in table if table.shape[1] > 1 else ():
        axis.plot(table[seed], color=style["color"], linewidth=0.35, alpha=0.3, zorder=1)


def draw_values(axis, panel, scale, band, seeds=False):
    """λ, its bands and λ*. The limits are what the means need: a diverged member, or a seed, may leave the panel."""
    low, high = [], []
    for method in in_drawing_order(panel.value):
        style = style_of(method, panel.value)
        table = panel.value[method]
        if not table.empty:
            mean, spread = mean_and_spread(table, band)
            draw_mean(axis, mean, mean - spread, mean + spread, style)
            draw_each(axis, table if seeds else table.iloc[:, :0], style)
            low.append((mean - spread).min())
            high.append((mean + spread).max())
        draw_diverged(axis, [values for values, _ in panel.diverged[method]], style)
    star = toys.median(panel.stars)
    if np.isfinite(scale(star)):
        low.append(float(scale(star)))
        high.append(float(scale(star)))
    set_limits(axis, low, high)
    draw_star(axis, panel.stars, scale)


def set_limits(axis, low, high):
    if low:
        margin = 0.06 * max(max(high) - min(low), 1e-3)
        axis.set_ylim(min(low) - margin, max(high) + margin)


def draw_diverged(axis, runs, style):
    """Thin lines up to the last finite row, which is marked by a cross."""
    for values in runs:
        finite = values[np.isfinite(values)]
        if len(finite):
            axis.plot(finite.index, finite, color=style["color"], linewidth=0.6, alpha=0.7)
            axis.plot(finite.index[-1:], finite.iloc[-1:], "x", color=style["color"], markersize=5, clip_on=True)


def draw_star(axis, stars, scale):
    """A dashed line at the exact λ*; where it differs by seed, at the median and with a band between the quartiles."""
    bottom, top = axis.get_ylim()
    star = scale(toys.median(stars))
    if len(set(stars)) > 1:
        quartiles = [np.quantile(stars, q, method=side) for q, side in ((0.25, "lower"), (0.75, "higher"))]
        low, high = np.clip([scale(q) for q in quartiles], bottom, top)
        axis.axhspan(low, high, zorder=0.5, **QUARTILES)
    if np.isfinite(star):
        axis.axhline(star, zorder=4, **STAR)


def draw_regrets(axis, panel, band):
    lowest, highest = [], []
    for method in in_drawing_order(panel.regret):
        style = style_of(method, panel.regret)
        table = panel.regret[method]
        if not table.empty:
            mean, spread = mean_and_spread(table, band)
            mean = mean.clip(lower=1e-300)
            upper = mean + spread
            draw_mean(axis, mean, mean * mean / upper, upper, style)
            lowest.append(mean.min())
            highest.append(upper.max())
        draw_diverged(axis, [regret for _, regret in panel.diverged[method]], style)
    axis.set_yscale("log")
    return (min(lowest), max(highest)) if lowest else (1e-3, 1)


def thousands(x, _):
    return f"{x / 1000:g}k" if x else "0"


def style_axes(axes):
    for axis in axes[-1]:
        axis.set_xlabel("training iterations")
        axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        axis.xaxis.set_major_formatter(FuncFormatter(thousands))
    for axis in axes[0]:
        axis.yaxis.set_major_locator(MaxNLocator(5))
    for axis in axes[1]:
        low, high = axis.get_ylim()
        few_decades = np.log10(high / low) < 2
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,), numticks=8))
        axis.yaxis.set_major_formatter(LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(99, 99)))
        axis.yaxis.set_minor_formatter(NullFormatter())


def legend_of(figure, panels, band, is_exact_drawn):
    methods = toys.sorted_methods({method for panel in panels for method in panel.value})
    handles = [Line2D([], [], label=toys.METHODS.get(m, m), **style_of(m, methods)) for m in methods]
    differs = any(len(set(panel.stars)) > 1 for panel in panels)
    if is_exact_drawn:
        handles.append(Line2D([], [], label="exact λ* (median)" if differs else "exact λ*", **STAR))
    if differs:
        handles.append(Patch(label="quartiles of λ*", **QUARTILES))
    seeds = max((table.shape[1] for panel in panels for table in panel.value.values()), default=0)
    if seeds > 1:
        label = f"±1 {'SE' if band == 'se' else 'SD'}, {seeds} seeds"
        handles.append(Patch(color="#777777", alpha=0.25, linewidth=0, label=label))
    lines = math.ceil(len(handles) / max(2, int(figure.get_figwidth() / 1.3)))
    columns = math.ceil(len(handles) / lines)
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=columns, frameon=False,
                  handlelength=2.4, columnspacing=1.6, handletextpad=0.6)


def title_panels(axes, panels, scale):
    """All titles have the same number of lines, so that the names stand on one height."""
    notes = [panel.notes(scale) for panel in panels]
    most = max(len(lines) for lines in notes)
    for axis, panel, lines in zip(axes[0], panels, notes):
        axis.set_title(panel.title, fontweight="bold", pad=5 + 10.5 * most)
        for i, line in enumerate(lines):
            axis.annotate(line, (0.5, 1), (0, 5 + 10.5 * (most - 1 - i)), xycoords="axes fraction",
                          textcoords="offset points", ha="center", va="bottom", fontsize=7.5, color="#444444")


def draw(panels, scale, toy, band, seeds=False):
    """The figure of one combination of the other axes; with each seed's λ as a thin line where that is wanted."""
    columns = len(panels)
    figure, axes = plt.subplots(2, columns, figsize=(0.5 + 1.95 * max(columns, 1.6), 3.9), sharex="col", squeeze=False,
                                sharey="row" if columns == 1 else False, constrained_layout=True)
    limits = []
    for c, panel in enumerate(panels):
        draw_values(axes[0, c], panel, scale, band, seeds)
        limits.append(draw_regrets(axes[1, c], panel, band))
    highest = max(high for _, high in limits)
    lowest = max(min(low for low, _ in limits), 1e-6 * highest)
    for c, axis in enumerate(axes[1]):
        axis.set_ylim(lowest / 1.6, highest * 1.6)
        axis.tick_params(labelleft=c == 0)
        axis.set_xlim(left=0, right=max((t.index.max() for t in panels[c].value.values() if len(t)), default=1))
    style_axes(axes)
    axes[0, 0].set_ylabel(LABELS.get(toy, "λ") if scale.is_rate or toy != "dropout" else "λ")
    axes[1, 0].set_ylabel("regret")
    title_panels(axes, panels, scale)
    legend_of(figure, panels, band, any(np.isfinite(scale(toys.median(panel.stars))) for panel in panels))
    figure.align_ylabels(axes[:, 0])
    return figure


# ---- figures of a sweep ------------------------------------------------------------------------------------------------


def toy_of(sweep, path, wanted):
    names = {run.oracle.get("name", "") for run in sweep.runs.values()}
    toy = next((t for t in LABELS if all(t in name for name in names)), "")
    if wanted and toy and FIGURES[wanted] != toy:
        raise dstn_record.RecordError(f"{path}: is a sweep of {toy}, but figure {wanted} is one of {FIGURES[wanted]}")
    return toy


def figures_of(sweep, toy, band, seeds=False):
    """Suffix of the file name and figure, for each combination of axes other than dataset, method and seed."""
    others = [axis for axis in toys.panel_axes(sweep) if axis != "dataset"]
    scale = Scale(toy, pd.concat([run.series for run in sweep.runs.values()]), sweep.hyperparameters[0])
    for labels, members in toys.groups(sweep.members, others):
        suffix = "".join(f"-{label}" for label in labels)
        if "dataset" in sweep.axes:
            parts = [(name, part) for name, part in members.groupby("dataset", sort=False)]
        else:
            parts = [(" ".join(map(str, labels)) or toy, members)]
        yield suffix, draw([Panel(sweep, part, str(name).replace("_", " "), scale) for name, part in parts], scale, toy,
                           band, seeds)


def save(figure, folder, name):
    os.makedirs(folder, exist_ok=True)
    for kind in ("png", "pdf"):
        path = os.path.join(folder, f"{name}.{kind}")
        figure.savefig(path, bbox_inches="tight", pad_inches=0.05)
        print(path)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sweep", metavar="SWEEP.h5", help="table that dstn sweep writes")
    parser.add_argument("--out", metavar="DIR", default=".", help="folder for the PNG and PDF files")
    parser.add_argument("--figure", choices=list(FIGURES), help="which figure of the paper's this is; names the files")
    parser.add_argument("--band", choices=["sd", "se"], default="sd",
                        help="what the bands show: standard deviation over seeds, or standard error (%(default)s)")
    arguments = parser.parse_args()
    plt.rcParams.update(RC)
    try:
        sweep = toys.load(arguments.sweep)
        toy = toy_of(sweep, arguments.sweep, arguments.figure)
        name = f"figure-{arguments.figure}" if arguments.figure in ("7", "8", "9") else arguments.figure or toy or "toys"
        for suffix, figure in figures_of(sweep, toy, arguments.band):
            save(figure, arguments.out, name + suffix)
    except (dstn_record.RecordError, OSError) as error:
        sys.exit(f"plot_toys.py: {error}")


if __name__ == "__main__":
    main()
