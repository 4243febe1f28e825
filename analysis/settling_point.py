#!/usr/bin/env python3
"""Where Δ-STN's own objective makes λ settle on ridge regression, beside the exact λ* and where the runs ended.

Usage: settling_point.py SWEEP_DIR CSV TARGET LABEL, e.g. runs/study/ridge-not-over-n jobs/data/concrete.csv
compressive_strength concrete-raw. With σ = 1 the response that the objective asks for is not ∂r/∂λ but
Θ_σ = −(XᵀX + (1+σ²)cI)⁻¹ c w_0, c = n e^{λ+σ²/2}; λ then settles where ∇L_V(r(λ))ᵀ Θ_σ = 0, not where ∇L_V(r(λ))ᵀ ∂r/∂λ = 0.
(Penalty not over n, raw features.)
"""
import pathlib
import sys

import needs

needs.check("h5py", "numpy", "pandas")

import numpy as np
import pandas as pd

import dstn_record


def prepared(csv, target, valid_rows):
    """Training and validation parts, standardized by the training part."""
    table = pd.read_csv(csv)
    y, x = table.pop(target).to_numpy(float), table.to_numpy(float)
    valid = np.zeros(len(y), bool)
    valid[valid_rows] = True
    mean, deviation = x[~valid].mean(0), x[~valid].std(0)
    x = ((x - mean) / deviation)[:, deviation > 0]
    y = (y - y[~valid].mean()) / y[~valid].std()
    return x[~valid], y[~valid], x[valid], y[valid]


def slopes(data, lam, sigma=1.0):
    """dL_V/dλ along the exact Jacobian and along Θ_σ, at w_0 = r(λ)."""
    x, t, xv, tv = data
    n, d = x.shape
    gram, c = x.T @ x, n * np.exp(lam)
    w = np.linalg.solve(gram + c * np.eye(d), x.T @ t)
    gradient = xv.T @ (xv @ w - tv) / len(tv)
    smooth = c * np.exp(sigma**2 / 2)
    exact = -np.linalg.solve(gram + c * np.eye(d), c * w)
    smoothed = -np.linalg.solve(gram + (1 + sigma**2) * smooth * np.eye(d), smooth * w)
    return gradient @ exact, gradient @ smoothed


def zero(data, which):
    """The λ at which a slope turns from falling to rising; −inf where it rises from the start of the grid."""
    grid = np.linspace(-12, 12, 2401)
    rising = np.array([slopes(data, lam)[which] for lam in grid]) > 0
    return -np.inf if rising[0] else grid[np.argmax(rising)] if rising.any() else np.inf


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__.split("\n\n")[1])
    folder, csv, target, label = sys.argv[1:]
    print(f"{'split':>5} {'λ*':>8} {'settles (Θ_σ)':>14} {'STN':>8} {'Δ-STN':>8}")
    for path in sorted(pathlib.Path(folder, "members").glob(f"{label}-delta-stn-*"),
                       key=lambda p: int(p.name.rsplit("-", 1)[1])):
        seed = path.name.rsplit("-", 1)[1]
        ends = {}
        for method in ("stn", "delta-stn"):
            run = dstn_record.load(path.parent / f"{label}-{method}-{seed}" / "run.h5")
            ends[method] = run.series[run.series["step"] > 0.8 * run.series["step"].iloc[-1]]["lambda.penalty"].mean()
        data = prepared(csv, target, run.valid_rows)
        print(f"{seed:>5} {zero(data, 0):8.2f} {zero(data, 1):14.2f} {ends['stn']:8.2f} {ends['delta-stn']:8.2f}")


if __name__ == "__main__":
    main()
