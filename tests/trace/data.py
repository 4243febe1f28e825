"""Writes the data sets of the configs here: python3 data.py FOLDER."""
import sys

import h5py
import numpy as np

folder = sys.argv[1]
rng = np.random.default_rng(3)

# Three classes of noisy 2 x 6 x 5 images: a bright row, a bright column, a bright channel.
labels = rng.integers(0, 3, 120)
images = rng.normal(0, 0.7, (120, 2, 6, 5))
for i, label in enumerate(labels):
    at = rng.integers(0, 5)
    if label == 0:
        images[i, :, at, :] += 1.5
    elif label == 1:
        images[i, :, :, at] += 1.5
    else:
        images[i, at % 2] += 0.8
with h5py.File(f"{folder}/images.h5", "w") as f:
    f["x"], f["y"] = images.astype("f4"), labels

# Two smooth functions of five features.
x = rng.normal(0, 1, (126, 5))
y = np.stack([np.sin(x[:, 0]) + x[:, 1] * x[:, 2], x[:, 3] - x[:, 4] ** 2], 1) + rng.normal(0, 0.2, (126, 2))
with h5py.File(f"{folder}/table.h5", "w") as f:
    f["x"], f["y"] = x, y
