#!/usr/bin/env python3
"""Response curves: what a checkpoint's response predicts of the validation loss over one hyperparameter, beside short
retrainings with it held, and for toys the exact curve. Reads the files of `dstn curve … --out FILE.h5`, a panel each.

    curve.py FILE.h5... [--differences] --out FIGURE.png

With --differences all are drawn as differences to the current λ: a network that is still learning is elsewhere after some
steps whatever its hyperparameters. Shaded is λ ± σ, within which the response was trained. A table says how far the prediction is from retraining there, and
beyond: differences are to the loss at the current λ, of the retrained to the same steps there."""
import argparse
import sys

import needs

needs.check("h5py", "numpy", "matplotlib")

import h5py
import numpy as np

import plot_toys as plots
import toys
from plot_toys import plt

PREDICTED = dict(color="#0072B2", linewidth=1.7)
RETRAINED = dict(color="#D55E00", marker="o", markersize=4.5, linestyle="none")
BAND = dict(color="#56B4E9", alpha=0.22, linewidth=0)


class Curve:
    def __init__(self, path, differences):
        with h5py.File(path, "r") as file:
            if "curve/predicted" not in file:
                sys.exit(f"{path}: has no curve/predicted; expected a file of dstn curve --out")
            self.columns = {name: values[:] for name, values in file["curve"].items()}
            self.about = {key: value.decode() if isinstance(value, bytes) else value for key, value in file.attrs.items()}
        lost = ~(self["retrained"] < 100 * self.about["baseline"]) & ~np.isnan(self["retrained"])
        self.diverged = self["value"][lost]
        self["retrained"][lost] = np.nan
        self.differences = differences
        self.path, self.name = path, self.about["hyper"]
        self.is_log = np.allclose(np.diff(self["lambda"], 2), 0, atol=1e-9) and (self["value"] > 0).all() \
            and self["value"].max() > 30 * self["value"].min()

    def __getitem__(self, column):
        return self.columns[column]

    def loss(self, column):
        """A column of losses as it is drawn, and where that is measured from."""
        origin = self.about[{"predicted": "loss", "retrained": "baseline", "exact": "exact"}[column]]
        return self[column] - (origin if self.differences else 0)

    def has(self, column):
        return np.isfinite(self[column]).any()

    def inside(self):
        return np.abs(self["sigmas"]) <= 1 + 1e-6

    def limits(self):
        """Of the losses: all that is measured, and of the prediction what is within 3 σ."""
        near = np.abs(self["sigmas"]) <= 3
        shown = np.concatenate([self.loss("retrained"), self.loss("exact"), self.loss("predicted")[near]])
        shown = shown[np.isfinite(shown)]
        margin = 0.06 * max(np.ptp(shown), 1e-9)
        return shown.min() - margin, shown.max() + margin


def draw(axis, curve):
    value, about = curve["value"], curve.about
    axis.axvspan(about["band_low"], about["band_high"], label="λ ± σ", **BAND)
    axis.axvline(about["current_value"], color="#444444", linewidth=0.8, linestyle=":", label="current value")
    if curve.has("exact"):
        axis.plot(value, curve.loss("exact"), label="exact", **plots.STAR)
    axis.plot(value, curve.loss("predicted"), label="predicted", **PREDICTED)
    if curve.has("retrained"):
        axis.plot(value, curve.loss("retrained"), label=f"{about['retrain_steps']} steps of training", **RETRAINED)
        axis.axhline(0 if curve.differences else about["baseline"], color=RETRAINED["color"], linewidth=0.8, linestyle="--",
                     label="the same at the current value")
    if curve.is_log:
        axis.set_xscale("log")
    axis.set_ylim(*curve.limits())
    axis.set_xlabel(curve.name)
    axis.set_ylabel("validation loss − at the current value" if curve.differences else "validation loss")
    method = toys.METHODS.get(about["method"], about["method"])
    axis.set_title(f"{method}, step {about['step']:,}")


def table(curves):
    """|predicted − retrained| and the spread of the retrained, both as differences to the current λ."""
    lines = ["| curve | points | retrained − baseline, largest | predicted − retrained, largest |", "|" + " --- |" * 4]
    for curve in curves:
        there = np.isfinite(curve["retrained"])
        predicted = curve["predicted"] - curve.about["loss"]
        retrained = curve["retrained"] - curve.about["baseline"]
        for label, where in (("within σ", there & curve.inside()), ("beyond", there & ~curve.inside())):
            if where.any():
                lines.append(f"| {curve.name}, {curve.about['method']}, {label} | {where.sum()} | "
                             f"{np.abs(retrained[where]).max():.4f} | {np.abs(predicted - retrained)[where].max():.4f} |")
    lines += [f"\nRetraining diverged (100 times the loss, or more): {c.name} = {', '.join(f'{v:.3g}' for v in c.diverged)}."
              for c in curves if len(c.diverged)]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="FILE.h5")
    parser.add_argument("--differences", action="store_true", help="to the current value")
    parser.add_argument("--out", required=True, metavar="FIGURE.png")
    arguments = parser.parse_args()
    curves = [Curve(path, arguments.differences) for path in arguments.files]
    plt.rcParams.update(plots.RC)
    figure, axes = plt.subplots(1, len(curves), figsize=(max(4.6, 3.3 * len(curves)), 3.0), squeeze=False,
                                constrained_layout=True)
    entries = {}
    for axis, curve in zip(axes[0], curves):
        draw(axis, curve)
        entries.update(reversed(pair) for pair in zip(*axis.get_legend_handles_labels()))
    figure.legend(entries.values(), entries.keys(), loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False,
                  ncol=min(len(entries), 3 if len(curves) < 3 else 6), handlelength=2.0, columnspacing=1.4)
    figure.savefig(arguments.out, bbox_inches="tight")
    print("\n".join(table(curves)))


if __name__ == "__main__":
    main()
