"""Networks of dstn beside the modules that analysis/dstn_torch.py makes of what `dstn export` wrote.

    outputs.py ANALYSIS TOLERANCE NETWORK EVAL TRACE STREAMS [CURVE.csv HYPER]

NETWORK was exported with --response from the checkpoint behind the step that TRACE, of one step with a hyperparameter
step behind it, begins with; EVAL is what `dstn eval --json` says of the checkpoint, for
which the validation part of a text is read in so many STREAMS. Compared are the outputs
of the hyperparameter step, whose every example has weights at an ε of its own, the loss of the whole validation part,
and where there is CURVE.csv, of `dstn curve` for the hyperparameter HYPER, what the response predicts of that loss."""
import csv
import json
import sys

import h5py
import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
import dstn_torch

tolerance, path, evaluated, trace = float(sys.argv[2]), sys.argv[3], sys.argv[4], h5py.File(sys.argv[5])
metadata = dstn_torch.read(path)[1]
dtype = {"f32": torch.float32, "f64": torch.float64}[metadata["scalar"]]
is_text = "words" in metadata["input"]


def tensor(values):
    return torch.tensor(np.array(values), dtype=dtype)


def compare(what, got, want):
    error = np.abs(np.asarray(got) - np.asarray(want)).max() / max(1, np.abs(want).max())
    print(f"{what} {error:.3g}")
    if not error <= tolerance:
        sys.exit(f"{what} of {path}: {error:.3g} is more than {tolerance:g}")


# Weights at λ + ε of each example, as seen from the λ that was exported, which that step has moved.
step, = [group for group in trace["steps"].values() if group.attrs["kind"] in (b"hyper", "hyper")]
name, = step["output"]
moved = trace["start/lambda"][:] - [hyper["lambda"] for hyper in metadata["hyperparameters"]]
origin = moved if metadata["method"] == "stn" else 0
inputs = torch.tensor(step["tokens"][:]).long() if is_text else tensor(step["x"][name])
if not is_text and len(metadata["input"]["shape"]) == 3:
    inputs = inputs.reshape(-1, *metadata["input"]["shape"])
lines = sorted(step["state"], key=int) if is_text else []  # of LSTMs, and what they kept of the batch before
states = [tuple(tensor(step["state"][line][kind])[None] for kind in "hc") for line in lines]
outputs = []
with torch.no_grad():
    for b, epsilon in enumerate(step["epsilon"][:]):
        network = dstn_torch.load(path, shift=epsilon + origin)
        if is_text:
            y, _ = network(inputs[b:b + 1], [tuple(kept[:, b:b + 1].contiguous() for kept in pair) for pair in states])
        else:
            y = network(inputs[b:b + 1])
        outputs.append(y[0].numpy())
compare("outputs", np.array(outputs), step["output"][name][:].reshape(np.shape(outputs)))

def words_loss(network):
    words = torch.tensor(trace["text/valid"][:]).long()
    cuts = [len(piece) for piece in np.array_split(np.arange(len(words) - 1), int(sys.argv[6]))]
    starts, losses = np.cumsum([0] + cuts), 0
    for start, length in zip(starts, cuts):
        logits, left = network(words[None, start:start + length])
        losses += torch.nn.functional.cross_entropy(logits[0], words[start + 1:start + length + 1], reduction="sum")
    return losses / (len(words) - 1)


def loss(network):
    """Of the whole validation part."""
    with torch.no_grad():
        if is_text:
            return float(words_loss(network))
        y = network(tensor(trace["valid/x"]))
        if "labels" in trace["valid"]:
            return float(torch.nn.functional.cross_entropy(y, torch.tensor(trace["valid/labels"][:]).long()))
        return float(0.5 * ((y - tensor(trace["valid/targets"])) ** 2).sum() / len(y))


compare("loss", loss(dstn_torch.load(path)), json.load(open(evaluated))["valid_loss"])
if len(sys.argv) > 7:
    rows = list(csv.DictReader(open(sys.argv[7])))
    compare("curve", [loss(dstn_torch.load(path, at={sys.argv[8]: float(row["value"])})) for row in rows],
            [float(row["predicted"]) for row in rows])
