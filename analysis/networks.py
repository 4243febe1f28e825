#!/usr/bin/env python3
"""Tables and figures of networks trained with STN and Δ-STN: losses, accuracies and hyperparameters against epochs.

Reads the table of a sweep, a folder of a sweep (also while it runs: its members' run.h5) or single run.h5, and prints
Markdown: means ± SD, the standard deviation over seeds with n − 1, and differences with 95 % intervals of Student's t.
Discrete hyperparameters are also shown before they are rounded down. Best epochs are those of the lowest validation loss.
Where a run of a network is still under way, all of that network are compared at the last epoch that every one of them has
reached; runs that diverged are left out and counted.
"""
import argparse
import glob
import math
import os
import sys

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

from dataclasses import dataclass

import numpy as np
import pandas as pd

import dstn_record
import plot_toys as plots
import study
import toys
from plot_toys import Line2D, MaxNLocator, Patch, plt

LOSSES = ("valid_loss", "test_loss")
ACCURACIES = ("valid_accuracy", "test_accuracy")
LABELS = {"valid_loss": "validation loss", "test_loss": "test loss", "valid_accuracy": "validation accuracy (%)",
          "test_accuracy": "test accuracy (%)"}
ROUNDED = (0, (1, 1.2))
NETWORK_NAMES = {"mlp": "MLP", "simple-cnn": "SimpleCNN"}


@dataclass
class Member:
    network: str
    method: str
    seed: int
    status: str
    run: dstn_record.Run

    @property
    def name(self):
        return f"{self.network}, {toys.METHODS.get(self.method, self.method)}, seed {self.seed}"


# ---- reading -----------------------------------------------------------------------------------------------------------


def without_labels(name, *labels):
    """A member's name is made of its labels with dashes between them: what remains are those of the other axes."""
    rest = f"-{name}-"
    for label in labels:
        rest = rest.replace(f"-{label}-", "-", 1)
    return rest.strip("-")


def member_of(network, run):
    return Member(network, run.provenance["method"], int(run.provenance["seed"]), run.result.get("status", ""), run)


def members_of_sweep(path):
    """Of an axis whose labels have the method in them (alexnet-stn), what remains is the network."""
    sweep = dstn_record.load_sweep(path)
    axes = toys.panel_axes(sweep)
    rows = [row for _, row in sweep.members.iterrows() if row["name"] in sweep.runs]
    networks = ["-".join(str(row[axis]) for axis in axes) for row in rows]
    return [member_of(without_labels(network, sweep.runs[row["name"]].provenance["method"]), sweep.runs[row["name"]])
            for network, row in zip(networks, rows)]


def members_of_run(path):
    run = dstn_record.load(path)
    name = os.path.basename(os.path.dirname(os.path.abspath(path)))
    return [member_of(without_labels(name, run.provenance["method"], int(run.provenance["seed"])), run)]


def members_of(path):
    if not os.path.isdir(path):
        return members_of_sweep(path) if os.path.basename(path) == "sweep.h5" else members_of_run(path)
    files = sorted(glob.glob(os.path.join(path, "members", "*", "run.h5"))) or glob.glob(os.path.join(path, "run.h5"))
    if not files:
        raise dstn_record.RecordError(f"{path}: has no members/*/run.h5 and no run.h5")
    return [member for file in files for member in members_of_run(file)]


def evaluated(epochs):
    return "valid_loss" in epochs and np.isfinite(epochs["valid_loss"]).any()


def networks_of(members, ended):
    """Network → its members that have an evaluated epoch (or are done), in the methods' order; who is left out, and why."""
    networks, notes = {}, []
    for member in sorted(members, key=lambda m: (m.network, list(toys.METHODS).index(m.method), m.seed)):
        if member.status in ("diverged", "failed"):
            notes.append(f"{member.name}: {member.status}, left out.")
        elif not evaluated(member.run.epochs):
            notes.append(f"{member.name}: no evaluated epoch yet, left out.")
        elif ended and member.status != "done":
            notes.append(f"{member.name}: at epoch {len(member.run.epochs)}, left out.")
        else:
            networks.setdefault(member.network, []).append(member)
    names = [m.name for members in networks.values() for m in members]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise dstn_record.RecordError(f"{', '.join(twice)}: given twice")
    for name, members in networks.items():
        lengths = [len(m.run.epochs) for m in members]
        if min(lengths) < max(lengths) and all(m.status == "done" for m in members):
            notes.append(f"{name}: runs of {min(lengths)} to {max(lengths)} epochs, compared at epoch {min(lengths)}.")
    return networks, notes


def cut(members):
    """Length of a network's comparison in epochs, and whether that is less than the runs are to have."""
    lengths = [len(m.run.epochs) for m in members]
    unfinished = any(m.status != "done" for m in members)
    return min(lengths), unfinished


# ---- tables ------------------------------------------------------------------------------------------------------------


def measures(epochs):
    """What is compared of one run: heading → number."""
    best = epochs.loc[epochs["valid_loss"].idxmin()]
    numbers = {}
    for column in (*LOSSES, *ACCURACIES):
        if column in epochs:
            factor = 100 if column in ACCURACIES else 1
            numbers[f"{LABELS[column]}, last epoch"] = factor * epochs[column].iloc[-1]
            numbers[f"{LABELS[column]}, best epoch"] = factor * best[column]
    numbers["best epoch"] = best["epoch"]
    numbers["epochs"] = len(epochs)
    numbers["minutes"] = epochs["seconds"].iloc[-1] / 60
    return numbers


def is_result(heading):
    return "loss" in heading or "accuracy" in heading


def decimals_of(heading):
    return 4 if "loss" in heading else {"epochs": 0, "best epoch": 1, "minutes": 1}.get(heading, 2)


def mean_and_deviation(values, decimals):
    spread = f" ± {values.std(ddof=1):.{decimals}f}" if len(values) > 1 and values.std(ddof=1) > 0 else ""
    return f"{values.mean():.{decimals}f}{spread}"


def difference(heading, pairs):
    """STN − Δ-STN paired over seeds with its 95 % interval of Student's t, and whose side the interval is on."""
    if len(pairs) == 0 or not is_result(heading):
        return ["", ""]
    mean, low, high = study.interval(pairs["stn"] - pairs["delta-stn"])
    first, second = ("STN", "Δ-STN") if "accuracy" in heading else ("Δ-STN", "STN")
    digits = decimals_of(heading)
    cell = f"{mean:.{digits}f}" if math.isnan(low) else f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    return [cell.replace("-", "−"), first if low > 0 else second if high < 0 else "–"]


def markdown(head, lines):
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)] + ["| " + " | ".join(l) + " |" for l in lines]


def table_of(members, length):
    """Mean ± standard deviation over seeds of every measure, a column a method."""
    by_run = pd.DataFrame({(m.method, m.seed): pd.Series(measures(m.run.epochs.head(length))) for m in members})
    by_run = by_run.loc[list(measures(members[0].run.epochs))]
    methods = toys.sorted_methods({m.method for m in members})
    compares = {"stn", "delta-stn"} <= set(methods)
    lines = []
    for heading, values in by_run.iterrows():
        per_method = values.unstack(level=0)
        cells = [mean_and_deviation(per_method[m].dropna(), decimals_of(heading)) for m in methods]
        cells += difference(heading, per_method[["stn", "delta-stn"]].dropna()) if compares else []
        lines.append([heading, *cells])
    head = ["", *heads_of(methods, members), *(["STN − Δ-STN [95 % t]", "better"] if compares else [])]
    return markdown(head, lines)


def rounds(members, name):
    """Whether a hyperparameter is rounded down: what counts, and what it was before, are then not the same."""
    return any(f"unrounded.{name}" in table and
               not np.allclose(table[f"unrounded.{name}"], table[f"value.{name}"], rtol=0, atol=1e-6)
               for m in members for table in (m.run.series, m.run.epochs))


def hyperparameters_of(members, length):
    """Where the hyperparameters ended, in natural units; discrete ones before they are rounded down, too."""
    methods = toys.sorted_methods({m.method for m in members})
    lines = []
    for name in members[0].run.hyperparameters:
        columns = [(f"value.{name}", name)]
        columns += [(f"unrounded.{name}", f"{name}, before rounding")] if rounds(members, name) else []
        for column, heading in columns:
            start = members[0].run.series[column].iloc[0]
            ends = [pd.Series([m.run.epochs.head(length)[column].iloc[-1] for m in members if m.method == method])
                    for method in methods]
            lines.append([heading, f"{start:.3g}", *(mean_and_deviation(values, 3) for values in ends)])
    return markdown(["hyperparameter at the last epoch", "start", *heads_of(methods, members)], lines)


def seeds_of(members):
    """How many seeds the methods have: "3", or "2–3" where they differ."""
    counts = sorted({sum(m.method == method for m in members) for method in {m.method for m in members}})
    return "–".join(map(str, dict.fromkeys((counts[0], counts[-1]))))


def heads_of(methods, members):
    several = seeds_of(members) != "1"
    return [toys.METHODS.get(m, m) + (" ± SD" if several else "") for m in methods]


def caption_of(members):
    """What ± and the brackets of a network's tables are; nothing is to be said of one seed."""
    seeds = {method: {m.seed for m in members if m.method == method} for method in {m.method for m in members}}
    text = "" if seeds_of(members) == "1" else \
        f"Columns of methods: mean ± SD over n = {seeds_of(members)} seeds (standard deviation with n − 1)."
    pairs = len(seeds.get("stn", set()) & seeds.get("delta-stn", set()))
    if pairs > 1:
        text += (f" Differences: mean over n = {pairs} seeds, paired, and in brackets its 95 % interval of Student's t "
                 f"with {pairs - 1} degree{'s' if pairs > 2 else ''} of freedom.")
    return text


def print_network(name, members):
    length, unfinished = cut(members)
    seeds, caption = seeds_of(members), caption_of(members)
    of_seeds = f"{seeds} seed{'s' if seeds != '1' else ''}"
    print(f"### {NETWORK_NAMES.get(name, name)}, {of_seeds}, {length} epoch{'s' if length != 1 else ''}\n")
    print(caption, end="\n\n" if caption else "")
    print("\n".join(table_of(members, length)), end="\n\n")
    print("\n".join(hyperparameters_of(members, length)), end="\n\n")
    if unfinished:
        under_way = [f"{m.name} at epoch {len(m.run.epochs)}" for m in members if m.status != "done"]
        print(f"Under way: {'; '.join(under_way)}. All are compared at epoch {length}.\n")


# ---- figures -----------------------------------------------------------------------------------------------------------


def curves(members, method, table, column):
    """[epochs, seeds] of one column; where a seed has no row yet, there is no mean."""
    own = [m for m in members if m.method == method]
    return pd.DataFrame({m.seed: getattr(m.run, table).set_index("epoch")[column] for m in own})


def styles_of(members):
    """Methods in the order of drawing; STN is broad, so that it shows where the other lies upon it."""
    for method in plots.in_drawing_order({m.method for m in members}):
        style = dict(plots.STYLES.get(method, plots.OTHER))
        yield method, {**style, "linewidth": 2.1} if method == "stn" else style


def draw_seeds(axis, members, column):
    """The mean over seeds as a line, and every seed thin."""
    for method, style in styles_of(members):
        table = curves(members, method, "series", column)
        for seed in table if table.shape[1] > 1 else ():
            axis.plot(table[seed].dropna(), color=style["color"], linewidth=0.6, alpha=0.45)
        axis.plot(table.mean(axis=1, skipna=False).dropna(), **style)


def draw_rounded(axis, members, column):
    """The mean over seeds of the whole numbers that are used."""
    for method, style in styles_of(members):
        mean = curves(members, method, "series", column).mean(axis=1, skipna=False).dropna()
        axis.plot(mean, color=style["color"], linewidth=1, linestyle=ROUNDED, alpha=0.8)


def draw_spread(axis, members, column):
    """The mean over seeds with a band of one standard deviation, and every seed thin."""
    factor = 100 if column in ACCURACIES else 1
    for method, style in styles_of(members):
        table = factor * curves(members, method, "epochs", column).dropna()
        mean, spread = plots.mean_and_spread(table, "sd")
        axis.fill_between(mean.index, mean - spread, mean + spread, color=style["color"], alpha=0.18, linewidth=0)
        axis.plot(table, color=style["color"], linewidth=0.5, alpha=0.45)
        axis.plot(mean, **style)


def zoom(axis, members, column):
    """The first epochs are far off: the limits are what all from the third on need."""
    factor = 100 if column in ACCURACIES else 1
    later = pd.concat([m.run.epochs[column].iloc[2:] if len(m.run.epochs) > 3 else m.run.epochs[column]
                       for m in members]) * factor
    margin = 0.08 * max(np.ptp(later), 1e-6)
    if np.isfinite(later).all():
        axis.set_ylim(later.min() - margin, later.max() + margin)


def legend(figure, networks, spreads):
    methods = toys.sorted_methods({m.method for members in networks.values() for m in members})
    styles = dict(styles_of([m for members in networks.values() for m in members]))
    handles = [Line2D([], [], label=f"{toys.METHODS.get(m, m)}, mean", **styles[m]) for m in methods] + spreads
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=len(handles), frameon=False,
                  handlelength=2.2, columnspacing=1.8)


def rows_of_panels(networks, columns_of):
    """A figure with a row a network, whose panels fill the width however many they are."""
    most = max(len(columns_of(members)) for members in networks.values())
    figure = plt.figure(figsize=(max(1.75 * most, 6), 2.15 * len(networks)), constrained_layout=True)
    rows = figure.subfigures(len(networks), 1, squeeze=False)[:, 0]
    for row, (name, members) in zip(rows, networks.items()):
        row.suptitle(NETWORK_NAMES.get(name, name), fontsize=9, fontweight="bold")
        axes = row.subplots(1, len(columns_of(members)), squeeze=False)[0]
        for axis in axes:
            axis.set_xlabel("epochs")
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        yield figure, axes, members


def draw_schedule(axis, members, name):
    """One hyperparameter in natural units against epochs."""
    is_rounded = rounds(members, name)
    draw_seeds(axis, members, f"{'unrounded' if is_rounded else 'value'}.{name}")
    if is_rounded:
        draw_rounded(axis, members, f"value.{name}")
    axis.set_title(name.replace("_", " "))
    axis.set_xlim(left=0)
    axis.set_ylim(bottom=-0.03 * axis.get_ylim()[1])


def draw_schedules(networks):
    """Every hyperparameter in natural units against epochs, a row a network (in the manner of Fig. 10). Of discrete ones
    the lines are those before rounding, and dotted ones the means of what they are rounded down to."""
    for figure, axes, members in rows_of_panels(networks, lambda members: members[0].run.hyperparameters):
        for axis, name in zip(axes, members[0].run.hyperparameters):
            draw_schedule(axis, members, name)
    spreads = [Line2D([], [], color="#777777", linewidth=0.6, label="each seed")]
    if any(rounds(members, name) for members in networks.values() for name in members[0].run.hyperparameters):
        spreads.append(Line2D([], [], color="#777777", linestyle=ROUNDED, label="rounded down, mean"))
    legend(figure, networks, spreads)
    return figure


def draw_evaluations(networks):
    """Loss and accuracy on validation and test part against epochs, a row a network."""
    def columns_of(members):
        return [c for c in (*LOSSES, *ACCURACIES) if c in members[0].run.epochs]

    for figure, axes, members in rows_of_panels(networks, columns_of):
        for axis, column in zip(axes, columns_of(members)):
            draw_spread(axis, members, column)
            zoom(axis, members, column)
            axis.set_title(LABELS[column])
    seeds = "/".join(dict.fromkeys(seeds_of(members) for members in networks.values()))
    legend(figure, networks, [Patch(color="#777777", alpha=0.25, linewidth=0, label=f"±1 SD over {seeds} seeds")])
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="sweep.h5, the folder of a sweep, or run.h5 of runs")
    parser.add_argument("--out", metavar="DIR", help="draws too, schedules and evaluations, into this folder")
    parser.add_argument("--ended", action="store_true", help="leaves out runs that are under way")
    parser.add_argument("--name", default="networks", help="what the figures' names begin with (%(default)s)")
    arguments = parser.parse_args()
    plt.rcParams.update(plots.RC)
    try:
        networks, notes = networks_of([member for path in arguments.paths for member in members_of(path)],
                                      arguments.ended)
        for name, members in networks.items():
            print_network(name, members)
        print("\n".join(notes), end="\n" if notes else "")
        if not networks:
            sys.exit("networks.py: no run has " + ("ended yet" if arguments.ended else "an evaluated epoch yet"))
        if arguments.out:
            plots.save(draw_schedules(networks), arguments.out, f"{arguments.name}-schedules")
            plots.save(draw_evaluations(networks), arguments.out, f"{arguments.name}-evaluations")
    except (dstn_record.RecordError, OSError) as error:
        sys.exit(f"networks.py: {error}")


if __name__ == "__main__":
    main()
