"""The layers and regularizers of retrace.py for networks that read words: importing it adds them to its tables.

A batch of words has T time steps of each of B examples; a data row is a step, and row b T + t is step t of example b,
whose hyperparameters and z it has.
"""
import torch
import torch.nn.functional as F

from retrace_layers import LAYERS, REGULARIZERS, Layer, Linear, Map, Quantity, Unsupported, rate_of


class Embedding(Map):
    """y = W_g[t] + (U z) ⊙ W_r[t], or with the full response W_g[t] + Σ_j z_j W_j[t]. `dropout` drops whole words
    wherever they stand in a batch, each example at its own rate; looking the word `padding` up trains no weight."""

    def __init__(self, index, options, model):
        super().__init__(index, options, model)
        self.weight_dropout = rate_of(options, "dropout", model.names)
        self.dropped, self.start = "words", 0.1
        padding = int(options.get("padding", -1))
        self.padding = padding if padding >= 0 else None

    def factors(self, p, z):
        return z @ self.parameter(p, "hyper").T, None

    def rows(self, weight):
        return weight.T

    def __call__(self, words, p):
        factor = p.factors.get(f"{self.index}/words") if p.training and self.weight_dropout else None
        kept = 1 if factor is None else factor.gather(1, words).reshape(-1, 1)
        words = words.flatten()
        y = self.look_up(self.parameter(p, "general_weight"), words)
        if p.z is not None:
            weight, z = self.parameter(p, "response_weight"), p.spread(p.z, len(y))
            if self.model.response == "full":
                y = y + torch.einsum("rj,jro->ro", z, torch.stack([self.look_up(w, words) for w in weight]))
            else:
                y = y + self.factors(p, z)[0] * self.look_up(weight, words)
        return kept * y

    def look_up(self, weight, words):
        return F.embedding(words, weight, padding_idx=self.padding)


class Lstm(Layer):
    """Gates in the order forget, input, output, cell: with p = i2h(x_t) + h2h(h_{t−1}), both response maps of 4 H outputs,
    c_t = σ(p_f) c_{t−1} + σ(p_i) tanh(p_c) and h_t = σ(p_o) tanh(c_t). h and c go on from batch to batch as numbers: no
    derivative goes back beyond a batch."""

    def __init__(self, index, options, model):
        super().__init__(index, options, model)
        inner = {key: value for key, value in options.items() if key != "weight_dropout"}
        self.i2h, self.h2h = Linear(index, inner, model, "i2h_"), Linear(index, options, model, "h2h_")

    def maps(self):
        return [self.i2h, self.h2h]

    def share(self, names):
        super().share(names)
        for map_ in self.maps():
            map_.owner, map_.borrowed = self.owner, self.borrowed

    def __call__(self, x, p):
        inputs, examples = self.i2h(x, p), len(p.values)
        inputs = inputs.reshape(examples, -1, inputs.shape[1])
        zero = torch.zeros(examples, inputs.shape[2] // 4, dtype=x.dtype)
        h, c = (p.states.get(f"{self.index}/{name}", zero) for name in "hc")
        outputs = []
        for t in range(inputs.shape[1]):
            forget, take, show, cell = (inputs[:, t] + self.h2h(h, p)).chunk(4, 1)
            c = torch.sigmoid(forget) * c + torch.sigmoid(take) * torch.tanh(cell)
            h = torch.sigmoid(show) * torch.tanh(c)
            outputs.append(h)
        p.left.update({f"{self.index}/h": h.detach(), f"{self.index}/c": c.detach()})
        return torch.stack(outputs, 1).flatten(0, 1)


class Decoder(Linear):
    """A linear layer to all words, whose weight may be an embedding's."""


class Activations:
    """ar: strength · mean(o²); tar: strength · mean((o_{t+1} − o_t)²), of a layer's output o, means over steps and units,
    and in the end over examples. Linearized: of o + ȯ, which is what the pass then has as tapped."""

    def __init__(self, options, model, train_rows):
        self.strength = Quantity(options["strength"], model.names)
        name = options.get("tap", "~")
        layers = [model.by_name[name]] if name != "~" else [l for l in model.every if isinstance(l, Lstm)][-1:]
        if not layers:
            raise Unsupported("ar or tar of a network without an lstm that names no layer")
        self.layer = layers[0].index
        model.taps.add(self.layer)

    def __call__(self, p, epsilon=None):
        o = p.tapped[self.layer].flatten(1)
        o = o.reshape(len(p.values), -1, o.shape[1])
        return self.strength.of(p.values) * self.mean(o)


class Ar(Activations):
    def mean(self, o):
        return o.pow(2).mean((1, 2))


class Tar(Activations):
    def mean(self, o):
        return (o[:, 1:] - o[:, :-1]).pow(2).mean((1, 2)) if o.shape[1] > 1 else torch.zeros_like(o[:, 0, 0])


LAYERS.update(embedding=Embedding, lstm=Lstm, decoder=Decoder)
REGULARIZERS.update(ar=Ar, tar=Tar)
