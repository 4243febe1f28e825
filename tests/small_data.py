"""Writes the data sets of small networks, FOLDER/images.h5, FOLDER/pixels.h5 (bytes, red, green and blue) and
FOLDER/table.h5:
python3 small_data.py FOLDER SEED IMAGES CHANNELS HEIGHT WIDTH ROWS FEATURES"""
import sys

import h5py
import numpy as np

folder = sys.argv[1]
seed, count, channels, height, width, rows, features = map(int, sys.argv[2:])
rng = np.random.default_rng(seed)

# Three classes of noisy images: a bright row, a bright column, a bright channel.
labels = rng.integers(0, 3, count)
images = rng.normal(0, 0.7, (count, channels, height, width))
for i, label in enumerate(labels):
    at = rng.integers(0, min(height, width))
    if label == 0:
        images[i, :, at, :] += 1.5
    elif label == 1:
        images[i, :, :, at] += 1.5
    else:
        images[i, at % channels] += 0.8
with h5py.File(f"{folder}/images.h5", "w") as f:
    f["x"], f["y"] = images.astype("f4"), labels

# Two smooth functions of the features, of which there are at least five.
x = rng.normal(0, 1, (rows, features))
y = np.stack([np.sin(x[:, 0]) + x[:, 1] * x[:, 2], x[:, 3] - x[:, 4] ** 2], 1) + rng.normal(0, 0.2, (rows, 2))
with h5py.File(f"{folder}/table.h5", "w") as f:
    f["x"], f["y"] = x, y

# The images once more, each channel a mixture of theirs, as bytes that reach both ends.
colors = np.tensordot(rng.normal(0, 1, (3, channels)), images, ([1], [1])).swapaxes(0, 1)
with h5py.File(f"{folder}/pixels.h5", "w") as f:
    f["x"], f["y"] = np.clip(128 + 70 * colors, 0, 255).astype("u1"), labels
