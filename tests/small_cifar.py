"""Writes a CIFAR-10 of few rows, FOLDER/data_batch_1.bin to data_batch_5.bin and test_batch.bin: noise with a bright bar
at a height of each class's own.
python3 small_cifar.py FOLDER ROWS_A_FILE"""
import os
import sys

import numpy as np

folder, rows = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(rows)
os.makedirs(folder)
for i, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
    labels = (np.arange(rows * i, rows * (i + 1)) % 10).astype("u1")
    pixels = rng.integers(0, 160, (rows, 3, 32, 32), "u1")
    for image, label in zip(pixels, labels):
        image[label % 3, 3 * label:3 * label + 5] += 90
    with open(f"{folder}/{name}.bin", "wb") as f:
        f.write(np.column_stack([labels, pixels.reshape(rows, -1)]).tobytes())
