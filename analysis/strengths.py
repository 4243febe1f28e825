#!/usr/bin/env python3
"""Tuned strengths of augmentation against the best ones, which are known for the task that `dstn data synth` writes.

Reads the folder of that data and runs of networks on it (a sweep, also while it runs), draws every strength against
epochs beside the best one, a row a network, and the task itself, and prints Markdown: accuracies, mean ± SD over seeds with
n − 1, their differences paired over seeds with 95 % intervals of Student's t, and where the strengths were in the last
quarter of the epochs. Runs that are under way are compared at the last epoch that all of their network have reached.
"""
import argparse
import dataclasses
import os
import sys

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

import numpy as np
import pandas as pd

import dstn_record
import networks
import plot_toys as plots
import study
import toys
from plot_toys import Line2D, plt

BEST = dict(color="black", linewidth=1.1, linestyle=(0, (6, 3)))
BATCHES = {"learned from": "data_batch_1.bin", "validation": "data_batch_5.bin"}
PICTURES = 6  # of each class and part
NAMES = {"alexnet": "AlexNet", "vgg16": "VGG16", "resnet18": "ResNet-18"}
METHODS = {**toys.METHODS, "fixed": "fixed at the start", "best": "fixed at the best"}
METHODS = {method: METHODS[method] for method in ("fixed", "stn", "delta-stn", "best")}
PAIRS = (("delta-stn", "fixed"), ("stn", "fixed"), ("delta-stn", "stn"), ("delta-stn", "best"))
TUNED = ("stn", "delta-stn")
MEASURES = (("valid_accuracy", "validation", False), ("test_accuracy", "test", False),
            ("test_accuracy", "test at the best epoch", True))


# ---- the data ----------------------------------------------------------------------------------------------------------


def read_best(folder):
    """Strength → its best value, as limits.yaml has them under `best:`."""
    path = os.path.join(folder, "limits.yaml")
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\nbest:\n")
    if len(lines) != 2:
        raise dstn_record.RecordError(f"{path}: has no section best:")
    pairs = (line.split(":") for line in lines[1].splitlines() if line.strip())
    return {name.strip(): float(value) for name, value in pairs}


def draw_task(folder):
    """Images of every class, those that are learned from on the left, those of validation on the right."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 7.4), constrained_layout=True)
    for axis, (title, name) in zip(axes, BATCHES.items()):
        records = np.fromfile(os.path.join(folder, name), np.uint8).reshape(-1, 3073)
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        sheet = np.full((10 * 34, PICTURES * 34, 3), 255, np.uint8)
        for label in range(10):
            for at, image in enumerate(images[records[:, 0] == label][:PICTURES]):
                sheet[label * 34 + 1:label * 34 + 33, at * 34 + 1:at * 34 + 33] = image
        axis.imshow(sheet, interpolation="nearest")
        axis.set_title(title)
        axis.grid(False)
        axis.set_xticks([])
        axis.set_yticks(np.arange(10) * 34 + 17, [f"class {label}" for label in range(10)])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    return figure


def add_best(rows, path, ended):
    """Adds the runs whose strengths are fixed at the best ones to those of their networks."""
    for network, members in networks.networks_of(networks.members_of(path), ended)[0].items():
        if network in rows and networks.cut(rows[network])[0] > networks.cut(members)[0]:
            raise dstn_record.RecordError(f"{path}: {network} has fewer epochs than the runs that it is compared with")
        rows.setdefault(network, []).extend(dataclasses.replace(m, method="best") for m in members)


# ---- tables ------------------------------------------------------------------------------------------------------------


def accuracy(epochs, column, at_best):
    """In percent, at the last epoch, or at that of the lowest validation loss."""
    return 100 * epochs[column].loc[epochs["valid_loss"].idxmin() if at_best else epochs.index[-1]]


def accuracies(members, column, length, at_best):
    """[seeds, methods]."""
    cells = {(m.seed, m.method): accuracy(m.run.epochs.head(length), column, at_best) for m in members}
    return pd.Series(cells).unstack()


def spread(values, decimals):
    values = values.dropna()
    return networks.mean_and_deviation(values, decimals) if len(values) else ""


def difference(table, first, second):
    """Mean of first − second, paired over seeds, with its 95 % interval."""
    if not {first, second} <= set(table):
        return ""
    mean, low, high = study.interval((table[first] - table[second]).dropna())
    return (f"{mean:+.1f}" + ("" if np.isnan(low) else f" [{low:.1f}, {high:.1f}]")).replace("-", "−")


def accuracy_lines(name, members, length):
    for column, part, at_best in MEASURES:
        table = accuracies(members, column, length, at_best)
        yield [f"{NAMES.get(name, name)}, {part}", networks.seeds_of(members), str(length),
               *(spread(table[m], 1) if m in table else "" for m in METHODS), *(difference(table, *p) for p in PAIRS)]


def print_accuracies(rows):
    heads = [*METHODS.values(), *(f"{METHODS[a]} − {METHODS[b]} [95 % t]" for a, b in PAIRS)]
    lines = [line for name, members in rows.items() for line in accuracy_lines(name, members, networks.cut(members)[0])]
    print("\n".join(networks.markdown(["accuracy (%)", "seeds", "epochs", *heads], lines)) + "\n")


def late_mean(member, name, length):
    return member.run.epochs.head(length)[f"value.{name}"].iloc[-max(length // 4, 1):].mean()


def print_strengths(rows, best):
    tuned = [(network, m) for network in rows for m in TUNED]
    lines = []
    for name, value in best.items():
        starts = sorted({f"{m.run.series[f'value.{name}'].iloc[0]:.3g}"
                         for members in rows.values() for m in members if m.method in TUNED}, key=float)
        cells = [spread(pd.Series([late_mean(m, name, networks.cut(rows[network])[0]) for m in rows[network]
                                   if m.method == method], dtype=float), 3) for network, method in tuned]
        lines.append([name, ", ".join(starts), f"{value:g}", *cells])
    heads = [f"{NAMES.get(network, network)}, {toys.METHODS[method]}" for network, method in tuned]
    print("\n".join(networks.markdown(["strength, last quarter", "start", "best", *heads], lines)) + "\n")


# ---- the figure --------------------------------------------------------------------------------------------------------


def draw_strengths(rows, best):
    figure, axes = plt.subplots(len(rows), len(best), figsize=(1.75 * len(best), 1.9 * len(rows) + 0.3), sharex="row",
                                squeeze=False, constrained_layout=True)
    for at, (network, members) in enumerate(rows.items()):
        tuned = [m for m in members if m.method in TUNED]
        for axis, (name, value) in zip(axes[at], best.items()):
            networks.draw_seeds(axis, tuned, f"value.{name}")
            axis.axhline(value, **BEST)
            top = max([1.6 * value] + [m.run.series[f"value.{name}"].max() for m in tuned])
            axis.set_ylim(-0.04 * top, 1.05 * top)
            axis.set_xlim(left=0)
            axis.xaxis.set_major_locator(plots.MaxNLocator(4, integer=True))
            axis.yaxis.set_major_locator(plots.MaxNLocator(4))
            axis.set_title(name if at == 0 else "")
            axis.set_xlabel("epochs" if at == len(rows) - 1 else "")
        axes[at][0].set_ylabel(NAMES.get(network, network), fontweight="bold")
    methods = toys.sorted_methods({m.method for members in rows.values() for m in members if m.method in TUNED})
    handles = [Line2D([], [], label=f"{METHODS[m]}, mean", **plots.STYLES[m]) for m in methods]
    handles += [Line2D([], [], color="#777777", linewidth=0.6, label="each seed"), Line2D([], [], label="best", **BEST)]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=len(handles), frameon=False)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", metavar="DATA", help="folder that dstn data synth wrote")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="sweep.h5, the folder of a sweep, or run.h5 of runs")
    parser.add_argument("--best", metavar="PATH", help="sweep of the same runs with strengths fixed at the best ones")
    parser.add_argument("--out", metavar="DIR", help="draws too: the task, and the strengths of the runs")
    parser.add_argument("--name", default="synth", help="what the figures' names begin with (%(default)s)")
    parser.add_argument("--ended", action="store_true", help="leaves out runs that are under way")
    arguments = parser.parse_args()
    plt.rcParams.update(plots.RC)
    try:
        best = read_best(arguments.data)
        rows, notes = networks.networks_of([m for path in arguments.paths for m in networks.members_of(path)],
                                           arguments.ended)
        if arguments.best:
            add_best(rows, arguments.best, arguments.ended)
        rows = {name: rows[name] for name in sorted(rows, key=lambda n: (list(NAMES).index(n) if n in NAMES else 9, n))}
        if rows:
            best = {name: value for name, value in best.items()
                    if all(name in m.run.hyperparameters for members in rows.values() for m in members)}
            print_accuracies(rows)
            if any(m.method in TUNED for members in rows.values() for m in members):
                print_strengths(rows, best)
        print("\n".join(notes), end="\n" if notes else "")
        if arguments.out:
            plots.save(draw_task(arguments.data), arguments.out, f"{arguments.name}-task")
        if arguments.out and any(m.method in TUNED for members in rows.values() for m in members):
            plots.save(draw_strengths(rows, best), arguments.out, f"{arguments.name}-strengths")
    except (dstn_record.RecordError, OSError, ValueError) as error:
        sys.exit(f"strengths.py: {error}")


if __name__ == "__main__":
    main()
