#!/usr/bin/env python3
"""Every figure of the paper's experiments from the records of the sweeps of jobs/paper.

RUNS is the folder that jobs/paper/run.sh fills: RUNS/fig7/sweep.h5, RUNS/fig11-small/sweep.h5, …; a full sweep goes before
its small form. What isn't there is left out and said. A method has the same colour in every figure; lines are means over
seeds, thin lines or dots are single seeds, bands and bars ±1 standard deviation over them.
"""
import argparse
import io
import os
import sys

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image  # matplotlib needs it, too

import dstn_record
import lstm
import networks
import paper
import plot_toys as plots
import toys
from plot_toys import Line2D, MaxNLocator, Patch, plt

MOST_COLUMNS = 6
SEARCH_STYLES = {
    "grid": dict(color="#7F7F7F", linewidth=1.5), "random": dict(color="#000000", linewidth=1.5),
    "bayesian": dict(color="#CC79A7", linewidth=1.5), "halving": dict(color="#56B4E9", linewidth=1.5),
    "population": dict(color="#009E73", linewidth=1.5),
    "stn": plots.STYLES["stn"], "delta-stn": plots.STYLES["delta-stn"],
}
DASHES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1)))
SEED = Line2D([], [], color="#777777", linewidth=0.6, label="each seed")


@dataclass
class Figure:
    """One of the paper's figures or tables."""

    name: str        # of the files
    title: str
    sweeps: tuple    # of jobs/paper
    draw: object     # studies → (suffix, matplotlib figure) for each picture
    caption: str


def write_png(figure, file):
    """Of a palette of 128 colours, which is a third of the bytes."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png", bbox_inches="tight", pad_inches=0.05)
    Image.open(whole).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)


def save(figure, folder, name, kinds):
    os.makedirs(folder, exist_ok=True)
    for kind in kinds:
        path = os.path.join(folder, f"{name}.{kind}")
        write_png(figure, path) if kind == "png" else figure.savefig(path, bbox_inches="tight", pad_inches=0.05)
        print(path)
    plt.close(figure)


# ---- pieces ------------------------------------------------------------------------------------------------------------


def style_of(method):
    return plots.STYLES.get(method, plots.OTHER)


def head_of(figure, handles, columns=None):
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=columns or min(len(handles), 6),
                  frameon=False, handlelength=2.2, columnspacing=1.6)


def handles_of(methods, what=", mean"):
    return [Line2D([], [], label=f"{toys.METHODS.get(m, m)}{what}", **style_of(m)) for m in toys.sorted_methods(methods)]


def draw_against(axis, table, x, y):
    """Mean over seeds against x with a bar of one standard deviation, a dot a seed; methods are moved apart."""
    methods = toys.sorted_methods(table["method"].unique())
    places = {value: at for at, value in enumerate(sorted(table[x].unique()))}
    for at, method in enumerate(methods):
        own = table[table["method"] == method]
        shift = 0.14 * (at - (len(methods) - 1) / 2)
        axis.plot(own[x].map(places) + shift, own[y], "o", color=style_of(method)["color"], markersize=3, alpha=0.5,
                  markeredgewidth=0)
        stats = own.groupby(x)[y].agg(["mean", "std"]).fillna(0)
        axis.errorbar([places[v] + shift for v in stats.index], stats["mean"], stats["std"], linewidth=1.4, elinewidth=0.9,
                      color=style_of(method)["color"], capsize=2)
    axis.set_xticks(list(places.values()), [f"{v:g}" for v in places])
    axis.yaxis.set_major_locator(MaxNLocator(5))


def draw_dots(axis, rows):
    """A line a group, from above: (label, colour, values of the seeds); mean with a bar of one standard deviation."""
    for at, (_, color, values) in enumerate(rows):
        values = np.asarray(values, dtype=float)
        axis.plot(values, np.full(len(values), at), "o", color=color, markersize=3.5, alpha=0.5, markeredgewidth=0)
        spread = values.std(ddof=1) if len(values) > 1 else 0
        axis.errorbar(values.mean(), at, xerr=spread, fmt="|", markersize=11, markeredgewidth=1.6, color=color,
                      elinewidth=1, capsize=2)
    axis.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.xaxis.set_major_locator(MaxNLocator(5))


# ---- one function a figure -----------------------------------------------------------------------------------------------


def draw_toys(studies):
    """Fig. 3/4, 7, 8, 9: λ against iterations with the exact λ*, below it the regret."""
    for study in studies:
        sweep = toys.load(os.path.join(study.folder, "sweep.h5"))
        toy = plots.toy_of(sweep, study.folder, None)
        yield from plots.figures_of(sweep, toy, "sd", seeds=True)


def grid_of_panels(count, title):
    columns = min(count, MOST_COLUMNS)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(1.7 * columns + 0.2, 1.6 * rows + 0.4), squeeze=False,
                                sharex=True, constrained_layout=True)
    figure.suptitle(title, fontsize=9, fontweight="bold")
    for axis in axes.flat[count:]:
        axis.set_visible(False)
    for at, axis in enumerate(axes.flat[:count]):
        axis.set_xlabel("epochs" if at + columns >= count else "")
        axis.tick_params(labelbottom=at + columns >= count)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(4))
    return figure, axes.flat[:count]


def draw_schedules(studies):
    """Fig. 10, 11, 12: every hyperparameter against epochs; the losses and accuracies that belong to them."""
    shown = {study.network: study.members() for study in studies}
    shown = {network: members for network, members in shown.items() if members}
    for network, members in shown.items():
        names = members[0].run.hyperparameters
        figure, axes = grid_of_panels(len(names), network)
        for axis, name in zip(axes, names):
            networks.draw_schedule(axis, members, name)
        rounded = any(networks.rounds(members, name) for name in names)
        head_of(figure, handles_of({m.method for m in members}) + [SEED] + (
            [Line2D([], [], color="#777777", linestyle=networks.ROUNDED, label="rounded down, mean")] if rounded else []))
        yield f"-{network.lower().replace('-', '')}-schedules" if len(shown) > 1 else "-schedules", figure
    if shown:
        yield "-losses", networks.draw_evaluations(shown)


def draw_language_model(studies):
    """Fig. 13: the schedules of the seven hyperparameters, and the perplexities."""
    members = studies[0].members()
    if members:
        yield "-schedules", lstm.draw_schedules(members)
        yield "-perplexity", lstm.draw_perplexity(members)


def draw_starts(studies):
    """Fig. 14: the schedule of the input's dropout from several starts, a panel a method."""
    study = studies[0]
    table = paper.table_of_runs(study)
    table = table[table["outcome"] == "done"]
    starts, methods = sorted(table["start"].unique(), key=float), toys.sorted_methods(table["method"].unique())
    name = study.sweep.hyperparameters[0]
    figure, axes = plt.subplots(1, len(methods), figsize=(3.3 * len(methods), 2.5), sharey=True, squeeze=False,
                                constrained_layout=True)
    for axis, method in zip(axes[0], methods):
        for start, dashes in zip(starts, DASHES):
            own = table[(table["method"] == method) & (table["start"] == start)]
            lines = pd.DataFrame({row["seed"]: study.sweep.runs[row["name"]].series.set_index("epoch")[f"value.{name}"]
                                  for _, row in own.iterrows()})
            color = style_of(method)["color"]
            axis.plot(lines, color=color, linewidth=0.5, alpha=0.35)
            axis.plot(lines.mean(axis=1, skipna=False).dropna(), color=color, linewidth=1.6, linestyle=dashes)
        axis.set_title(toys.METHODS.get(method, method), fontweight="bold")
        axis.set_xlabel("epochs")
        axis.set_xlim(left=0)
        axis.set_ylim(0, 1)
    axes[0][0].set_ylabel("rate of the input's dropout")
    head_of(figure, [*(Line2D([], [], color="#444444", linestyle=dashes, label=f"from {start}")
                       for start, dashes in zip(starts, DASHES)), SEED])
    yield "", figure


def draw_scales(studies):
    """Fig. 15: the validation loss at the last epoch against a fixed σ."""
    figure, axes = plt.subplots(1, len(studies), figsize=(3.3 * len(studies), 2.5), squeeze=False, constrained_layout=True)
    methods = set()
    for axis, study in zip(axes[0], studies):
        table = paper.table_of_runs(study)
        table = table[table["outcome"] == "done"].assign(sigma=lambda t: t["sigma"].astype(float))
        methods |= set(table["method"])
        draw_against(axis, table, "sigma", "valid_loss")
        axis.set_title(study.network, fontweight="bold")
        axis.set_xlabel("scale σ of the perturbation, fixed")
    axes[0][0].set_ylabel("validation loss, last epoch")
    head_of(figure, handles_of(methods, ", mean ± SD") + [Line2D([], [], color="#777777", marker="o", linestyle="",
                                                               markersize=3, label="each seed")])
    yield "", figure


def draw_intervals(studies):
    """Fig. 16: the validation loss at the last epoch against T_train, a panel a T_valid, a row a network."""
    tables = [paper.table_of_runs(study) for study in studies]
    tables = [t[t["outcome"] == "done"].rename(columns={"train.train_steps": "train", "train.valid_steps": "valid"})
              .astype({"train": float, "valid": float}) for t in tables]
    columns = max(t["valid"].nunique() for t in tables)
    figure, axes = plt.subplots(len(studies), columns, figsize=(3.0 * columns, 2.2 * len(studies) + 0.2), squeeze=False,
                                sharey="row", constrained_layout=True)
    for row, study, table in zip(axes, studies, tables):
        for axis, valid in zip(row, sorted(table["valid"].unique())):
            draw_against(axis, table[table["valid"] == valid], "train", "valid_loss")
            axis.set_title(f"{study.network}, $T_{{valid}}$ = {valid:g}")
            axis.set_xlabel("$T_{train}$")
        row[0].set_ylabel("validation loss, last epoch")
    head_of(figure, handles_of({m for t in tables for m in t["method"]}, ", mean ± SD") +
            [Line2D([], [], color="#777777", marker="o", linestyle="", markersize=3, label="each seed")])
    yield "", figure


def draw_accuracies(studies):
    """Table 3 as a picture: accuracies at the last epoch, validation and test, a dot a seed."""
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 0.42 * 2 * len(studies) + 0.7), sharey=True, constrained_layout=True)
    for axis, column in zip(axes, ("valid_accuracy", "test_accuracy")):
        rows = []
        for study in studies:
            members = study.members()
            for method in toys.sorted_methods({m.method for m in members}):
                rows.append((f"{study.network}, {toys.METHODS.get(method, method)}", style_of(method)["color"],
                             [100 * m.run.epochs[column].iloc[-1] for m in members if m.method == method]))
        draw_dots(axis, rows)
        axis.set_xlabel(networks.LABELS[column])
    yield "", figure


def draw_table4(studies):
    """Table 4 as a picture: best validation loss, and the test loss of that epoch, of fixed, perturbed and tuned rates."""
    table = pd.concat([paper.table_of_runs(study) for study in studies])
    table = table[table["outcome"] == "done"]
    kinds = list(dict.fromkeys(table["kind"]))
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 0.3 * len(kinds) + 0.8), sharey=True, constrained_layout=True)
    for axis, column in zip(axes, ("best_valid_loss", "best_test_loss")):
        draw_dots(axis, [(paper.name_of_kind(kind), style_of(own["method"].iloc[0])["color"], own[column])
                         for kind in kinds for own in [table[table["kind"] == kind]]])
        axis.set_xlabel("validation loss, best epoch" if column == "best_valid_loss" else "test loss at that epoch")
    yield "", figure


def draw_costs(axis, found, studies, cost):
    """The best so far of every search against one kind of cost."""
    unit, label = paper.COSTS[cost]
    cut = paper.equal_cost(found, cost) / unit
    for name in (name for name in paper.SEARCHES if name in found):
        x, y = found[name][cost] / unit, found[name]["valid_loss"]
        axis.step(np.append(x, max(cut, x.iloc[-1])), np.append(y, y.iloc[-1]), where="post",
                  label=paper.SEARCHES[name], **SEARCH_STYLES[name])
        axis.plot(x.iloc[-1:], y.iloc[-1:], "o", color=SEARCH_STYLES[name]["color"], markersize=4)
    for method, tables in paper.each_run(studies).items():
        for table in tables:
            axis.step(table[cost] / unit, table["valid_loss"], where="post", linewidth=0.6, alpha=0.5,
                      color=SEARCH_STYLES[method]["color"])
    axis.axvline(cut, color="#444444", linewidth=0.8, linestyle=(0, (4, 3)))
    axis.annotate("equal cost", (cut, 1), (3, -2), xycoords=("data", "axes fraction"), textcoords="offset points",
                  va="top", fontsize=8, color="#444444")
    axis.set_xlim(left=0)
    axis.set_xlabel(label)


def draw_baselines(studies):
    """Best validation loss so far against core-hours and against work, which no crowd on the cores changes."""
    found, _ = paper.searches(os.path.dirname(studies[0].folder))
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.2), sharey=True, constrained_layout=True)
    for axis, cost in zip(axes, paper.COSTS):
        draw_costs(axis, found, studies, cost)
    finite = np.concatenate([table["valid_loss"][np.isfinite(table["valid_loss"])] for table in found.values()])
    low, high = finite.min(), np.quantile(finite, 0.75)
    axes[0].set_ylim(low - 0.08 * (high - low), high + 0.1 * (high - low))
    axes[0].set_ylabel("best validation loss so far")
    head_of(figure, axes[0].get_legend_handles_labels()[0], columns=7)
    yield "", figure


# ---- the table of figures ------------------------------------------------------------------------------------------------

TOY = ("λ (above) and regret (below) against training iterations, means over seeds with ±1 SD, thin lines the seeds; "
       "dashed the exact λ*, where it differs by split its median, and between dotted lines its quartiles.")
SCHEDULES = ("Hyperparameters in natural units, and losses and accuracies, against epochs; means over seeds, thin lines the "
             "seeds.")
FIGURES = [
    Figure("fig3-4-dropout", "Fig. 3 and 4: input dropout of a linear regression", ("fig3-4-dropout",), draw_toys, TOY),
    Figure("fig3-4-jacobian", "Fig. 3 and 4: Jacobian norm of a deep linear network", ("fig3-4-jacobian",), draw_toys, TOY),
    Figure("fig7", "Fig. 7: ridge regression, penalty over n", ("fig7",), draw_toys, TOY),
    Figure("fig8", "Fig. 8: ridge regression, penalty not over n", ("fig8",), draw_toys, TOY),
    Figure("fig9", "Fig. 9: centring and the new objective apart", ("fig9",), draw_toys, TOY),
    Figure("fig10", "Fig. 10: schedules on the MLP and the SimpleCNN", ("fig10a", "fig10b"), draw_schedules, SCHEDULES),
    Figure("fig11", "Fig. 11: schedules on VGG16", ("fig11",), draw_schedules, SCHEDULES),
    Figure("fig12", "Fig. 12: schedules on ResNet-18", ("fig12",), draw_schedules, SCHEDULES),
    Figure("fig13", "Fig. 13: schedules on the LSTM", ("fig13",), draw_language_model,
           "Rates of what is dropped and strengths of AR and TAR, a row a method; perplexity against epochs and minutes."),
    Figure("fig14", "Fig. 14: input dropout from several starts", ("fig14",), draw_starts,
           "The rate of the MLP's input dropout against epochs, σ = 1 fixed; means over seeds, thin lines the seeds."),
    Figure("fig15", "Fig. 15: a fixed scale σ of the perturbation", ("fig15a", "fig15b"), draw_scales,
           "Validation loss at the last epoch, mean over seeds ± SD, dots the seeds."),
    Figure("fig16", "Fig. 16: update intervals", ("fig16a", "fig16b"), draw_intervals,
           "Validation loss at the last epoch against the training steps between hyperparameter steps, mean over seeds ± "
           "SD, dots the seeds."),
    Figure("table3", "Table 3: accuracies of three networks", ("table3", "fig11", "fig12"), draw_accuracies,
           "Accuracy at the last epoch, mean over seeds ± SD, dots the seeds."),
    Figure("table4", "Table 4: fixed, perturbed, tuned and replayed", ("table4", "table4-replay"), draw_table4,
           "Losses of the MLP with its input's dropout alone, mean over seeds ± SD, dots the seeds."),
    Figure("baselines", "Searches, STN and Δ-STN at equal cost", tuple(f"baselines-{s}" for s in (
        "grid", "random", "bayesian", "halving", "population", "tuned")), draw_baselines,
           "Best validation loss so far against core-hours (left; failed and repeated members with them) and against the "
           "matrix products of what was trained (right); a member of a search counts when it has ended, a run that tunes "
           "itself at each epoch, its seeds one after another (thin: each seed alone). A dot is where a sweep ended."),
]


def drawn(figure, root):
    """The pictures of one figure (suffix and matplotlib figure) and the studies that were there."""
    studies = [study for study in (paper.load(root, name) for name in figure.sweeps) if study is not None]
    return list(figure.draw(studies)) if studies else [], studies


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", metavar="RUNS", help="folder with the sweeps of jobs/paper")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"figures (all): {' '.join(f.name for f in FIGURES)}")
    parser.add_argument("--out", metavar="DIR", default=".", help="folder for the pictures")
    parser.add_argument("--kinds", default="png", help="kinds of files, as png,pdf (%(default)s)")
    parser.add_argument("--dpi", type=int, default=120, help="of pictures in pixels (%(default)s)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - {f.name for f in FIGURES})
    if unknown:
        sys.exit(f"figures.py: no figure {', '.join(unknown)}; there are {' '.join(f.name for f in FIGURES)}")
    plt.rcParams.update({**plots.RC, "savefig.dpi": arguments.dpi})
    made = 0
    try:
        for figure in FIGURES:
            if arguments.names and figure.name not in arguments.names:
                continue
            pictures, studies = drawn(figure, arguments.runs)
            if not pictures:
                print(f"{figure.name}: no sweep of it in {arguments.runs}", file=sys.stderr)
            for suffix, picture in pictures:
                save(picture, arguments.out, figure.name + suffix, arguments.kinds.split(","))
                made += 1
    except (dstn_record.RecordError, OSError) as error:
        sys.exit(f"figures.py: {error}")
    if not made:
        sys.exit(f"figures.py: {arguments.runs} has no sweep of jobs/paper")


if __name__ == "__main__":
    main()
