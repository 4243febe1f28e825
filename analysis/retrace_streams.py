"""How retrace.py follows a text: where batches stand in its streams, what layers keep from one to the next, and the text
itself, of which every word is the same wherever it is seen."""
import torch

from retrace_layers import Unsupported, boolean

DOUBLE = torch.float64


def whole(array, name, compare):
    """Numbers of words."""
    numbers = torch.as_tensor(array[()])
    compare.holds(f"{name} (whole numbers)", bool((numbers == numbers.round()).all()))
    return numbers.long()


class Streams:
    """One part of a text: `count` streams of ⌊rows/count⌋ places, cut into pieces of `length`, an epoch after the other.
    A place is a word whose next one is to be told, so that a part of n words has n − 1."""

    def __init__(self, part, rows, count, length, text, states, comparison):
        self.part, self.rows, self.count, self.compare = part, rows, count, comparison
        self.places = rows // count
        self.length = min(length, self.places)
        self.evaluated = min(count, max(1, rows // length))  # streams of an evaluation
        self.batches = self.places // self.length  # of an epoch
        self.text = text  # [rows + 1], or None where the trace has none
        self.states = states

    def next(self, group, position):
        """Words and labels [B, T] of the batch at this position of the run, and the state that it starts from."""
        piece = position % self.batches
        starts = torch.arange(self.count) * self.places + piece * self.length
        self.compare.holds("rows", group["rows"][:].tolist() == starts.tolist())
        self.compare.holds("steps", float(group["steps"][()]) == self.length)
        self.compare.holds("carried", float(group["carried"][()]) == float(piece > 0))
        at = starts[:, None] + torch.arange(self.length)
        words, labels = (whole(group[name], name, self.compare) for name in ("tokens", "labels"))
        self.compare.holds("tokens", tuple(words.shape) == tuple(at.shape) and bool((words == self.text[at]).all()))
        self.compare.holds("labels", bool((labels == self.text[at + 1]).all()))
        if piece == 0:
            self.states = {}
        for key, state in group["state"].items() if "state" in group else ():
            for name, array in state.items():
                want = self.states.get(f"{key}/{name}")
                got = torch.as_tensor(array[()]).to(DOUBLE)
                self.compare.same(f"state/{key}/{name}", got, torch.zeros_like(got) if want is None else want)
        return words, labels.flatten(), self.states

    def evaluate(self, output, loss):
        """Mean loss over all places and the part that is told rightly, from streams that begin with no state and, in the
        order of the text, have a place more than others or not. output(words, states) → outputs, states."""
        total = self.evaluated
        shortest, longer = divmod(self.rows, total)
        lengths = torch.full((total,), shortest) + (torch.arange(total) < longer)
        starts = torch.cumsum(lengths, 0) - lengths
        sums, states = [0.0, 0], {}
        for first, streams, steps in ((0, total, shortest), (shortest, longer, 1)):
            if streams == 0:
                continue
            at = starts[:streams, None] + first + torch.arange(steps)
            outputs, states = output(self.text[at], {key: state[:streams] for key, state in states.items()})
            labels = self.text[at + 1].flatten()
            sums[0] += float(loss(outputs, labels)) * len(labels)
            sums[1] += int((outputs.argmax(1) == labels).sum())
        return sums[0] / self.rows, sums[1] / self.rows


class Text:
    """Both parts of the text of a trace, from its config."""

    def __init__(self, file, config, batch, comparison):
        train = config["train"]
        if boolean(train.get("vary_length", "false")):
            raise Unsupported("train.vary_length")
        length, self.parts = int(train.get("length", 70)), {}
        rows = {part: int(file.attrs[f"{part}_rows"]) for part in ("train", "valid")}
        valid = int(train.get("valid_batch", 0))
        valid = valid if valid > 0 else min(batch, max(1, rows["valid"] // length))
        start = file["start"].get("state")
        for part, count in (("train", batch), ("valid", valid)):
            text = whole(file["text"][part], f"text/{part}", comparison)
            comparison.holds(f"text/{part} (words)", len(text) == rows[part] + 1)
            states = {}
            if start is not None and part in start:
                states = {f"{layer}/{name}": torch.as_tensor(array[()]).to(DOUBLE)
                          for layer, arrays in start[part].items() for name, array in arrays.items()}
            self.parts[part] = Streams(part, rows[part], count, length, text, states, comparison)

    def __getitem__(self, part):
        return self.parts[part]

    def check_start(self):
        """Of a run that begins."""
        for part in self.parts.values():
            for key, state in part.states.items():
                part.compare.holds(f"state/{part.part}/{key} (zero)", bool((state == 0).all()))

    def check_end(self, end, compare):
        """What the next batches would go on from."""
        for part, arrays in end["state"].items():
            for layer, states in arrays.items():
                for name, array in states.items():
                    mine = self.parts[part].states.get(f"{layer}/{name}")
                    got = torch.as_tensor(array[()]).to(DOUBLE)
                    compare.same(f"state/{part}/{layer}/{name}", got, torch.zeros_like(got) if mine is None else mine)
