#!/usr/bin/env python3
"""A contact sheet of the augmentations: what `dstn` itself makes of a picture, at several strengths.

Usage: augmentations.py [--dstn PROGRAM] [--out FILE.png]

A row is a parameter, a column a strength, from 0 to the end of the paper's range or beyond; the three pictures of a cell
are three examples of a batch. Along a row every example keeps what was drawn for it, so that one sees what the strength
alone does, as the two passes of Δ-STN do. The images come out of `dstn trace`, as the network saw them.
"""
import argparse
import pathlib
import subprocess
import tempfile

import needs

needs.check("h5py", "numpy", "matplotlib")

import h5py
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

SIZE, EXAMPLES = 32, 3
SEED = 14027  # for which each parameter is drawn low in one of the examples and high in another
MEAN = 0.5    # subtracted from images: what Cutout's holes become again

# (label, entry with {} for the strength, strengths)
ROWS = (
    ("flip: rate", "flip: {{rate: {}}}", (0, 0.25, 0.5, 0.75, 1)),
    ("affine: rotation", "affine: {{rotation: {}}}", (0, 10, 20, 45, 180)),
    ("affine: shear", "affine: {{shear: {}}}", (0, 10, 20, 30, 45)),
    ("affine: scale", "affine: {{scale: {}}}", (0, 0.1, 0.2, 0.35, 0.5)),
    ("affine: translation", "affine: {{translation: {}}}", (0, 0.1, 0.2, 0.35, 0.5)),
    ("color: brightness", "color: {{brightness: {}}}", (0, 0.25, 0.5, 1, 2)),
    ("color: contrast", "color: {{contrast: {}}}", (0, 0.25, 0.5, 1, 2)),
    ("color: saturation", "color: {{saturation: {}}}", (0, 0.25, 0.5, 1, 2)),
    ("color: hue", "color: {{hue: {}}}", (0, 0.05, 0.1, 0.25, 0.5)),
    ("crop: padding", "crop: {{padding: {}}}", (0, 2, 4, 8, 16)),
    ("cutout: length, 1 hole", "cutout: {{holes: 1, length: {}}}", (0, 4, 8, 16, 24)),
    ("cutout: holes of 6", "cutout: {{holes: {}, length: 6}}", (0, 1, 2, 4, 8)),
)

CONFIG = """\
method: fixed
precision: f64
seed: {seed}
data: {{source: hdf5, path: pictures.h5, task: classification, mean: {mean}, std: 1}}
augment: [{entry}]
model: {{loss: cross_entropy, layers: [flatten, linear: {{out: 2}}]}}
train: {{epochs: 1, batch: {examples}, valid_batch: 1}}
optimizer: {{rate: 0.1}}
"""


def picture():
    """An F, which is no mirror image and no rotation of itself, in three colours on a ground that changes its colour."""
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    image = np.stack([60 + 120 * x, 90 + 100 * y, 200 - 120 * x], 2)
    for lines, columns, color in (((6, 27), (9, 14), (250, 210, 40)), ((6, 11), (9, 25), (230, 60, 50)),
                                  ((14, 19), (9, 21), (245, 245, 245))):
        image[slice(*lines), slice(*columns)] = color
    return image.astype("u1")


def write_data(folder):
    images = np.stack([picture().transpose(2, 0, 1)] * (EXAMPLES + 2))
    with h5py.File(folder / "pictures.h5", "w") as file:
        file["x"], file["y"] = images, np.arange(len(images)) % 2
        file["split"] = np.array([0] * EXAMPLES + [1, 1])


def augmented(dstn, folder, entry):
    """Images [EXAMPLES, H, W, 3] from 0 to 1."""
    config, trace = folder / "sheet.yaml", folder / "sheet.h5"
    config.write_text(CONFIG.format(entry=entry, mean=MEAN, seed=SEED, examples=EXAMPLES))
    command = [dstn, "trace", str(config), "--steps", "1", "--out", str(trace), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr}")
    with h5py.File(trace) as file:
        return np.clip(file["steps/0000/x/delta_general"][:] + MEAN, 0, 1).transpose(0, 2, 3, 1)


def cell_of(images):
    """Side by side, with white between them."""
    gap = np.ones((SIZE, 3, 3))
    parts = [part for image in images for part in (image, gap)]
    return np.concatenate(parts[:-1], 1)


def draw(cells, out):
    columns = max(len(strengths) for _, _, strengths in ROWS)
    figure, axes = plt.subplots(len(ROWS), columns, figsize=(2.6 * columns, 1.02 * len(ROWS)), squeeze=False)
    for axis_row, (label, _, strengths), images in zip(axes, ROWS, cells):
        for axis, strength, cell in zip(axis_row, strengths, images):
            axis.imshow(cell, interpolation="nearest")
            axis.set_title(f"{strength:g}", fontsize=8, pad=2)
        axis_row[0].text(-0.04, 0.5, label, transform=axis_row[0].transAxes, fontsize=9, ha="right", va="center")
    for axis in axes.flat:
        axis.set_axis_off()
    figure.subplots_adjust(left=0.14, right=0.995, top=0.98, bottom=0.005, wspace=0.1, hspace=0.28)
    figure.savefig(out, dpi=100)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dstn", default="dstn", help="the program")
    parser.add_argument("--out", default="augmentations.png")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_data(folder)
        cells = [[cell_of(augmented(arguments.dstn, folder, entry.format(strength))) for strength in strengths]
                 for _, entry, strengths in ROWS]
    draw(cells, arguments.out)


if __name__ == "__main__":
    main()
