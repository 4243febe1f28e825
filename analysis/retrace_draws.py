"""What was drawn in a trace, held against what it should look like: retrace.py takes draws from the file, and only
their form can be checked: where they repeat and where they may not, their frequencies, which numbers can occur."""
import math

import torch

from retrace_layers import BatchNorm, Dropout, Map, entry_of

SIGMAS = 6  # a frequency further off than this isn't chance


class Draws:
    def __init__(self, config, space, network, comparison):
        self.config, self.space, self.network, self.compare = config, space, network, comparison
        self.seen, self.noise = set(), []      # of all steps
        self.kept = self.kept_variance = 0.0   # Σ k, k = kept − (1 − p), and its variance
        self.again = self.again_variance = 0.0  # Σ k k' with k' of the step before, likewise
        self.before = {}                       # (pass, layer): k' and the rates then
        self.epochs = {}                       # part: (epoch, rows that it has had)
        self.examples = {}                     # row: its example, NaN where augmentation has hidden it so far
        self.pairs = config["train"].get("antithetic", "false") == "true"  # row r + half has −ε of row r, and its draws
        self.cutouts = [options for name, options in map(entry_of, config.get("augment") or []) if name == "cutout"]
        # Other augmentations change values in ways that an example alone doesn't show.
        self.knows_augmentation = len(self.cutouts) == len(config.get("augment") or [])

    def check_rows(self, part, rows, batch, samples, epoch):
        """No example comes twice in an epoch; its samples stand a batch apart."""
        before = self.epochs.get(part, (None, set()))
        had = before[1] if before[0] == epoch else set()
        rows = rows.tolist()
        now = set(rows)
        self.compare.holds("rows", rows == samples * rows[:batch] and len(now) == batch and not had & now)
        self.epochs[part] = (epoch, had | now)

    def check_noise(self, noise, examples, samples, is_valid):
        """Each number is drawn once, but for the other signs of pairs; per_batch: one for all examples of a sample; in
        hyperparameter steps, scales that are not tuned are not perturbed."""
        self.compare.holds("noise (shape)", tuple(noise.shape) == (examples * samples, len(self.space.hypers)))
        if self.pairs and samples > 1:
            half = len(noise) // 2
            self.compare.holds("noise (pairs)", bool((noise[:half] == -noise[half:]).all()))
            noise = noise[:half]
        for i, hyper in enumerate(self.space.hypers):
            column = noise[:, i]
            if is_valid and not hyper.tunes_scale:
                self.compare.holds("noise (scale not tuned)", bool((column == 0).all()))
                continue
            if hyper.per_batch:
                each = column.reshape(-1, examples)
                self.compare.holds("noise (per_batch)", bool((each == each[:, :1]).all()))
                column = each[:, 0]
            numbers = set(column.tolist())
            self.compare.holds("noise (drawn anew)", len(numbers) == len(column) and not numbers & self.seen)
            self.seen |= numbers
            self.noise.append(column)

    def check_dropout(self, name, factors, values):
        """0 or 1/(1 − rate), and one for a whole channel where it says so."""
        layers = {layer.index: layer for layer in self.network.every if isinstance(layer, Dropout)}
        self.compare.holds(f"dropout/{name} (layers)", set(factors) == set(layers))
        for index, layer in layers.items():
            factor, rates = factors[index].flatten(1), layer.rates(values)
            kept = factor != 0
            full = (kept / (1 - rates)[:, None])
            self.compare.same(f"dropout/{name}/{index}", factor, full)
            if layer.per_channel:
                places = factors[index].flatten(2)
                self.compare.holds(f"dropout/{name}/{index} (per channel)", bool((places == places[..., :1]).all()))
                kept, factor = places[..., 0] != 0, places[..., 0]
            if self.pairs and name != "delta_general":
                kept, rates = self.check_pairs(f"dropout/{name}/{index}", kept, rates)
            self.count_kept((name, index), kept.to(rates.dtype) - (1 - rates)[:, None], rates * (1 - rates))

    def check_pairs(self, what, kept, rates):
        """One mask for both of a pair: what the higher rate keeps, the lower one does too. Returns the first half."""
        half = len(kept) // 2
        first, other = kept[:half], kept[half:]
        below = (rates[:half] <= rates[half:])[:, None]
        self.compare.holds(f"{what} (pairs)", bool(torch.where(below, first | ~other, other | ~first).all()))
        return first, rates[:half]

    def count_kept(self, where, k, variance):
        self.kept += float(k.sum())
        self.kept_variance += float(variance.sum()) * k.shape[1]
        if where in self.before:
            then, variance_then = self.before[where]
            self.again += float((k * then).sum())
            self.again_variance += float((variance * variance_then).sum()) * k.shape[1]
        self.before[where] = k, variance

    def check_x(self, name, x, rows, values):
        """A row's examples are the same wherever they are seen, but for pixels that Cutout has set to 0; of these there
        are as many as its holes can cover, and at least a corner of one."""
        if not self.knows_augmentation:
            return
        cuts = bool(self.cutouts) and values is not None
        hidden = (x == 0).all(1, keepdim=True).expand(x.shape) if cuts else torch.zeros_like(x, dtype=torch.bool)
        most, least = self.areas(values, x.shape[2:]) if cuts else (None, None)
        part = "valid" if values is None else "train"
        for b, row in enumerate(rows.tolist()):
            now = torch.where(hidden[b], torch.full_like(x[b], math.nan), x[b])
            known = self.examples.get((part, row))
            if known is not None:
                both = ~torch.isnan(known) & ~torch.isnan(now)
                self.compare.holds(f"x/{name} (row {row} has changed)", bool((known[both] == now[both]).all()))
                if cuts:
                    cut = int((torch.isnan(now[0]) & ~torch.isnan(known[0])).sum())
                    self.compare.holds(f"x/{name} (row {row}: more cut out than its holes cover)", cut <= most[b])
                now = torch.where(torch.isnan(now), known, now)
            if cuts:
                self.compare.holds(f"x/{name} (row {row}: no hole)", int(hidden[b][0].sum()) >= least[b])
            self.examples[part, row] = now

    def areas(self, values, image):
        """Pixels that the holes of each example cover at most, and at least: of a hole at a corner half of each side lies
        within the image."""
        most = least = torch.zeros(len(values), dtype=values.dtype)
        for options in self.cutouts:
            holes, length = (self.whole(options[key], values) for key in ("holes", "length"))
            most = most + holes * length**2
            sides = [torch.ceil(length / 2).clamp(max=side) for side in image]
            least = torch.maximum(least, torch.where(holes > 0, sides[0] * sides[1], torch.zeros_like(length)))
        return most, least

    def whole(self, text, values):
        names = self.space.names
        value = values[:, names.index(text)] if text in names else torch.full_like(values[:, 0], float(text))
        return torch.floor(value).clamp(min=0)

    def check_frequencies(self):
        """Noise has mean 0 and variance 1; units are kept as often as the rates say, whatever was kept a step before."""
        if self.noise:
            noise = torch.cat(self.noise)
            count = len(noise)
            self.compare.holds("noise (mean)", abs(float(noise.mean())) <= SIGMAS / math.sqrt(count))
            self.compare.holds("noise (variance)",
                               abs(float(noise.pow(2).mean()) - 1) <= SIGMAS * math.sqrt(2 / count) + 20 / count)
        self.compare.holds("dropout (frequency)", abs(self.kept) <= SIGMAS * math.sqrt(self.kept_variance) + SIGMAS)
        self.compare.holds("dropout (drawn anew)", abs(self.again) <= SIGMAS * math.sqrt(self.again_variance) + SIGMAS)

    def check_start(self, parameters, buffers):
        """What a run begins with: hyperparameters at their starts, weights within their bounds, no response yet."""
        compare, space = self.compare, self.space
        for i, (name, options) in enumerate((self.config.get("hyperparameters") or {}).items()):
            natural = space.hypers[i].transform(space.lambda_[i], space.hypers[i].low, space.hypers[i].high)
            compare.same(f"lambda of {name}", natural, float(options["start"]))
            compare.same(f"scale of {name}", space.sigma()[i], float(options.get("scale", 1)))
        for layer in self.network.every:
            if isinstance(layer, BatchNorm):
                for key, tree, value in (("gamma", parameters, 1), ("beta", parameters, 0),
                                         ("running_mean", buffers, 0), ("running_variance", buffers, 1)):
                    if tree is buffers or layer.owner_of(key) == layer.index:
                        compare.holds(f"{layer.index}/{key}", bool((tree[f"{layer.index}/{key}"] == value).all()))
            if isinstance(layer, Map):
                self.check_map(layer, parameters)

    def check_map(self, layer, parameters):
        """Kaiming-uniform: within 1/√inputs; U and V (structured), or Θ (full) zero."""
        compare = self.compare
        if layer.owner_of("general_weight") == layer.index:
            self.check_weight(layer, parameters[f"{layer.index}/general_weight"])
        zero = ("hyper",) if self.network.response == "structured" else ("response_weight", "response_bias")
        for name in zero:
            values = parameters.get(f"{layer.index}/{name}")
            compare.holds(f"{layer.index}/{name} (zero)", values is None or bool((values == 0).all()))

    def check_weight(self, layer, weight):
        compare, kind = self.compare, layer.options.get("init", "kaiming")
        outputs, weight = weight.numel() / weight.shape[1], weight.flatten(1)
        bound = (1 + 1e-6) / math.sqrt(weight.shape[1])
        if kind == "zero":
            compare.holds(f"{layer.index}/general_weight (zero)", bool((weight == 0).all()))
        elif kind == "he":  # normal, of variance 2/(outputs · places of the kernel)
            count, spread = weight.numel(), float(weight.pow(2).mean()) * outputs / 2
            compare.holds(f"{layer.index}/general_weight (variance)",
                          abs(spread - 1) <= SIGMAS * math.sqrt(2 / count) + 20 / count)
        elif kind == "orthogonal":
            short = weight if len(weight) <= weight.shape[1] else weight.T
            compare.same(f"{layer.index}/general_weight (orthogonal)", short @ short.T,
                         torch.eye(len(short), dtype=weight.dtype))
        else:
            compare.holds(f"{layer.index}/general_weight (bound)", float(weight.abs().max()) <= bound)
