"""What was drawn in a trace, held against what it should look like: retrace.py takes draws from the file, and only
their form can be checked: where they repeat and where they may not, their frequencies, which numbers can occur."""
import math

import torch

from retrace_augment import augmented
from retrace_layers import BatchNorm, Dropout
from retrace_text import Decoder, Embedding

SIGMAS = 6  # a frequency further off than this isn't chance


class Draws:
    def __init__(self, config, space, network, comparison, pixels=None):
        """pixels: mean and std by which bytes were normalized, None where examples are numbers."""
        self.config, self.space, self.network, self.compare = config, space, network, comparison
        self.is_text = any(isinstance(layer, Embedding) for layer in network.every)
        self.seen, self.noise = set(), []      # of all steps
        self.kept = self.kept_variance = 0.0   # Σ k, k = kept − (1 − p), and its variance
        self.again = self.again_variance = 0.0  # Σ k k' with k' of the step before, likewise
        self.before = {}                       # (pass, layer): k' and the rates then
        self.epochs = {}                       # part: (epoch, rows that it has had)
        self.examples = {}                     # row: its example, before augmentation
        self.pairs = config["train"].get("antithetic", "false") == "true"  # row r + half has −ε of row r, and its draws
        self.pixels, self.seed = pixels, int(config.get("seed", 0))

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
        """0 or 1/(1 − rate); one for a whole channel where it says so, and for all steps of a sequence where it doesn't
        say otherwise; weights and words are dropped once for the whole batch."""
        layers = {str(layer.index): layer for layer in self.network.every if isinstance(layer, Dropout)}
        weights = {f"{owner.index}/{owner.dropped}": owner for layer in self.network.every
                   for owner in layer.droppers() if owner.weight_dropout}
        self.compare.holds(f"dropout/{name} (layers)", set(factors) == set(layers) | set(weights))
        for index, layer in layers.items():
            factor, rates = factors[index].flatten(1), layer.rates(values)
            kept = factor != 0
            full = (kept / (1 - rates)[:, None])
            self.compare.same(f"dropout/{name}/{index}", factor, full)
            if layer.per_channel:
                places = factors[index].flatten(2)
                self.compare.holds(f"dropout/{name}/{index} (per channel)", bool((places == places[..., :1]).all()))
                kept, factor = places[..., 0] != 0, places[..., 0]
            if self.is_text and not layer.each_step:
                steps = factors[index]
                self.compare.holds(f"dropout/{name}/{index} (all steps alike)", bool((steps == steps[:, :1]).all()))
                kept = steps[:, 0] != 0
            if self.pairs and name != "delta_general":
                kept, rates = self.check_pairs(f"dropout/{name}/{index}", kept, rates)
            self.count_kept((name, index), kept.to(rates.dtype) - (1 - rates)[:, None], rates * (1 - rates))
        for key, owner in weights.items():
            rates, factor = owner.weight_dropout.of(values).clamp(0, 0.999), factors[key]
            if not isinstance(owner, Embedding):
                self.compare.holds(f"dropout/{name}/{key} (one rate)", bool((rates == rates[0]).all()))
                factor, rates = factor[None], rates[:1]
            kept = factor.flatten(1) != 0
            self.compare.same(f"dropout/{name}/{key}", factor, kept / (1 - rates[:, None]))
            below = (rates <= rates[0])[:, None]  # one draw for all examples: who drops less has all that others have
            self.compare.holds(f"dropout/{name}/{key} (one draw)",
                               bool(torch.where(below, kept | ~kept[:1], kept[:1] | ~kept).all()))
            kept, rate = kept[:1], rates[:1]
            self.count_kept((name, key), kept.to(rate.dtype) - (1 - rate), rate * (1 - rate))

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

    def check_x(self, name, x, rows, values=None, plain=None, step=None):
        """A row's examples are the same wherever they are seen, but for augmentation of training ones: that of `plain`
        examples with these hyperparameters is computed again."""
        part = "valid" if values is None else "train"
        augments = part == "train" and bool(self.config.get("augment"))
        self.compare.holds(f"x/{name} (plain)", augments == (plain is not None))
        examples = plain if augments else x
        for b, row in enumerate(rows.tolist()):
            known = self.examples.setdefault((part, row), examples[b])
            self.compare.holds(f"x/{name} (row {row} has changed)", bool((known == examples[b]).all()))
        if augments:
            self.compare.same(f"x/{name}", x, self.augmented(name, plain.numpy(), values.numpy(), step))

    def augmented(self, name, plain, values, step):
        """Images [B, C, H, W] as a pass sees them. Of pairs both have one draw."""
        mean, std = (number.reshape(-1, 1, 1) if self.pixels else None for number in self.pixels or (None, None))
        drawn = len(plain) // 2 if self.pairs and name != "delta_general" else len(plain)
        images = []
        for b, image in enumerate(plain):
            if self.pixels:
                levels = (image * std + mean) * 255
                self.compare.holds(f"plain (bytes of example {b})", bool(abs(levels - levels.round()).max() < 0.01))
                image = levels.round().astype("u1")
            image = augmented(image.transpose(1, 2, 0), self.config["augment"], self.space.names, values[b], self.seed,
                              step, b % drawn, self.normalized)
            images.append(torch.as_tensor(image.transpose(2, 0, 1).copy()))
        return torch.stack(images)

    def normalized(self, image):
        """[H, W, C]; bytes go from 0 to 1."""
        return (image / 255 - self.pixels[0]) / self.pixels[1] if self.pixels else image

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
            for map_ in layer.maps():
                self.check_weights(map_, parameters, map_.prefix)

    def check_weights(self, layer, parameters, prefix):
        """Kaiming-uniform, within 1/√inputs, or of an embedding within its bound; U and V (structured), or Θ (full)
        zero."""
        compare, bound = self.compare, layer.start
        name = f"{layer.index}/{prefix}"
        if layer.owner_of(prefix + "general_weight") == layer.index:
            weight = parameters[name + "general_weight"]
            if bound is None:
                self.check_weight(layer, name, weight)
            else:
                compare.holds(f"{name}general_weight (bound)", float(weight.abs().max()) <= (1 + 1e-6) * bound)
        zero = ("hyper",) if self.network.response == "structured" else ("response_weight", "response_bias")
        zero += ("general_bias",) if isinstance(layer, Decoder) else ()
        for parameter in zero:
            values = parameters.get(name + parameter)
            compare.holds(f"{name}{parameter} (zero)", values is None or bool((values == 0).all()))

    def check_weight(self, layer, name, weight):
        compare, kind = self.compare, layer.options.get("init", "kaiming")
        outputs, weight = weight.numel() / weight.shape[1], weight.flatten(1)
        bound = (1 + 1e-6) / math.sqrt(weight.shape[1])
        if kind == "zero":
            compare.holds(f"{name}general_weight (zero)", bool((weight == 0).all()))
        elif kind == "he":  # normal, of variance 2/(outputs · places of the kernel)
            count, spread = weight.numel(), float(weight.pow(2).mean()) * outputs / 2
            compare.holds(f"{name}general_weight (variance)",
                          abs(spread - 1) <= SIGMAS * math.sqrt(2 / count) + 20 / count)
        elif kind == "orthogonal":
            short = weight if len(weight) <= weight.shape[1] else weight.T
            compare.same(f"{name}general_weight (orthogonal)", short @ short.T,
                         torch.eye(len(short), dtype=weight.dtype))
        else:
            compare.holds(f"{name}general_weight (bound)", float(weight.abs().max()) <= bound)
