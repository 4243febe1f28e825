"""The language model of jobs/models/lstm.yaml for pytorch_step.py: two LSTM layers, seven hyperparameters, one STN or
Δ-STN training step. Noise, masks and the text are drawn as `dstn bench` draws them; a step clips by norm."""
import torch
import torch.nn.functional as F

WORDS, BATCH, LENGTH, UNITS = 10000, 40, 70, 650
RATE, CLIP = 30, 0.25
NAMES = ("dropout_input", "dropout_hidden", "dropout_output", "dropout_embedding", "drop_connect", "ar", "tar")
PER_BATCH = (3, 4, 5, 6)  # one perturbation for all examples
RATE_HIGH, START = 0.95, 0.05
LAYERS = 2


class Response:
    """y = W x + b + (U z) ⊙ (W_r x) + (V z) ⊙ b_r, of 4 H outputs."""

    def __init__(self, inputs, outputs, hypers):
        bound = inputs ** -0.5
        self.weight, self.response_weight = (torch.empty(outputs, inputs).uniform_(-bound, bound) for _ in range(2))
        self.bias, self.response_bias = (torch.empty(outputs).uniform_(-bound, bound) for _ in range(2))
        self.hyper = torch.zeros(2 * outputs, hypers)
        self.general = [self.weight, self.bias]
        self.response = [self.response_weight, self.response_bias, self.hyper]


class Bound:
    """A response map in one pass: its weights with what is dropped of them, side by side, and the factors of z."""

    def __init__(self, layer, z, mask=None):
        weight, response = (w if mask is None else w * mask for w in (layer.weight, layer.response_weight))
        self.layer, self.z, self.outputs = layer, z, len(weight)
        self.weight = weight if z is None else torch.cat([weight, response])
        if z is not None:
            self.scale, shift = F.linear(z, layer.hyper).chunk(2, 1)
            self.shift = shift * layer.response_bias

    def split(self, x):
        """W x + b and the response at x, over the last dimension; [B, T, in] or [B, in]."""
        y = F.linear(x, self.weight)
        if self.z is None:
            return y + self.layer.bias, None
        general, response = y.split(self.outputs, -1)
        scale, shift = (a[:, None] if x.dim() == 3 else a for a in (self.scale, self.shift))
        return general + self.layer.bias, scale * response + shift

    def __call__(self, x):
        general, response = self.split(x)
        return general if response is None else general + response

    def tangent(self, x, slope):
        """y at the general weights, and its derivative; slope: that of x, or None."""
        y, change = self.split(x)
        y = y.detach()  # the derivative alone depends on the response's weights
        return y, change if slope is None else change + F.linear(slope, self.weight[:self.outputs])


class Masks:
    """What one pass drops, inverted; `rates` [B, h] of every example, alike in a batch for words and weights."""

    def __init__(self, net, rates):
        def draw(shape, rate):
            return torch.rand(shape, dtype=rates.dtype).ge(rate) / (1 - rate)

        batch = len(rates)
        self.words = draw((net.words, 1), rates[0, 3])
        self.input, self.hidden, self.output = (draw((batch, 1, net.units), rates[:, i, None, None]) for i in range(3))
        self.connect = [draw(h2h.weight.shape, rates[0, 4]) for _, h2h in net.layers]

    def after(self, layer):
        return self.hidden if layer < LAYERS - 1 else self.output


def cell(p, c):
    forget, take, show, new = p.chunk(4, 1)
    c = torch.sigmoid(forget) * c + torch.sigmoid(take) * torch.tanh(new)
    return torch.sigmoid(show) * torch.tanh(c), c


def cell_tangent(p, c, slope, c_slope):
    """h and c, and their derivatives."""
    gates, slopes = list(p.chunk(4, 1)), slope.chunk(4, 1)
    forget, take, show, new = [torch.sigmoid(gate) for gate in gates[:3]] + [torch.tanh(gates[3])]
    old = c_slope * forget if c_slope is not None else 0
    changed = (old + slopes[0] * forget * (1 - forget) * c + slopes[1] * take * (1 - take) * new
               + slopes[3] * take * (1 - new * new))
    c = forget * c + take * new
    top = torch.tanh(c)
    return show * top, c, slopes[2] * show * (1 - show) * top + show * (1 - top * top) * changed, changed


class Net:
    def __init__(self, words=WORDS, units=UNITS, hypers=len(NAMES)):
        self.words, self.units, self.hypers = words, units, hypers
        self.embedding, self.response_embedding = (torch.empty(words, units).uniform_(-0.1, 0.1) for _ in range(2))
        self.hyper = torch.zeros(units, hypers)
        self.layers = [(Response(units, 4 * units, hypers), Response(units, 4 * units, hypers)) for _ in range(LAYERS)]
        self.bias = torch.zeros(words)
        maps = [part for layer in self.layers for part in layer]
        self.general = [self.embedding, self.bias, *(p for part in maps for p in part.general)]
        self.response = [self.response_embedding, self.hyper, *(p for part in maps for p in part.response)]
        for p in self.general + self.response:
            p.requires_grad_()

    def start(self, batch):
        return [(torch.zeros(batch, self.units), torch.zeros(batch, self.units)) for _ in range(LAYERS)]

    def bound(self, layer, z, masks):
        i2h, h2h = self.layers[layer]
        return Bound(i2h, z), Bound(h2h, z, masks.connect[layer])

    def __call__(self, words, z, masks, states):
        """Logits [B T, words], the upper layer's output [B, T, H], and the states after the last step."""
        x = (self.embedding * masks.words)[words]
        if z is not None:
            x = x + F.linear(z, self.hyper)[:, None] * (self.response_embedding * masks.words)[words]
        x, ends = x * masks.input, []
        for layer, (h, c) in enumerate(states):
            i2h, h2h = self.bound(layer, z, masks)
            inputs, outputs = i2h(x), []
            for t in range(words.shape[1]):
                h, c = cell(inputs[:, t] + h2h(h), c)
                outputs.append(h)
            top = torch.stack(outputs, 1)
            ends.append((h.detach(), c.detach()))
            x = top * masks.after(layer)
        return F.linear(x.flatten(0, 1), self.embedding, self.bias), top, ends

    def explicit(self, words, z, masks, states):
        """The same without ends, at the general weights, and the derivatives along the response at z, by hand."""
        x = (self.embedding * masks.words)[words] * masks.input
        slope = F.linear(z, self.hyper)[:, None] * (self.response_embedding * masks.words)[words] * masks.input
        for layer, (h, c) in enumerate(states):
            i2h, h2h = self.bound(layer, z, masks)
            (inputs, slopes), h_slope, c_slope = i2h.tangent(x, slope), None, None
            outputs = []
            for t in range(words.shape[1]):
                p, p_slope = h2h.tangent(h, h_slope)
                h, c, h_slope, c_slope = cell_tangent(inputs[:, t] + p, c, slopes[:, t] + p_slope, c_slope)
                outputs.append((h, h_slope))
            top, top_slope = (torch.stack(list(part), 1) for part in zip(*outputs))
            x, slope = top * masks.after(layer), top_slope * masks.after(layer)
        return (F.linear(x.flatten(0, 1), self.embedding, self.bias), top), (F.linear(slope.flatten(0, 1), self.embedding),
                                                                             top_slope)


def objective(logits, top, labels, strengths):
    """Cross-entropy, and the two regularizers of the upper layer's output, with strengths [2]."""
    changes = top[:, 1:] - top[:, :-1]
    return (F.cross_entropy(logits, labels.flatten()) + strengths[0] * top.pow(2).mean()
            + strengths[1] * changes.pow(2).mean())


def linearized(net, words, epsilon, masks, states, tangent):
    """Logits and upper output at y + J_yw Δw: see pytorch_step.linearized."""
    if tangent == "explicit":
        values, slopes = net.explicit(words, epsilon, masks, states)
    else:
        z = torch.zeros_like(epsilon, requires_grad=True)
        values = net(words, z, masks, states)[:2]
        dummies = [torch.zeros_like(value, requires_grad=True) for value in values]
        (pulled,) = torch.autograd.grad(values, z, dummies, create_graph=True)
        slopes = torch.autograd.grad(pulled, dummies, epsilon, create_graph=True)
    return [value.detach() + slope for value, slope in zip(values, slopes)]


def response_gradients(net, words, labels, epsilon, values, masks, states, tangent):
    for p in net.general:
        p.requires_grad_(False)
    loss = objective(*linearized(net, words, epsilon, masks, states, tangent), labels, values[0, 5:7])
    gradients = torch.autograd.grad(loss, net.response)
    for p in net.general:
        p.requires_grad_()
    return gradients


def clip(gradients):
    norm = torch.stack([g.norm() for g in gradients]).norm()
    factor = (CLIP / norm).clamp(max=1)
    return [factor * g for g in gradients]


class Trainer:
    def __init__(self, net, batch, method, tangent, length=LENGTH):
        self.net, self.batch, self.method, self.tangent, self.length = net, batch, method, tangent, length
        self.text = torch.randint(0, net.words, (batch, 16 * length + 1))
        start = torch.tensor([START] * net.hypers)
        self.lam = torch.where(torch.arange(net.hypers) < 5, (start / RATE_HIGH).logit(), (start / 4).logit())
        self.at, self.states = 0, net.start(batch)

    def values(self, epsilon):
        """Natural units [B, h]: rates, then strengths."""
        high = torch.tensor([RATE_HIGH] * 5 + [4] * (self.net.hypers - 5))
        return high * torch.sigmoid(self.lam + epsilon)

    def next_batch(self):
        if self.at + self.length >= self.text.shape[1]:
            self.at, self.states = 0, self.net.start(self.batch)
        piece = self.text[:, self.at:self.at + self.length + 1]
        self.at += self.length
        return piece[:, :-1], piece[:, 1:]

    def step(self):
        net = self.net
        words, labels = self.next_batch()
        epsilon = torch.randn(self.batch, net.hypers)
        epsilon[:, 3:] = epsilon[0, 3:]
        values = self.values(epsilon)
        if self.method == "stn":
            logits, top, ends = net(words, self.lam + epsilon, Masks(net, values), self.states)
            loss = objective(logits, top, labels, values[0, 5:7])
            parts = [(net.general + net.response, torch.autograd.grad(loss, net.general + net.response))]
        else:
            plain = self.values(torch.zeros_like(epsilon))
            logits, top, ends = net(words, None, Masks(net, plain), self.states)
            loss = objective(logits, top, labels, plain[0, 5:7])
            parts = [(net.general, torch.autograd.grad(loss, net.general)),
                     (net.response, response_gradients(net, words, labels, epsilon, values, Masks(net, values),
                                                       self.states, self.tangent))]
        with torch.no_grad():
            for parameters, gradients in parts:
                for p, gradient in zip(parameters, clip(gradients)):
                    p -= RATE * gradient
        self.states = ends


# ---- the check: the same passes by retrace.py's network, which is held against numbers of a third program ----

MODEL = {"loss": "cross_entropy", "layers": [
    {"embedding": {"name": "words", "out": "0", "dropout": "dropout_embedding"}}, {"dropout": {"rate": "dropout_input"}},
    {"lstm": {"out": "0", "weight_dropout": "drop_connect"}}, {"dropout": {"rate": "dropout_hidden"}},
    {"lstm": {"out": "0", "weight_dropout": "drop_connect"}}, {"dropout": {"rate": "dropout_output"}},
    {"decoder": {"share": {"general_weight": "words"}}}]}


def parameters_of(net):
    """Names as retrace.py has them."""
    named = {"0/general_weight": net.embedding, "0/response_weight": net.response_embedding, "0/hyper": net.hyper,
             "6/general_bias": net.bias}
    for line, layer in zip((2, 4), net.layers):
        for name, part in zip(("i2h", "h2h"), layer):
            for own in ("weight", "bias"):
                named[f"{line}/{name}_general_{own}"] = getattr(part, own)
                named[f"{line}/{name}_response_{own}"] = getattr(part, f"response_{own}")
            named[f"{line}/{name}_hyper"] = part.hyper
    return named


def factors_of(masks, steps):
    spread = [mask.expand(-1, steps, -1).flatten(0, 1) for mask in (masks.input, masks.hidden, masks.output)]
    return {"0/words": masks.words, "1": spread[0], "3": spread[1], "5": spread[2], "2/h2h": masks.connect[0],
            "4/h2h": masks.connect[1]}


def check():
    import retrace_text  # adds the layers
    from retrace_layers import Network, Pass

    batch, steps = 3, 5
    net = Net(words=11, units=4)
    for p in net.response:
        p.data = 0.5 * torch.randn_like(p)
    trainer = Trainer(net, batch, "stn", None, steps)
    words, labels = trainer.next_batch()
    epsilon = torch.randn(batch, net.hypers)
    epsilon[:, 3:] = epsilon[0, 3:]
    values, states = trainer.values(epsilon), [tuple(torch.randn(batch, 4) for _ in "hc") for _ in range(LAYERS)]
    masks = Masks(net, values)
    other = Network(MODEL, {"ar": {"strength": "ar"}, "tar": {"strength": "tar"}}, list(NAMES), 1)
    named = parameters_of(net)
    kept = {f"{line}/{name}": states[layer]["hc".index(name)] for layer, line in enumerate((2, 4)) for name in "hc"}

    def wanted(z, along, parameters):
        p = Pass(named, {}, values, z, True, factors_of(masks, steps), states=kept)
        prediction = sum(other.linearized(words, p, along)) if along is not None else other.output(words, p)
        return torch.autograd.grad(other.loss(prediction, labels.flatten()) + other.penalty(p, along), parameters)

    z, everything = trainer.lam + epsilon, net.general + net.response
    logits, top, _ = net(words, z, masks, states)
    found = {"stn": (torch.autograd.grad(objective(logits, top, labels, values[0, 5:7]), everything),
                     wanted(z, None, everything))}
    for tangent in ("double-backward", "explicit"):
        found[f"delta-stn {tangent}"] = (response_gradients(net, words, labels, epsilon, values, masks, states, tangent),
                                         wanted(epsilon, epsilon, net.response))
    for name, (got, want) in found.items():
        got, want = (torch.cat([g.flatten() for g in gradients]) for gradients in (got, want))
        error = float((got - want).norm() / want.norm())
        print(f"lstm {name} against retrace.py's network: {error:.1e}")
        assert error < 1e-12, error
