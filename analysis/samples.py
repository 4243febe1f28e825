#!/usr/bin/env python3
"""The variance of gradients against the number of samples of each example (train.samples), and what a step costs.

Usage: samples.py measure CONFIG --from CHECKPOINT --out FILE.csv [--dstn PROGRAM] [--rounds N] [--method M]
       samples.py times CONFIG --out FILE.csv [--dstn PROGRAM] [--rounds N]
       samples.py draw VARIANCES.csv --out FIGURE.png

`measure` takes traces (`dstn trace`) at the weights and hyperparameters of a checkpoint whose learning rates are 0, so
that every step has the same ones and draws its batch, perturbations and masks anew; a round has a seed of its own. Of
each setting: the variance of the response's gradient, of lambda's and of raw_scale's, summed over their elements, with
jackknife standard errors over the draws; the file is written after every round. `times` measures processor seconds of a
step and of a hyperparameter step, which other work on the machine disturbs less than the clock. `draw` makes the figure
of variances, and of what they come to at the same number of matrix products, and prints both as a table.
"""
import argparse
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

STEPS, HYPER_STEPS = 4, 5  # training steps of a trace, and hyperparameter steps after each
COUNTS = (1, 2, 4, 8, 16)
TIMES_BATCH = (4,)  # that many times the batch, one sample
TIMED = (("independent", 1), ("independent", 4), ("batch", 4))
QUANTITIES = {"response": "gradient of the response", "lambda": "gradient of λ", "raw_scale": "gradient of raw_scale"}
KINDS = {"independent": dict(color="#0072B2", marker="o"), "pairs": dict(color="#D55E00", marker="s"),
         "batch": dict(color="#7F7F7F", marker="^")}
LABELS = {"independent": "k independent samples", "pairs": "k samples in pairs ε, −ε", "batch": "k times the batch"}


def settings():
    """(kind, k) of all that is measured; k = 1 of the independent ones is what all are compared with."""
    for k in COUNTS:
        yield "independent", k
        if k > 1:
            yield "pairs", k
        if k in TIMES_BATCH:
            yield "batch", k


# ---- measuring -------------------------------------------------------------------------------------------------------


def options(arguments, kind, k, **others):
    """--set … of a setting."""
    of_batch = arguments.batch * k if kind == "batch" else arguments.batch
    chosen = {"method": arguments.method, "train.batch": of_batch, "train.valid_batch": of_batch,
              "train.samples": 1 if kind == "batch" else k, "train.antithetic": str(kind == "pairs").lower(),
              "train.epochs": 0, "train.warmup_epochs": 0, "train.train_steps": 1, "train.evaluate": "false"}
    chosen.update({name.replace("__", "."): value for name, value in others.items()})
    return [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]


def trace(arguments, kind, k, seed, path):
    """Gradients of the steps of one trace: {quantity: [draws, elements]}."""
    command = [arguments.dstn, "trace", arguments.config, "--from", arguments.checkpoint, "--steps", str(STEPS)]
    command += options(arguments, kind, k, seed=seed, train__iterations=10**6, train__warmup=0,
                       train__valid_steps=HYPER_STEPS)
    subprocess.run([*command, "--out", str(path), "--quiet"], check=True, stdout=subprocess.DEVNULL)
    found = {name: [] for name in QUANTITIES}
    with h5py.File(path, "r") as file:
        if float(file["start/optimizer/general/rate"][0]) or float(file["start/optimizer/lambda/rate"][0]):
            sys.exit(f"{arguments.checkpoint} has learning rates above 0: its weights would move from step to step")
        for group in file["steps"].values():
            if "lambda" in group["grad"]:
                found["lambda"].append(group["grad/lambda"][:])
                found["raw_scale"].append(group["grad/raw_scale"][:])
                continue
            last = next(reversed(sorted(group["grad"])))  # delta_response_…, or the one there is
            parts = []
            group["grad"][last].visititems(
                lambda name, item: parts.append(item[:].ravel().astype(np.float32))
                if isinstance(item, h5py.Dataset) and not name.split("/")[-1].startswith("general") else None)
            found["response"].append(np.concatenate(parts))
    path.unlink()
    return found


def variance(draws):
    """Σ over elements of the variance over draws [N, elements], its jackknife standard error, and the norm of the mean,
    less what the variance adds to it."""
    g = np.asarray(draws, np.float64) if draws[0].size < 1000 else np.asarray(draws)
    n = len(g)
    gram = (g @ g.T).astype(np.float64)

    def of(keep):
        part, m = gram[np.ix_(keep, keep)], len(keep)
        return (np.trace(part) - part.sum() / m) / (m - 1)

    whole = of(np.arange(n))
    without = np.array([of(np.delete(np.arange(n), i)) for i in range(n)])
    error = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    return whole, error, np.sqrt(max(gram.sum() / n**2 - whole / n, 0))


def measure(arguments):
    draws = {}
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(arguments.rounds):
            for kind, k in settings():
                found = trace(arguments, kind, k, 100 + round_, pathlib.Path(folder, "trace.h5"))
                for quantity, values in found.items():
                    draws.setdefault((quantity, kind, k), []).extend(values)
            rows = [(q, kind, k, len(values), *variance(values)) for (q, kind, k), values in draws.items()]
            columns = ["quantity", "kind", "k", "draws", "variance", "error", "mean_norm"]
            pd.DataFrame(rows, columns=columns).to_csv(arguments.out, index=False)
            print(f"round {round_ + 1} of {arguments.rounds}", flush=True)


def processor_seconds(arguments, kind, k, steps, hyper_steps, folder):
    """Of a whole run of some training steps, with so many hyperparameter steps after each."""
    command = [arguments.dstn, "train", arguments.config, "--out", str(folder), "--quiet"]
    command += options(arguments, kind, k, train__iterations=steps, train__warmup=0 if hyper_steps else steps,
                       train__valid_steps=max(hyper_steps, 1))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(folder)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def times(arguments):
    """Differences between runs that differ in their steps alone; medians over rounds of all settings in turn."""
    rows = []
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent, "run")
        for round_ in range(arguments.rounds):
            for kind, k in TIMED:
                few, many = 2, 10
                short = processor_seconds(arguments, kind, k, few, 0, folder)
                step = (processor_seconds(arguments, kind, k, many, 0, folder) - short) / (many - few)
                long = processor_seconds(arguments, kind, k, few, many, folder)
                rows.append((kind, k, step, (long - short) / (few * many)))
            table = pd.DataFrame(rows, columns=["kind", "k", "step", "hyper_step"])
            table.groupby(["kind", "k"], as_index=False).median().to_csv(arguments.out, index=False)
            print(f"round {round_ + 1} of {arguments.rounds}", flush=True)


# ---- drawing ---------------------------------------------------------------------------------------------------------


def products(row):
    """Of Δ-STN's step, against one sample: 3 of the general objective, which takes no samples, and 5 of the response's;
    of a hyperparameter step, in which all of them are of samples."""
    return (3 + 5 * row.k) / 8 if row.quantity == "response" and row.kind != "batch" else row.k


def relative(variances):
    """With columns of each setting against one sample: variance, products, and the variance at equal products."""
    one = variances[variances.k == 1].set_index("quantity").variance
    table = variances.copy()
    table["ratio"] = table.variance / table.quantity.map(one)
    table["ratio_error"] = table.error / table.quantity.map(one)
    table["cost"] = table.apply(products, axis=1)
    table["at_equal_cost"] = table.ratio * table.cost
    return table


def draw_panel(axis, table, column, error):
    for kind, style in KINDS.items():
        mine = table[(table.kind == kind) | (table.k == 1)].sort_values("k")
        bars = mine[error] if error else None
        axis.errorbar(mine.k, mine[column], yerr=bars, label=LABELS[kind], linewidth=1.4, markersize=5, capsize=2,
                      **style, linestyle="-" if kind != "batch" else "none")
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    axis.set_xticks(COUNTS, [str(k) for k in COUNTS])
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}" if value >= 1 else f"1/{1 / value:.0f}")
    axis.grid(color="#E4E4E4", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def draw(arguments):
    table = relative(pd.read_csv(arguments.variances))
    plt.rcParams.update({"font.size": 9, "savefig.dpi": 160})
    figure, axes = plt.subplots(2, len(QUANTITIES), figsize=(10.5, 6.2), sharex=True, sharey="row",
                                layout="constrained")
    for column, (quantity, title) in enumerate(QUANTITIES.items()):
        mine = table[table.quantity == quantity]
        draw_panel(axes[0, column], mine, "ratio", "ratio_error")
        axes[0, column].plot(COUNTS, [1 / k for k in COUNTS], color="black", linewidth=0.9, linestyle=(0, (5, 3)),
                             label="1/k")
        axes[0, column].set_title(title)
        draw_panel(axes[1, column], mine, "at_equal_cost", None)
        axes[1, column].axhline(1, color="black", linewidth=0.9, linestyle=(0, (5, 3)))
        axes[1, column].set_xlabel("k")
        axes[0, column].tick_params(labelleft=column == 0)
    axes[0, 0].set_ylabel("variance, against k = 1")
    axes[1, 0].set_ylabel("variance × products of the step,\nagainst k = 1 (below 1: pays)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.get_layout_engine().set(rect=(0, 0.05, 1, 0.95))
    figure.legend(handles, labels, loc="lower center", ncols=4, frameon=False)
    figure.savefig(arguments.out)
    print("| gradient | samples | draws | variance ± SE | against k = 1 | products | variance × products |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    order = {name: i for i, name in enumerate([*QUANTITIES, *KINDS])}
    table = table.sort_values(["quantity", "kind", "k"], key=lambda c: c if c.name == "k" else c.map(order))
    for row in table.itertuples():
        print(f"| {row.quantity} | {row.k}, {LABELS[row.kind].removeprefix('k ')} | {row.draws} | {row.variance:.3g} ± "
              f"{row.error:.1g} | {row.ratio:.3f} ± {row.ratio_error:.3f} | {row.cost:.2f} | {row.at_equal_cost:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("measure", "times"):
        command = commands.add_parser(name)
        command.add_argument("config", metavar="CONFIG")
        command.add_argument("--out", required=True)
        command.add_argument("--dstn", default="dstn")
        command.add_argument("--method", default="delta-stn")
        command.add_argument("--batch", type=int, default=128)
        command.add_argument("--rounds", type=int, default=5)
        if name == "measure":
            command.add_argument("--from", dest="checkpoint", required=True)
    command = commands.add_parser("draw")
    command.add_argument("variances")
    command.add_argument("--out", required=True)
    arguments = parser.parse_args()
    {"measure": measure, "times": times, "draw": draw}[arguments.command](arguments)


if __name__ == "__main__":
    main()
