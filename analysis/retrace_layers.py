"""The network of retrace.py: one class a layer and one a regularizer, written from the paper's equations.

A layer is called with its input [B, ...], images channels-first, and the pass: what the examples' hyperparameters are,
which dropout factors were drawn, and the hypernetwork's input z [B, h] (None: the general weights alone). The response
of a layer (App. E; C and G) is affine in z, and everything is differentiable in z and in the parameters, so that the
tangent J_yw Δw of Sec. 3.3 is the derivative in z at z = 0 along ε, taken by `tangent`.
"""
import copy
import math

import torch
import torch.nn.functional as F

GENERAL = ("general_weight", "general_bias", "gamma", "beta")  # how parameters of w_0 end; all others are the response's
TRUE = ("true", "yes", "on")


class Unsupported(Exception):
    """The config has something that this program doesn't know."""


def boolean(text):
    return str(text).lower() in TRUE


def entry_of(entry):
    """(name, options) of one line of a list: `relu`, or `linear: {out: 10}`."""
    if isinstance(entry, dict):
        (name, options), = entry.items()
        return name, options if options else {}
    return entry, {}


class Pass:
    """What a pass knows beside its input: parameters and buffers {"LAYER/NAME": tensor}, values [B, h] in natural
    units, z [B, h] or None, dropout factors {"LAYER" or "LAYER/WEIGHT": tensor}, rows of each rank for local batch
    statistics, what layers have kept of the rows {"LAYER/NAME": tensor}, and `kinks`, which remembers the units that are
    too close to a kink to be sure of their side."""

    def __init__(self, parameters, buffers, values, z=None, training=False, factors=None, shards=None, kinks=None,
                 states=None):
        self.parameters, self.buffers, self.values, self.z = parameters, buffers, values, z
        self.training, self.factors, self.shards = training, factors or {}, shards
        self.kinks = kinks if kinks is not None else Kinks(0)
        self.states = states or {}
        self.statistics = {}  # LAYER: (mean, variance) of the batch, as the running ones take them
        self.left = {}        # "LAYER/NAME": what layers keep of the rows for the next batch
        self.tapped = {}      # LAYER: its output, where a regularizer looks at it

    def at(self, z):
        """The same pass at another z."""
        other = copy.copy(self)
        other.z, other.tapped = z, {}
        return other

    def spread(self, examples, rows):
        """[B, ...] for data rows [B T, ...]: the T steps of an example are alike."""
        return examples if len(examples) in (1, rows) else examples.repeat_interleave(rows // len(examples), 0)


class Kinks:
    """A piecewise linear layer chooses a side by comparing two numbers. Where these differ by less than the rounding
    that the tolerance allows, both sides are right. `candidates` are the choices that close, (distance, layer, unit);
    those in `flips` are made the other way round."""

    def __init__(self, window):
        self.window, self.flips, self.candidates = window, frozenset(), {}

    def choose(self, layer, margin, scale):
        """margin [...]: by how much the first side wins. Returns where it is taken."""
        first = margin > 0
        close = (margin.abs() < self.window * scale) & (margin != 0)
        for unit in torch.nonzero(close.flatten()).flatten().tolist() if self.window > 0 else ():
            self.candidates[layer, unit] = margin.flatten()[unit].abs().item() / scale
        for at, unit in self.flips:
            if at == layer:
                first.view(-1)[unit] ^= True
        return first


def rms(x):
    return max(x.detach().pow(2).mean().sqrt().item(), 1e-300)


def rate_of(options, key, names):
    """A rate that may be left out: None."""
    return Quantity(options[key], names) if options.get(key, "~") not in ("~", "null", "") else None


class Quantity:
    """A number, or a hyperparameter by name, for every example."""

    def __init__(self, text, names):
        self.index = names.index(text) if text in names else None
        self.number = None if self.index is not None else float(text)

    def of(self, values):
        if self.index is not None:
            return values[:, self.index]
        return torch.full((len(values),), self.number, dtype=values.dtype)


def tangent(function, epsilon):
    """function(z) at z = 0, and its derivative along ε: forward mode by two backward ones, since vᵀJ is linear in v."""
    z = torch.zeros_like(epsilon, requires_grad=True)
    y = function(z)
    if not y.requires_grad:
        return y, torch.zeros_like(y)
    v = torch.zeros_like(y, requires_grad=True)
    vj, = torch.autograd.grad(y, z, v, create_graph=True, allow_unused=True)
    if vj is None:
        return y, torch.zeros_like(y)
    jv, = torch.autograd.grad(vj, v, epsilon, create_graph=True)
    return y, jv


# ---- layers ----------------------------------------------------------------------------------------------------------


class Layer:
    def __init__(self, index, options, model):
        self.index, self.options, self.model = index, options, model
        self.owner = index  # whose parameters it has
        self.borrowed = {}  # but for those that it has from another, {NAME: whose}

    def owner_of(self, name):
        return self.borrowed.get(name, self.owner)

    def share(self, names):
        """Parameters of earlier layers: all of one, or {NAME: layer}."""
        if isinstance(names, dict):
            self.borrowed = {name: self.model.by_name[other].owner_of(name) for name, other in names.items()}
        else:
            other = self.model.by_name[names]
            self.owner, self.borrowed = other.owner, other.borrowed

    def parameter(self, p, name):
        return p.parameters.get(f"{self.owner_of(name)}/{name}")

    def maps(self):
        """Its response maps."""
        return []

    def droppers(self):
        """What of it may drop weights: each has a `weight_dropout`, or None, and says which weights as `dropped`."""
        return self.maps()


class Map(Layer):
    """y = W_g x + b_g + Σ_j [ s_j(z) ⊙ (W_j x) + t_j(z) ⊙ b_j ]; structured: one term, s = U z, t = V z, `hyper` being U
    over V; full: h terms, s_j = t_j = z_j. What is dropped of W is dropped of all W_j, once for the whole batch."""

    def __init__(self, index, options, model, prefix=""):
        super().__init__(index, options, model)
        self.prefix, self.dropped = prefix, prefix.rstrip("_") or "weight"
        self.start = None  # what general weights begin within; None: as `init` says
        self.weight_dropout = rate_of(options, "weight_dropout", model.names)

    def parameter(self, p, name):
        return super().parameter(p, self.prefix + name)

    def weight(self, p, name):
        """A weight as the pass has it. W_j of a full response [h, out, in, ...] are dropped alike."""
        weight = self.parameter(p, name)
        factor = p.factors.get(f"{self.index}/{self.dropped}") if p.training and self.weight_dropout else None
        return weight if weight is None or factor is None else weight * factor.reshape(weight.shape[-factor.dim():])

    def factors(self, p, z):
        """U z and V z [B, C]."""
        hyper = self.parameter(p, "hyper")
        channels = len(self.parameter(p, "general_weight"))
        return z @ hyper[:channels].T, z @ hyper[channels:].T

    def __call__(self, x, p):
        bias = self.parameter(p, "general_bias")
        y = self.product(x, self.weight(p, "general_weight"))
        shift = 0 if bias is None else bias[None]
        weight = None if p.z is None else self.weight(p, "response_weight")
        if weight is not None:
            z, bias = p.spread(p.z, len(y)), self.parameter(p, "response_bias")
            if self.model.response == "full":
                for j in range(len(weight)):
                    y = y + self.expand(z[:, j, None]) * self.product(x, weight[j])
                shift = shift + z @ bias if bias is not None else 0
            else:
                s, t = self.factors(p, z)
                y = y + self.expand(s) * self.product(x, weight)
                shift = shift + t * bias if bias is not None else 0
        return y + self.expand(shift) if torch.is_tensor(shift) else y

    def maps(self):
        return [self]

    def is_shared(self, p):
        """All its weights are another layer's, where they count."""
        names = ("general_weight", "response_weight", "hyper")
        return not any(f"{self.index}/{self.prefix}{name}" in p.parameters for name in names)

    def rows(self, weight):
        """With a row a channel, as s has it."""
        return weight.flatten(1)

    def squared_norms(self, p):
        """‖W(z_b)‖² of every example [B], biases left out."""
        w, r = self.parameter(p, "general_weight"), None if p.z is None else self.parameter(p, "response_weight")
        if r is None:
            return (w * w).sum().expand(len(p.values))
        if self.model.response == "full":
            terms = torch.cat([w.reshape(1, -1), r.flatten(1)])
            along = torch.cat([torch.ones_like(p.z[:, :1]), p.z], 1)
            return ((along @ (terms @ terms.T)) * along).sum(1)
        w, r, s = self.rows(w), self.rows(r), self.factors(p, p.z)[0]
        return (w * w).sum() + (2 * s * (w * r).sum(1) + s * s * (r * r).sum(1)).sum(1)


class Linear(Map):
    def product(self, x, weight):
        return x.flatten(1) @ weight.T

    def expand(self, channels):
        return channels

    def matrices(self, p):
        """W(z_b) of every example [B, out, in]."""
        w = self.parameter(p, "general_weight")[None].expand(len(p.values), -1, -1)
        if p.z is None:
            return w
        r = self.parameter(p, "response_weight")
        if self.model.response == "full":
            return w + torch.einsum("bj,joi->boi", p.z, r)
        return w + self.factors(p, p.z)[0][:, :, None] * r


class Conv(Map):
    def product(self, x, weight):
        return F.conv2d(x, weight, stride=int(self.options.get("stride", 1)), padding=int(self.options.get("padding", 0)))

    def expand(self, channels):
        return channels[:, :, None, None]


class Relu(Layer):
    def __call__(self, x, p):
        return x * p.kinks.choose(self.index, x.detach(), rms(x))


class MaxPool(Layer):
    """The largest of every square; what doesn't fill a square is left out."""

    def __call__(self, x, p):
        k = int(self.options.get("size", 2))
        windows = x.unfold(2, k, k).unfold(3, k, k).flatten(4)
        if k == 1:
            return windows[..., 0]
        top = windows.detach().topk(2, -1)
        first = windows.detach().argmax(-1, keepdim=True)
        second = torch.where(top.indices[..., :1] == first, top.indices[..., 1:], top.indices[..., :1])
        margin = top.values[..., 0] - top.values[..., 1]
        chosen = p.kinks.choose(self.index, torch.where(margin > 0, margin, torch.full_like(margin, math.inf)), rms(x))
        return windows.gather(-1, torch.where(chosen[..., None], first, second))[..., 0]


class AvgPool(Layer):
    def __call__(self, x, p):
        return x.mean((2, 3), keepdim=True)


class Flatten(Layer):
    def __call__(self, x, p):
        return x.flatten(1)


class Dropout(Layer):
    """Inverted dropout: a factor of 0 or 1/(1 − rate), with the example's own rate, which is held to [0, 0.999]."""

    def __init__(self, index, options, model):
        super().__init__(index, options, model)
        self.rate = Quantity(options["rate"], model.names)
        self.per_channel = options.get("per", "unit") == "channel"
        self.each_step = boolean(options.get("each_step", "false"))

    def rates(self, values):
        return self.rate.of(values).clamp(0, 0.999)

    def __call__(self, x, p):
        return x * p.factors[str(self.index)].reshape(x.shape) if p.training else x


class BatchNorm(Layer):
    """Training: moments of the mini-batch (biased variance), of each rank's rows where `batchnorm: local`; evaluation:
    running ones, which take the unbiased variance."""

    def __init__(self, index, options, model):
        super().__init__(index, options, model)
        self.epsilon, self.momentum = float(options.get("epsilon", 1e-5)), float(options.get("momentum", 0.1))

    def normalize(self, x, mean, variance, p):
        shape = [1, -1] + [1] * (x.dim() - 2)
        rate = self.parameter(p, "gamma") / torch.sqrt(variance + self.epsilon)
        return (x - mean.view(shape)) * rate.view(shape) + self.parameter(p, "beta").view(shape)

    def __call__(self, x, p):
        if not p.training:
            running = [p.buffers[f"{self.index}/{name}"] for name in ("running_mean", "running_variance")]
            return self.normalize(x, *running, p)
        dims, pieces, sums = [0] + list(range(2, x.dim())), [], [0, 0]
        for piece in x.split(p.shards) if p.shards else [x]:
            mean = piece.mean(dims)
            variance = piece.var(dims, unbiased=False)
            count, share = piece.numel() / len(mean), len(piece) / len(x)
            sums[0] += share * mean.detach()
            sums[1] += share * variance.detach() * (count / (count - 1) if count > 1 else 1)
            pieces.append(self.normalize(piece, mean, variance, p))
        p.statistics[self.index] = tuple(sums)
        return torch.cat(pieces)


class ResidualBegin(Layer):
    pass


class ResidualEnd(Layer):
    pass


class Residual(Layer):
    """y = layers(x) + shortcut(x); without a shortcut, + x."""

    def __init__(self, index, options, model):
        super().__init__(index, options, model)
        self.layers = model.read(options.get("layers") or [])
        self.shortcut = model.read(options.get("shortcut") or [])

    def __call__(self, x, p):
        return run(self.layers, x, p) + run(self.shortcut, x, p)


LAYERS = {
    "linear": Linear, "conv": Conv, "relu": Relu, "maxpool": MaxPool, "avgpool": AvgPool, "flatten": Flatten,
    "dropout": Dropout, "batchnorm": BatchNorm, "residual_begin": ResidualBegin, "residual_end": ResidualEnd,
    "residual": Residual,
}


def run(layers, x, p):
    kept = []
    for layer in layers:
        if isinstance(layer, ResidualBegin):
            kept.append(x)
        elif isinstance(layer, ResidualEnd):
            x = x + kept.pop()
        else:
            x = layer(x, p)
        if layer.index in layer.model.taps:
            p.tapped[layer.index] = x
    return x


# ---- regularizers: ½ strength_b/n ‖v(z_b)‖² of every example [B], linearized: v + v̇ inside the norm -------------------


class Penalty:
    def __init__(self, options, model, train_rows):
        self.model = model
        self.strength = Quantity(options["strength"], model.names)
        self.n = train_rows if boolean(options.get("penalty_over_n", "true")) else 1

    def __call__(self, p, epsilon=None):
        """epsilon: the pass is linearized along it."""
        return 0.5 * self.strength.of(p.values) / self.n * self.squares(p, epsilon)


class L2(Penalty):
    """v: all weights of linear and convolutional layers. They are affine in z, so that v + v̇ = v(ε)."""

    def squares(self, p, epsilon):
        p = p if epsilon is None else p.at(epsilon)
        maps = [map_ for layer in self.model.every for map_ in layer.maps() if not map_.is_shared(p)]
        return sum(map_.squared_norms(p) for map_ in maps)


class Jacobian(Penalty):
    """v: ∂y/∂x of a chain of linear layers."""

    def squares(self, p, epsilon):
        def vector(z):
            product = None
            for layer in self.model.layers:
                if not isinstance(layer, Linear):
                    raise Unsupported("jacobian of a network that is no chain of linear layers")
                matrices = layer.matrices(p.at(z))
                product = matrices if product is None else matrices @ product
            return product

        v = vector(p.z) if epsilon is None else sum(tangent(vector, epsilon))
        return v.pow(2).sum((1, 2))


REGULARIZERS = {"l2": L2, "jacobian": Jacobian}


class Network:
    """`model:` and `regularizers:` of a config."""

    def __init__(self, model, regularizers, names, train_rows):
        self.names, self.every, self.by_name, self.taps = names, [], {}, set()
        self.response, self.loss_name = model.get("response", "structured"), model.get("loss", "mse")
        self.local = model.get("batchnorm", "synchronized") == "local"
        self.layers = self.read(model["layers"])
        self.penalties = []
        for name, options in (regularizers or {}).items():
            if name not in REGULARIZERS:
                raise Unsupported(f"regularizer {name}")
            self.penalties.append(REGULARIZERS[name](options, self, train_rows))

    def read(self, entries):
        """A list of layers. `every` has them in reading order, in which a layer's number is its line: a nested entry is
        a line of its own, before its lists."""
        layers = []
        for entry in entries:
            name, options = entry_of(entry)
            if name not in LAYERS:
                raise Unsupported(f"layer {name}")
            index = len(self.every)
            self.every.append(None)
            layer = self.every[index] = LAYERS[name](index, options, self)
            if options.get("name", "~") != "~":
                self.by_name[options["name"]] = layer
            if options.get("share", "~") != "~":
                layer.share(options["share"])
            layers.append(layer)
        return layers

    def output(self, x, p):
        return run(self.layers, x, p)

    def linearized(self, x, p, epsilon):
        """y and J_yw Δw; the pass then has tapped outputs as o + ȯ, which regularizers look at."""
        def outputs(z):
            at = p.at(z)
            y = self.output(x, at)
            shapes[:] = [y.shape, *(at.tapped[layer].shape for layer in sorted(self.taps))]
            return torch.cat([y.flatten(), *(at.tapped[layer].flatten() for layer in sorted(self.taps))])

        shapes = []
        values, changes = tangent(outputs, epsilon)
        sizes = [shape.numel() for shape in shapes]
        pieces = [(a.reshape(shape), b.reshape(shape))
                  for a, b, shape in zip(values.split(sizes), changes.split(sizes), shapes)]
        p.tapped = {layer: o + change for layer, (o, change) in zip(sorted(self.taps), pieces[1:])}
        return pieces[0]

    def loss(self, prediction, target):
        """mse: half the squared error summed over outputs; both are means over examples."""
        if self.loss_name == "cross_entropy":
            return F.cross_entropy(prediction.flatten(1), target)
        return 0.5 * (prediction.flatten(1) - target.reshape(len(target), -1)).pow(2).sum() / len(target)

    def penalty(self, p, epsilon=None):
        return sum((penalty(p, epsilon).mean() for penalty in self.penalties), torch.zeros((), dtype=p.values.dtype))

    def track(self, p, buffers):
        """Running statistics after a pass that counts."""
        for index, statistics in p.statistics.items():
            for name, value in zip(("running_mean", "running_variance"), statistics):
                buffer = buffers[f"{index}/{name}"]
                buffer += self.every[index].momentum * (value - buffer)
