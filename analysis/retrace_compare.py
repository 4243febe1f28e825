"""How retrace.py reads a trace's quantities and compares them with its own."""
import math

import h5py
import torch

DOUBLE = torch.float64
TOLERANCE = {"f64": 1e-9, "f32": 1e-4}


class Parted(Exception):
    """A quantity that differs: str() is `step NNNN QUANTITY REL_ERR`."""


def text_of(group, attribute):
    """A text of fixed length is bytes to h5py."""
    value = group.attrs.get(attribute, "")
    return value.decode() if isinstance(value, bytes) else value


def number(array):
    return torch.as_tensor(array[()]).to(DOUBLE)


def tree(group):
    """{"LAYER/NAME": tensor} of a group."""
    found = {}
    if group is not None:
        group.visititems(lambda name, item: found.update({name: number(item)}) if isinstance(item, h5py.Dataset) else None)
    return found


def norm(tensors):
    return math.sqrt(sum(float((t * t).sum()) for t in tensors))


class Comparison:
    """Judges quantities in the order of the computation."""

    def __init__(self, tolerance):
        self.tolerance, self.where, self.worst, self.count = tolerance, "start", (0.0, "nothing"), 0

    def part(self, quantity, error):
        raise Parted(f"{self.where} {quantity} {error:.3e}")

    def error(self, got, want, floor=1e-12):
        got, want = torch.as_tensor(got, dtype=DOUBLE), torch.as_tensor(want, dtype=DOUBLE)
        if got.numel() != want.numel():
            return math.inf
        off, size = norm([got.reshape(-1) - want.detach().reshape(-1)]), norm([want.detach()])
        return off / max(size, floor) if math.isfinite(size) else math.inf

    def same(self, quantity, got, want, floor=1e-12):
        error = self.error(got, want, floor)
        self.count += 1
        if not error <= self.tolerance:
            self.part(quantity, error)
        self.worst = max(self.worst, (error, f"{self.where} {quantity}"))

    def holds(self, quantity, truth):
        """What is true or not."""
        self.count += 1
        if not truth:
            self.part(quantity, math.inf)

    def trees(self, prefix, got, want):
        """Two trees of the same names; one floor for all of them."""
        self.holds(f"{prefix} (names)", set(got) == set(want))
        floor = max(1e-3 * norm(want.values()), 1e-12)
        for key in want:
            self.same(f"{prefix}/{key}", got[key], want[key], floor)
