#!/usr/bin/env python3
"""Networks that dstn has trained, as torch.nn modules with the same outputs.

    dstn export runs/mlp/checkpoints/best.h5                      # writes best.npz; --format safetensors is read too
    network = dstn_torch.load("runs/mlp/checkpoints/best.npz")    # in evaluation mode
    logits = network(images)                                      # [B, channels, height, width], normalized
    network.mean, network.deviation                               # by which images were (bytes as 0 … 1); or None

A network for text takes word numbers [B, T] and what its LSTMs kept of the words before (None: nothing), and returns
logits [B, T, words] and what they keep now; `network.vocabulary` has the words. Of a file that was exported with
--response, `load(path, at={"dropout_1": 0.4})` gives the network as its response predicts it at other values, in natural
units. Dropout is as in the config, at the values the hyperparameters had; `network.set_hyperparameters({name: value})`
sets others. Not here: what only training knows, of an embedding's words or of weights dropped, penalties, augmentation.

A schedule is replayed in a training loop of one's own in ten lines, after `dstn export run.h5 --schedule --format json`:

    schedule, row = json.load(open("schedule.json")), 0
    network = dstn_torch.load("start.npz").train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    for step, (x, y) in enumerate(batches):
        while row + 1 < len(schedule["step"]) and schedule["step"][row + 1] <= step:
            row += 1
        network.set_hyperparameters({name: values[row] for name, values in schedule["value"].items()})
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
"""
import json
import math
import struct
import sys

import needs

if needs.missing("numpy", "torch"):
    raise ImportError(needs.missing("numpy", "torch"))

import numpy as np
import torch
from torch import nn

TYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64, "U8": np.uint8}


# ---- files -----------------------------------------------------------------------------------------------------------


def read(path):
    """Arrays {name: array} and metadata of what `dstn export` wrote."""
    with open(path, "rb") as file:
        start = file.read(8)
        if start[:2] != b"PK":
            header = json.loads(file.read(struct.unpack("<Q", start)[0]))
            data = file.read()
            metadata = json.loads(header.pop("__metadata__")["dstn"])
            return {name: np.frombuffer(data[slice(*about["data_offsets"])], TYPES[about["dtype"]])
                    .reshape(about["shape"]) for name, about in header.items()}, metadata
    with np.load(path) as file:
        arrays = {name: file[name] for name in file}
    return arrays, json.loads(str(arrays.pop("metadata")))


# App. F: from a natural value to λ.
INVERSES = {
    "sigmoid": lambda v, low, high: math.log((v - low) / (high - v)),
    "softplus": lambda v, low, high: v - low + math.log(-math.expm1(low - v)),
    "softplus-below": lambda v, low, high: high - v + math.log(-math.expm1(v - high)),
    "identity": lambda v, low, high: v,
    "exp": lambda v, low, high: math.log(v),
}


def shift_to(metadata, at):
    """λ' − λ [h] of natural values {name: value}; those that aren't named stay."""
    unknown = set(at) - {hyper["name"] for hyper in metadata["hyperparameters"]}
    if unknown:
        raise ValueError(f"no hyperparameter {', '.join(sorted(unknown))}; accepted: "
                         f"{', '.join(hyper['name'] for hyper in metadata['hyperparameters'])}")
    return np.array([INVERSES[hyper["transform"]](at[hyper["name"]], hyper["low"], hyper["high"]) - hyper["lambda"]
                     if hyper["name"] in at else 0.0 for hyper in metadata["hyperparameters"]])


def responded(general, response, factors, z, is_table):
    """An array at z = λ' − λ: W + diag(U z) W_r and b + V z ⊙ b_r, or with a full response (no factors) + Σ_j z_j W_j.
    The rows of an embedding's table are words: there the factors go along the columns."""
    if factors is None:
        return (general + np.tensordot(z, response, 1)).astype(general.dtype)
    scale = factors @ z
    if not is_table:
        scale = scale.reshape([-1] + [1] * (general.ndim - 1))
    return (general + scale * response).astype(general.dtype)


# ---- layers ----------------------------------------------------------------------------------------------------------


class Dropout(nn.Module):
    """Inverted dropout of units, of whole channels, or of a sequence's units in all its time steps."""

    def __init__(self, options):
        super().__init__()
        self.rate, self.per_channel = options["rate"], options.get("per") == "channel"
        self.each_step = options.get("each_step", False)
        self.p = self.rate if isinstance(self.rate, (int, float)) else 0.0

    def forward(self, x):
        if not self.training or self.p <= 0:
            return x
        keep = 1 - min(self.p, 0.999)
        shape = list(x.shape)
        if self.per_channel and x.dim() == 4:
            shape[2:] = [1, 1]
        if x.dim() == 3 and not self.each_step:
            shape[1] = 1
        return x * torch.bernoulli(torch.full(shape, keep, dtype=x.dtype, device=x.device)) / keep


class Residual(nn.Module):
    """layers(x) + shortcut(x); without a shortcut, + x."""

    def __init__(self, layers, shortcut):
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


class Marked(nn.Module):
    """Lists with `residual_begin` and `residual_end`, which adds what was there at the beginning."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layer for layer in layers if not isinstance(layer, str))
        self.order = [layer if isinstance(layer, str) else None for layer in layers]

    def forward(self, x):
        kept, layers = [], iter(self.layers)
        for mark in self.order:
            if mark == "residual_begin":
                kept.append(x)
            else:
                x = x + kept.pop() if mark else next(layers)(x)
        return x


def our_names(name):
    """What a config calls a parameter that PyTorch calls so, as `i2h_general_weight`: the names that it may have."""
    prefix, _, kind = name.rpartition(".")
    prefix = prefix.replace(".", "_") + "_" if prefix else ""
    if kind in ("U", "V"):
        return [prefix.removesuffix("response_") + "hyper"]
    if prefix.endswith("response_"):
        return [prefix + kind]
    return [f"{prefix}general_{kind}", {"weight": "gamma", "bias": "beta"}.get(kind, kind)]


def gates_of(array):
    """PyTorch's order of an LSTM's gates, input, forget, cell, output, from dstn's: forget, input, output, cell."""
    forget, take, show, cell = np.split(array, 4)
    return np.concatenate([take, forget, cell, show])


# ---- the network -----------------------------------------------------------------------------------------------------


class Builder:
    """Reads lists of layers, whose lines are counted in reading order: a nested list's lines come after its own."""

    def __init__(self, arrays, metadata, z=None):
        self.arrays, self.z, self.line, self.names, self.tensors = arrays, z, -1, {}, {}

    def list(self, entries):
        layers = [self.entry(entry) for entry in entries or []]
        return Marked(layers) if any(isinstance(layer, str) for layer in layers) else nn.Sequential(*layers)

    def entry(self, entry):
        (name, options), = entry.items() if isinstance(entry, dict) else [(entry, None)]
        options, self.line = options or {}, self.line + 1
        if name in ("residual_begin", "residual_end"):
            return name
        if not hasattr(self, name):
            raise ValueError(f"layer {name}: this program doesn't know it")
        line, self.is_table = self.line, name == "embedding"
        if options.get("name") is not None:
            self.names[options["name"]] = (line, options.get("share"))
        return getattr(self, name)(line, options)

    def stored(self, line, share, name):
        """A layer's array, or that of the layer that it shares it with; None: it has none."""
        if share is None or f"{line}.{name}" in self.arrays:
            return self.arrays.get(f"{line}.{name}")
        if isinstance(share, dict):
            share = next((share[key] for key in our_names(name) if key in share), None)
        return self.stored(*self.names[share], name) if share is not None else None

    def array(self, line, options, name):
        """The same at z."""
        return self.find(line, options, name)[1]

    def find(self, line, options, name):
        """What an array was made from, and the array."""
        prefix, _, kind = name.rpartition(".")
        place, share = prefix + "." if prefix else "", options.get("share")
        general, response, factors = (self.stored(line, share, place + part) for part in (
            kind, f"response.{kind}", "response.U" if kind == "weight" else "response.V"))
        origin = (id(general), id(response), id(factors)) if self.z is not None else id(general)
        if general is None or response is None or self.z is None:
            return origin, general
        return origin, responded(general, response, factors, self.z, self.is_table)

    def fill(self, module, line, options, *names):
        """A module's parameters and buffers; those that layers share are one parameter, and stay so in training."""
        for name in names:
            origin, array = self.find(line, options, name)
            if array is None:
                setattr(module, name, None)
            elif name.startswith("running"):
                setattr(module, name, torch.tensor(np.array(array)))
            else:
                own = nn.Parameter(torch.tensor(np.array(array)))
                setattr(module, name, self.tensors.setdefault(origin, own))
        return module

    def weight(self, line, options):
        return self.array(line, options, "weight")

    # ---- one function a type ----

    def linear(self, line, options):
        out, inputs = self.weight(line, options).shape
        return self.fill(nn.Linear(inputs, out), line, options, "weight", "bias")

    decoder = linear

    def conv(self, line, options):
        out, inputs, kernel, _ = self.weight(line, options).shape
        module = nn.Conv2d(inputs, out, kernel, int(options.get("stride", 1)), int(options.get("padding", 0)))
        return self.fill(module, line, options, "weight", "bias")

    def batchnorm(self, line, options):
        channels = len(self.array(line, options, "running_mean"))
        module = BatchNorm(channels, eps=options.get("epsilon", 1e-5), momentum=options.get("momentum", 0.1))
        return self.fill(module, line, options, "weight", "bias", "running_mean", "running_var")

    def relu(self, line, options):
        return nn.ReLU()

    def maxpool(self, line, options):
        return nn.MaxPool2d(int(options.get("size", 2)))

    def avgpool(self, line, options):
        return nn.AdaptiveAvgPool2d(1)

    def flatten(self, line, options):
        return nn.Flatten()

    def dropout(self, line, options):
        return Dropout(options)

    def residual(self, line, options):
        return Residual(self.list(options.get("layers")), self.list(options.get("shortcut")))

    def embedding(self, line, options):
        words, out = self.weight(line, options).shape
        padding = int(options.get("padding", -1))
        module = nn.Embedding(words, out, padding_idx=padding if padding >= 0 else None)
        return self.fill(module, line, options, "weight")

    def lstm(self, line, options):
        gates, inputs = self.array(line, options, "i2h.weight").shape
        has_bias = self.array(line, options, "i2h.bias") is not None
        module = nn.LSTM(inputs, gates // 4, bias=has_bias, batch_first=True)
        for ours, theirs in (("i2h", "ih"), ("h2h", "hh")):
            for kind in ("weight", "bias") if has_bias else ("weight",):
                array = gates_of(self.array(line, options, f"{ours}.{kind}"))
                setattr(module, f"{kind}_{theirs}_l0", nn.Parameter(torch.tensor(array)))
        return module


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Of images [B, C, H, W] or of rows [B, C]."""

    def _check_input_dim(self, input):
        if input.dim() not in (2, 4):
            raise ValueError(f"expected 2 or 4 dimensions, got {input.dim()}")


class Network(nn.Module):
    """A network of rows or images: network(x)."""

    def __init__(self, layers, metadata):
        super().__init__()
        self.layers, self.metadata = layers, metadata
        about = metadata["input"]
        self.shape, self.vocabulary = tuple(about["shape"]), about.get("vocabulary")
        self.mean, self.deviation = about.get("mean"), about.get("deviation")

    def forward(self, x):
        return self.layers(x)

    def set_hyperparameters(self, values):
        """Natural values {name: number} of what drops units; other names are passed over."""
        for module in self.modules():
            if isinstance(module, Dropout) and module.rate in values:
                module.p = float(values[module.rate])


class TextNetwork(Network):
    """A network of words: network(words [B, T], states) → logits [B, T, words], states."""

    def forward(self, words, states=None):
        x, left = words, []
        states = iter(states or [])
        for layer in self.layers:
            if isinstance(layer, nn.LSTM):
                x, state = layer(x, next(states, None))
                left.append(state)
            else:
                x = layer(x)
        return x, left


def load(path, at=None, shift=None):
    """The module of an exported network, in evaluation mode. at: other values of hyperparameters, in natural units;
    shift: the same as λ' − λ [h]. Both need a file that was exported with --response."""
    arrays, metadata = read(path)
    z = None
    if at is not None or shift is not None:
        if not metadata["response"]:
            raise ValueError(f"{path} has no response: export it with --response")
        z = shift_to(metadata, at) if shift is None else np.asarray(shift, dtype=float)
    builder = Builder(arrays, metadata, z)
    layers = builder.list(metadata["config"]["model"]["layers"])
    network = (TextNetwork if "words" in metadata["input"] else Network)(layers, metadata)
    network.set_hyperparameters({hyper["name"]: hyper["value"] for hyper in metadata["hyperparameters"]})
    return network.eval()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: dstn_torch.py FILE.npz|FILE.safetensors: prints the module")
    print(load(sys.argv[1]))
