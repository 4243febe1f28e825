#!/usr/bin/env python3
"""Table and figures of language models: perplexity against time and epochs, and the schedules of the hyperparameters.

Reads what networks.py reads: the table of a sweep, the folder of a sweep (also while it runs), or single run.h5. Prints
Markdown: means ± SD, the standard deviation over seeds with n − 1. Perplexity is exp(mean loss of a word). Methods differ
in what an epoch costs: "within N minutes" compares them at the time that every run has had. Draws PREFIX-schedules, in
the manner of the paper's Fig. 13 (a row a method: rates of what is dropped, and the strengths of AR and TAR), and
PREFIX-perplexity.
"""
import argparse
import sys

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

import numpy as np
import pandas as pd

import dstn_record
import networks
import plot_toys as plots
import toys
from plot_toys import Line2D, MaxNLocator, plt

PARTS = {"valid": "validation", "test": "test", "train": "training"}
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito


def perplexity(epochs, part):
    """Recorded, or of the mean loss, which in training has penalties in it; None where there is none."""
    if f"{part}_perplexity" in epochs:
        return epochs[f"{part}_perplexity"]
    return np.exp(epochs[f"{part}_loss"]) if part != "train" and f"{part}_loss" in epochs else None


def is_rate(name):
    return name not in ("ar", "tar")


# ---- the table -------------------------------------------------------------------------------------------------------


def measures(epochs, minutes):
    """What is compared of one run: heading → number."""
    valid = perplexity(epochs, "valid")
    best, numbers = valid.idxmin(), {}
    in_time = epochs["seconds"] <= 60 * minutes + 1e-6
    for part, name in PARTS.items():
        values = perplexity(epochs, part)
        if values is not None and values.notna().any():
            numbers[f"{name} perplexity, last epoch"] = values.iloc[-1]
            if part != "train":
                numbers[f"{name} perplexity, best epoch"] = values[best]
                if in_time.any():
                    numbers[f"{name} perplexity, best within {minutes:.0f} minutes"] = values[valid[in_time].idxmin()]
    numbers["best epoch"], numbers["epochs"] = epochs["epoch"][best], len(epochs)
    numbers["minutes"] = epochs["seconds"].iloc[-1] / 60
    return numbers


def decimals_of(heading):
    return {"epochs": 0, "minutes": 1, "best epoch": 1}.get(heading, 2)


def difference(pairs, digits):
    """STN − Δ-STN, paired over seeds, with its 95 % interval; whose side the interval is on."""
    if len(pairs) == 0:
        return ["", ""]
    mean, low, high = networks.study.interval(pairs["stn"] - pairs["delta-stn"])
    cell = f"{mean:.{digits}f}" + ("" if np.isnan(low) else f" [{low:.{digits}f}, {high:.{digits}f}]")
    return [cell.replace("-", "−"), "Δ-STN" if low > 0 else "STN" if high < 0 else "–"]


def table_of(members):
    """A line a measure, a column a method, of runs as long as each is."""
    minutes = min(m.run.epochs["seconds"].iloc[-1] for m in members) / 60
    by_run = pd.DataFrame({(m.method, m.seed): pd.Series(measures(m.run.epochs, minutes)) for m in members})
    by_run = by_run.loc[list(measures(members[0].run.epochs, minutes))]
    methods = toys.sorted_methods({m.method for m in members})
    compares, lines = {"stn", "delta-stn"} <= set(methods), []
    for heading, values in by_run.iterrows():
        per_method, digits = values.unstack(level=0), decimals_of(heading)
        cells = [networks.mean_and_deviation(per_method[m].dropna(), digits) for m in methods]
        if compares:
            pairs = per_method[["stn", "delta-stn"]].dropna()
            cells += difference(pairs, digits) if "perplexity" in heading else ["", ""]
        lines.append([heading, *cells])
    head = ["", *networks.heads_of(methods, members), *(["STN − Δ-STN [95 % t]", "better"] if compares else [])]
    return networks.markdown(head, lines)


def print_network(name, members):
    seeds = networks.seeds_of(members)
    print(f"### {name}, {seeds} seed{'s' if seeds != '1' else ''}\n")
    caption = networks.caption_of(members)
    print(caption, end="\n\n" if caption else "")
    print("\n".join(table_of(members)), end="\n\n")
    print("\n".join(networks.hyperparameters_of(members, networks.cut(members)[0])), end="\n\n")


# ---- figures ---------------------------------------------------------------------------------------------------------


def steps_of_epochs(run):
    """Series against epochs and parts of them: a row's steps over those of an epoch."""
    per_epoch = run.epochs["step"].iloc[0] / run.epochs["epoch"].iloc[0]
    return run.series["step"] / per_epoch


def draw_schedule(axis, members, names):
    """Every hyperparameter's mean over seeds, and every seed thin."""
    for name in names:
        color = COLORS[members[0].run.hyperparameters.index(name) % len(COLORS)]
        table = pd.DataFrame({m.seed: pd.Series(m.run.series[f"value.{name}"].to_numpy(),
                                                index=steps_of_epochs(m.run)).groupby(level=0).last() for m in members})
        for seed in table if table.shape[1] > 1 else ():
            axis.plot(table[seed].dropna(), color=color, linewidth=0.6, alpha=0.4)
        axis.plot(table.mean(axis=1, skipna=False).dropna(), color=color, linewidth=1.5, label=name.replace("_", " "))
    axis.set_xlabel("epochs")
    axis.set_xlim(left=0)
    axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def draw_schedules(members):
    """A row a method that tunes: rates of what is dropped, and strengths."""
    methods = [m for m in toys.sorted_methods({m.method for m in members}) if m != "fixed"] or ["fixed"]
    names = members[0].run.hyperparameters
    groups = [group for group in ([n for n in names if is_rate(n)], [n for n in names if not is_rate(n)]) if group]
    figure, axes = plt.subplots(len(methods), len(groups), squeeze=False, sharey="col", constrained_layout=True,
                                figsize=(3.4 * len(groups), 2.3 * len(methods)))
    for row, method in zip(axes, methods):
        own = [m for m in members if m.method == method]
        for axis, group in zip(row, groups):
            draw_schedule(axis, own, group)
            axis.set_title(f"{toys.METHODS.get(method, method)}: {'rates' if is_rate(group[0]) else 'AR and TAR'}")
    for axis in axes[0]:
        axis.set_ylim(bottom=0)  # of all rows, when all are drawn
        axis.legend(frameon=False, fontsize=7)
    return figure


def draw_curve(axis, members, part, against):
    """Each method's mean over seeds, and each seed thin; against minutes, means over seeds of the time too."""
    dashes = "-" if part == "valid" else (0, (1.2, 1.2))
    for method, style in networks.styles_of(members):
        own = [m for m in members if m.method == method]
        values = pd.DataFrame({m.seed: perplexity(m.run.epochs, part).set_axis(m.run.epochs["epoch"]) for m in own})
        place = pd.DataFrame({m.seed: (m.run.epochs["epoch"] if against == "epochs" else m.run.epochs["seconds"] / 60)
                              .set_axis(m.run.epochs["epoch"]) for m in own})
        for seed in values if values.shape[1] > 1 else ():
            axis.plot(place[seed], values[seed], color=style["color"], linewidth=0.5, alpha=0.4, linestyle=dashes)
        mean, at = values.mean(axis=1, skipna=False).dropna(), place.mean(axis=1, skipna=False).dropna()
        axis.plot(at, mean, **{**style, "linestyle": dashes})


def draw_perplexity(members):
    """Validation and test perplexity against epochs and against minutes."""
    figure, axes = plt.subplots(1, 2, sharey=True, constrained_layout=True, figsize=(6.8, 2.8))
    parts = [part for part in ("valid", "test") if perplexity(members[0].run.epochs, part) is not None]
    for axis, against in zip(axes, ("epochs", "minutes")):
        for part in parts:
            draw_curve(axis, members, part, against)
        axis.set_xlabel(against)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes[0].set_ylabel("perplexity")
    later = pd.concat([perplexity(m.run.epochs, part).iloc[2:] for m in members for part in parts])
    if len(later) and np.isfinite(later).all():  # the first epochs are far off
        margin = 0.05 * max(np.ptp(later), 1e-6)
        axes[0].set_ylim(later.min() - margin, later.max() + margin)
    styles = dict(networks.styles_of(members))
    handles = [Line2D([], [], label=toys.METHODS.get(m, m), **styles[m]) for m in toys.sorted_methods(styles)]
    handles += [Line2D([], [], color="black", label=PARTS[part], linestyle="-" if part == "valid" else (0, (1.2, 1.2)))
                for part in parts]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=len(handles), frameon=False)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="PATH", help="sweep.h5, the folder of a sweep, or run.h5 of runs")
    parser.add_argument("--out", metavar="DIR", help="draws too, schedules and perplexities, into this folder")
    parser.add_argument("--ended", action="store_true", help="leaves out runs that are under way")
    parser.add_argument("--name", default="lstm", help="what the figures' names begin with (%(default)s)")
    arguments = parser.parse_args()
    plt.rcParams.update(plots.RC)
    try:
        members = [m for path in arguments.paths for m in networks.members_of(path)]
        for member in members:
            member.network = member.network or "language model"
        found, notes = networks.networks_of(members, arguments.ended)
        for name, members in found.items():
            print_network(name, members)
        notes = [note.replace(", compared at epoch", "; hyperparameters are compared at epoch") for note in notes]
        print("\n".join(notes), end="\n" if notes else "")
        if not found:
            sys.exit("lstm.py: no run has " + ("ended yet" if arguments.ended else "an evaluated epoch yet"))
        for name, members in found.items() if arguments.out else ():
            prefix = f"{arguments.name}-{name}" if len(found) > 1 else arguments.name
            plots.save(draw_schedules(members), arguments.out, f"{prefix}-schedules")
            plots.save(draw_perplexity(members), arguments.out, f"{prefix}-perplexity")
    except (dstn_record.RecordError, OSError) as error:
        sys.exit(f"lstm.py: {error}")


if __name__ == "__main__":
    main()
