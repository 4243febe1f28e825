"""Proves that retrace.py looks at everything in a trace: changes one number after the other, of every array and
attribute, and expects that it is seen each time. python3 tamper.py ANALYSIS TRACE.h5"""
import contextlib
import io
import sys

import h5py
import numpy as np

sys.path.insert(0, sys.argv[1])
import retrace

# What a step neither depends on nor gives: losses before the first step. `backend` is for people.
SKIPPED = ("start/progress/train_loss", "start/progress/response_loss", "start/progress/hyper_loss")
ATTRIBUTES = ("kind", "step", "hyper_step", "epoch", "train_loss", "valid_loss", "valid_accuracy", "rate")


def verdict(file):
    """What retrace says: "agrees", or what parts."""
    comparison = retrace.Comparison(retrace.TOLERANCE[retrace.text_of(file, "precision")])
    try:
        retrace.Replay(file, comparison).run()
    except retrace.Parted as parted:
        return str(parted)
    except KeyError as missing:
        return f"incomplete: {missing}"
    return "agrees"


def changed(value):
    """One number off by 1e-6 of the largest; whole numbers by 1."""
    value = np.array(value)
    flat = value.reshape(-1)
    at = int(np.argmax(np.abs(np.nan_to_num(flat, posinf=0))))
    if value.dtype.kind in "iu":
        flat[at] += 1
    else:
        flat[at] += 1e-6 * max(abs(flat[at]), 1e-2) if np.isfinite(flat[at]) else 0
        flat[~np.isfinite(flat)] = 1  # the best loss of a plateau before the first epoch
    return value


def memory(path):
    """The file in memory, so that changes are gone when it is closed."""
    return h5py.File(path, "r+", driver="core", backing_store=False)


def cases(file):
    """(name, how to change it) of every array and attribute."""
    found = []

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.size > 0 and name not in SKIPPED:
            found.append(name)
        found.extend(f"{name}@{key}" for key, value in item.attrs.items()
                     if key in ATTRIBUTES and value == value)  # NaN: no accuracy in a regression

    file.visititems(visit)
    return found + ["@train_rows", "@valid_rows", "@method"]


def change(file, name):
    path, _, attribute = name.partition("@")
    if path.endswith("/rows"):
        file[path][0] = file[path][1]  # a row that comes twice in an epoch
        return
    if not attribute:
        file[path][...] = changed(file[path][()])
        return
    item = file[path] if path else file
    old = item.attrs[attribute]
    if isinstance(old, bytes):
        old = old.decode()
        item.attrs[attribute] = {"train": "hyper", "hyper": "train"}.get(old, old + "x")
    else:
        item.attrs[attribute] = changed(old)[()]


path = sys.argv[2]
with memory(path) as file:
    names = cases(file)
    assert verdict(file) == "agrees", verdict(file)
unseen = []
for name in names:
    with memory(path) as file, contextlib.redirect_stderr(io.StringIO()):
        change(file, name)
        if verdict(file) == "agrees":
            unseen.append(name)
for name in unseen:
    print(f"unseen: {name}")
print(f"{len(names)} changes, {len(unseen)} unseen")
sys.exit(bool(unseen) or len(names) < 100)
