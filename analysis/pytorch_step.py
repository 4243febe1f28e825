#!/usr/bin/env python3
"""One STN or Delta-STN training step of a network of jobs/models in PyTorch, to time beside `dstn bench`.

Usage: pytorch_step.py --model mlp|simple-cnn|alexnet|vgg16|resnet18|lstm --method stn|delta-stn [--batch B] [--threads N]
       [--steps N] [--width W] [--hyper N] [--tangent double-backward|explicit] [--dstn PATH] [--rounds N] | --check

A step is what `dstn bench` times: a mini-batch of bytes is gathered and normalized, noise and dropout masks are drawn
(every example has its own perturbed rates), both passes of Delta-STN (one of STN) run, and SGD with momentum updates
general and response weights. The predictions y + J_yw Δw of Delta-STN's response pass come from two backward passes in
a row, as the method's authors take them, or with `--tangent explicit` from a tangent that is carried along the forward
pass by hand, the fewest products that PyTorch can do it with. `--check` compares both with finite differences. The
network is built from the same file as dstn's, `--width` narrows both, and `--hyper N` gives both N more hyperparameters
that no layer uses, as augmentations have them. The language model, lstm, is in pytorch_lstm.py: its step takes 70 words
of 40 streams, with the settings of jobs/lstm-ptb.yaml. With --dstn, blocks of PyTorch's steps alternate with runs of `dstn bench`, with the same threads.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import needs

RATE_HIGH, RATE_START = 0.95, 0.05
LEARNING_RATE, MOMENTUM = 0.01, 0.9
MODELS = pathlib.Path(__file__).resolve().parent.parent / "jobs" / "models"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=["mlp", "simple-cnn", "alexnet", "vgg16", "resnet18", "lstm"],
                        default="mlp")
    parser.add_argument("--method", choices=["stn", "delta-stn"], default="delta-stn")
    parser.add_argument("--batch", type=int, help="default: 128, of lstm 40 streams")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--width", type=float, default=1, help="multiplies the outputs of all layers but the last")
    parser.add_argument("--hyper", type=int, default=0, help="hyperparameters more, which no layer uses")
    parser.add_argument("--steps", type=int, default=40, help="timed steps of PyTorch, over all rounds")
    parser.add_argument("--tangent", choices=["double-backward", "explicit"], default="double-backward")
    parser.add_argument("--dstn", help="the program to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="blocks of steps")
    parser.add_argument("--check", action="store_true", help="compare gradients with finite differences; no timing")
    found = parser.parse_args()
    found.batch = found.batch or (40 if found.model == "lstm" else 128)
    return found


args = arguments()
# Both have to know before the libraries are loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(args.threads)
needs.check("torch", "yaml")

import torch
import torch.nn.functional as F
import yaml

import pytorch_lstm

# ---- layers: each maps (x, ẋ, z) to (y, ẏ); ẋ is None where no tangent is carried ----


class Response:
    """y = W x + b + (U z) ⊙ (W_r x) + (V z) ⊙ b_r, for a linear layer or (stride not None) a convolution."""

    def __init__(self, shape, hypers, stride=None, padding=0, init="kaiming"):
        places = shape[2] * shape[3] if stride is not None else 1
        bound = (shape[1] * places) ** -0.5
        self.stride, self.padding = stride, padding
        if init == "he":
            self.weight, self.response_weight = (torch.randn(shape) * (2 / (shape[0] * places)) ** 0.5 for _ in range(2))
        else:
            self.weight, self.response_weight = (torch.empty(shape).uniform_(-bound, bound) for _ in range(2))
        self.bias, self.response_bias = (torch.empty(shape[0]).uniform_(-bound, bound) for _ in range(2))
        self.hyper = torch.zeros(2 * shape[0], hypers)
        self.general = [self.weight, self.bias]
        self.response = [self.response_weight, self.response_bias, self.hyper]

    def map(self, x, weight, bias=None):
        if self.stride is None:
            return F.linear(x, weight, bias)
        return F.conv2d(x, weight, bias, stride=self.stride, padding=self.padding)

    def term(self, x, z):
        """The part of the output that depends on z."""
        factors = F.linear(z, self.hyper)
        if self.stride is not None:
            factors = factors[:, :, None, None]
        s, t = factors.chunk(2, dim=1)
        bias = self.response_bias if self.stride is None else self.response_bias[:, None, None]
        return s * self.map(x, self.response_weight) + t * bias

    def __call__(self, x, tangent, z, rates, carries):
        y = self.map(x, self.weight, self.bias)
        if carries:
            slope = self.term(x, z)
            return y, slope if tangent is None else slope + self.map(tangent, self.weight)
        return (y if z is None else y + self.term(x, z)), None


class BatchNorm:
    """γ x̂ + β by the statistics of the batch, through which the tangent goes too; the running ones move in the pass
    that trains γ and β."""

    def __init__(self, channels):
        self.gamma, self.beta = torch.ones(channels), torch.zeros(channels)
        self.mean, self.variance = torch.zeros(channels), torch.ones(channels)
        self.general, self.response = [self.gamma, self.beta], []

    def __call__(self, x, tangent, z, rates, carries):
        running = (self.mean, self.variance) if self.gamma.requires_grad else (None, None)
        y = F.batch_norm(x, *running, self.gamma, self.beta, training=True, momentum=0.1, eps=1e-5)
        if tangent is None:
            return y, None
        variance, mean = torch.var_mean(x, (0, 2, 3), unbiased=False, keepdim=True)
        rate = (variance + 1e-5).rsqrt()
        centred = (x - mean) * rate
        along = (centred * tangent).mean((0, 2, 3), keepdim=True)
        slope = tangent - tangent.mean((0, 2, 3), keepdim=True) - centred * along
        return y, self.gamma[:, None, None] * rate * slope


class Residual:
    """The sum of what a list of layers and a shortcut make of the same input; an empty shortcut is the identity."""

    def __init__(self, layers, shortcut):
        self.branches = (layers, shortcut)
        self.general, self.response = ([p for branch in self.branches for layer in branch for p in getattr(layer, kind)]
                                       for kind in ("general", "response"))

    def __call__(self, x, tangent, z, rates, carries):
        (y, slope), (short, short_slope) = (through(branch, x, tangent, z, rates, carries) for branch in self.branches)
        slopes = [part for part in (slope, short_slope) if part is not None]
        return y + short, sum(slopes[1:], slopes[0]) if slopes else None


class Pattern:
    """A layer without parameters; its tangent takes the pattern of the primal."""

    def __init__(self, forward, tangent):
        self.forward, self.tangent = forward, tangent
        self.general = self.response = []

    def __call__(self, x, tangent, z, rates, carries):
        y, kept = self.forward(x, rates)
        return y, None if tangent is None else self.tangent(tangent, kept)


def dropout(index, per_channel=False):
    """Inverted dropout at rate rates[b, index]."""

    def forward(x, rates):
        rate = rates[:, index].view(-1, *[1] * (x.dim() - 1))
        shape = (*x.shape[:2], 1, 1) if per_channel else x.shape
        mask = torch.rand(shape, dtype=x.dtype).ge(rate) / (1 - rate)
        return x * mask, mask

    return Pattern(forward, torch.mul)


def relu():
    def forward(x, rates):
        y = torch.relu(x)
        return y, y

    return Pattern(forward, lambda tangent, y: tangent * (y > 0))


def max_pool(size):
    def forward(x, rates):
        return F.max_pool2d(x, size, return_indices=True)

    def tangent(v, at):
        return v.flatten(2).gather(2, at.flatten(2)).view(at.shape)

    return Pattern(forward, tangent)


def flatten():
    return Pattern(lambda x, rates: (x.flatten(1), None), lambda tangent, kept: tangent.flatten(1))


def average_pool():
    return Pattern(lambda x, rates: (x.mean((2, 3), keepdim=True), None),
                   lambda tangent, kept: tangent.mean((2, 3), keepdim=True))


def through(layers, x, tangent, z, rates, carries):
    for layer in layers:
        x, tangent = layer(x, tangent, z, rates, carries)
    return x, tangent


class Net:
    def __init__(self, hypers, layers):
        self.hypers, self.layers = hypers, layers
        self.general = [p.requires_grad_() for layer in layers for p in layer.general]
        self.response = [p.requires_grad_() for layer in layers for p in layer.response]

    def __call__(self, x, z, rates, carries=False):
        return through(self.layers, x, None, z, rates, carries)


class Builder:
    """Layers from the lists of a model's file."""

    def __init__(self, model, width=1, inert=0):
        self.model, self.width = model, width
        self.names = list(dict.fromkeys(self.rates_of(model["layers"])))
        self.hypers = len(self.names) + inert
        self.last = [e for e in model["layers"] if isinstance(e, dict) and "out" in next(iter(e.values()))][-1]

    def rates_of(self, layers):
        for entry in layers:
            kind, options = self.read(entry)
            if kind == "dropout":
                yield options["rate"]
            for branch in ("layers", "shortcut"):
                yield from self.rates_of(options.get(branch, []))

    @staticmethod
    def read(entry):
        return (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))

    def outputs(self, entry, options):
        """Rounded as dstn does it, half away from zero."""
        return options["out"] if entry is self.last else max(1, int(self.width * options["out"] + 0.5))

    def build(self, layers, shape):
        built = []
        for entry in layers:
            layer, shape = self.layer(entry, *self.read(entry), shape)
            built.append(layer)
        return built, shape

    def layer(self, entry, kind, options, shape):
        """A layer and the shape of its output."""
        if kind == "linear":
            out = self.outputs(entry, options)
            return Response((out, shape[0]), self.hypers, init=options.get("init", "kaiming")), (out,)
        if kind == "conv":
            out, kernel, stride, padding = (self.outputs(entry, options), options["kernel"], options.get("stride", 1),
                                            options.get("padding", 0))
            layer = Response((out, shape[0], kernel, kernel), self.hypers, stride, padding, options.get("init", "kaiming"))
            return layer, (out, *((side + 2 * padding - kernel) // stride + 1 for side in shape[1:]))
        if kind == "residual":
            main, out = self.build(options["layers"], shape)
            return Residual(main, self.build(options.get("shortcut", []), shape)[0]), out
        if kind == "maxpool":
            size = options.get("size", 2)
            return max_pool(size), (shape[0], *(side // size for side in shape[1:]))
        if kind == "flatten":
            return flatten(), (torch.Size(shape).numel(),)
        if kind == "avgpool":
            return average_pool(), (shape[0], 1, 1)
        if kind == "batchnorm":
            return BatchNorm(shape[0]), shape
        if kind == "relu":
            return relu(), shape
        if kind == "dropout":
            return dropout(self.names.index(options["rate"]), options.get("per") == "channel"), shape
        sys.exit(f"this program has no layer {kind}")


def net_of(model, width=1, inert=0):
    builder = Builder(model, width, inert)
    return Net(builder.hypers, builder.build(model["layers"], model["input"])[0])


def model_of(name):
    return yaml.safe_load((MODELS / f"{name}.yaml").read_text())


# ---- steps ----


def frozen(net):
    """The same network with general weights that no gradient flows to."""
    for p in net.general:
        p.requires_grad_(False)


def linearized(net, x, epsilon, rates, tangent):
    """y + J_yw Δw at Δw = Θε, the tangent alone depending on the response's weights."""
    if tangent == "explicit":
        y, slope = net(x, epsilon, rates, carries=True)
        return y.detach() + slope
    # Δw is linear in z, so J_yw Δw is the derivative of y at z = 0 in the direction ε: one backward pass from a dummy v
    # gives vᵀ ∂y/∂z, which is linear in v, and a backward pass of that the product with ε.
    z = torch.zeros_like(epsilon, requires_grad=True)
    y, _ = net(x, z, rates)
    v = torch.zeros_like(y, requires_grad=True)
    (pulled,) = torch.autograd.grad(y, z, v, create_graph=True)
    (slope,) = torch.autograd.grad(pulled, v, epsilon, create_graph=True)
    return y.detach() + slope


def response_gradients(net, x, labels, epsilon, rates, tangent):
    """Eq. 3.10, linearized."""
    frozen(net)
    loss = F.cross_entropy(linearized(net, x, epsilon, rates, tangent), labels)
    gradients = torch.autograd.grad(loss, net.response)
    for p in net.general:
        p.requires_grad_()
    return gradients


class Trainer:
    def __init__(self, net, shape, batch, method, tangent):
        rows = 16 * batch
        self.net, self.batch, self.method, self.tangent = net, batch, method, tangent
        self.bytes = torch.randint(0, 256, (rows, *shape), dtype=torch.uint8)
        self.labels = torch.randint(0, 10, (rows,))
        self.lam = torch.full((net.hypers,), RATE_START / RATE_HIGH).logit()
        self.sigma = torch.ones(net.hypers)
        self.order = iter(())
        self.optimizer = torch.optim.SGD(net.general + net.response, lr=LEARNING_RATE, momentum=MOMENTUM)

    def next_batch(self):
        rows = next(self.order, None)
        if rows is None:
            self.order = iter(torch.randperm(len(self.labels)).split(self.batch))
            rows = next(self.order)
        return (self.bytes[rows].float() / 255 - 0.1307) / 0.3081, self.labels[rows]

    def rates(self, epsilon):
        return RATE_HIGH * torch.sigmoid(self.lam + epsilon)

    def step(self):
        net = self.net
        x, labels = self.next_batch()
        epsilon = torch.randn(self.batch, net.hypers) * self.sigma
        parameters = net.general + net.response
        if self.method == "stn":
            y, _ = net(x, self.lam + epsilon, self.rates(epsilon))
            gradients = torch.autograd.grad(F.cross_entropy(y, labels), parameters)
        else:
            y, _ = net(x, None, self.rates(torch.zeros_like(epsilon)))
            gradients = torch.autograd.grad(F.cross_entropy(y, labels), net.general)
            gradients += response_gradients(net, x, labels, epsilon, self.rates(epsilon), self.tangent)
        for p, gradient in zip(parameters, gradients):
            p.grad = gradient
        self.optimizer.step()


# ---- the check ----


def relative(got, want):
    got, want = (torch.cat([t.flatten() for t in ts]) for ts in (got, want))
    return float((got - want).norm() / want.norm())


def check_net(name, net, x, labels):
    """The linearized gradient against central differences of the loss at y + Δy, Δy itself a central difference."""
    for p in net.response:
        p.data = torch.randn_like(p) * min(0.3, 4 / len(net.response))
    epsilon = torch.randn(len(x), net.hypers)
    rates = RATE_HIGH * torch.sigmoid(epsilon - 1)

    def masks():
        torch.manual_seed(7)  # the same dropout masks in every pass

    def difference_loss(step=1e-5):
        outputs = []
        for a in (0, step, -step):
            masks()
            outputs.append(net(x, a * epsilon, rates)[0])
        return F.cross_entropy(outputs[0] + (outputs[1] - outputs[2]) / (2 * step), labels)

    directions = [[torch.randn_like(p) for p in net.response] for _ in range(6)]

    def slope(direction, step=1e-4):
        values = []
        for a in (step, -2 * step):
            for p, d in zip(net.response, direction):
                p.data += a * d
            values.append(difference_loss().detach())
        for p, d in zip(net.response, direction):
            p.data += step * d
        return (values[0] - values[1]) / (2 * step)

    want = torch.stack([slope(d) for d in directions])
    found = {}
    for tangent in ("double-backward", "explicit"):
        masks()
        found[tangent] = response_gradients(net, x, labels, epsilon, rates, tangent)
        got = torch.stack([sum((g * d).sum() for g, d in zip(found[tangent], direction)) for direction in directions])
        error = relative([got], [want])
        print(f"{name} {tangent} against finite differences: {error:.1e}")
        assert error < 1e-5, error
    error = relative(found["double-backward"], found["explicit"])
    print(f"{name} double-backward against explicit: {error:.1e}")
    assert error < 1e-12, error


SMALL = """
input: [3, 8, 8]
layers:
  - dropout: {rate: one, per: channel}
  - conv: {out: 4, kernel: 3, padding: 1, stride: 2}
  - batchnorm
  - relu
  - residual:
      layers: [conv: {out: 6, kernel: 3, padding: 1, init: he}, batchnorm, relu, conv: {out: 6, kernel: 1}, batchnorm]
      shortcut: [conv: {out: 6, kernel: 1}, batchnorm]
  - residual: {layers: [maxpool: {size: 1}, dropout: {rate: two, per: channel}]}
  - maxpool: {size: 2}
  - avgpool
  - flatten
  - linear: {out: 10}
"""


def check():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    labels = torch.randint(0, 10, (9,))
    for name, width in ("mlp", 0.01), ("simple-cnn", 0.2), ("alexnet", 0.02), ("vgg16", 0.03), ("resnet18", 0.03):
        model = model_of(name)
        check_net(name, net_of(model, width, 1), torch.randn(9, *model["input"]), labels)
    model = yaml.safe_load(SMALL)
    check_net("small residual", net_of(model), torch.randn(9, *model["input"]), labels)
    pytorch_lstm.check()


# ---- timing ----


def time_block(trainer, steps):
    seconds = []
    for _ in range(steps):
        start = time.perf_counter()
        trainer.step()
        seconds.append(time.perf_counter() - start)
    return seconds


def run_dstn():
    is_text = args.model == "lstm"
    file, width = (MODELS.parent / "lstm-ptb.yaml", "model.width") if is_text else (MODELS / f"{args.model}.yaml", "width")
    command = [args.dstn, "bench", str(file), "--set", f"{width}={args.width}", "--method", args.method, "--batch",
               str(args.batch), "--json", *(["--hyper", str(args.hyper)] if args.hyper else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip() or f"{args.dstn} ended with {done.returncode}")
    return json.loads(done.stdout)


def trainer_of(model):
    if args.model == "lstm":
        units = int(args.width * model["layers"][0]["embedding"]["out"] + 0.5)
        net = pytorch_lstm.Net(units=units, hypers=len(pytorch_lstm.NAMES) + args.hyper)
        return pytorch_lstm.Trainer(net, args.batch, args.method, args.tangent)
    return Trainer(net_of(model, args.width, args.hyper), model["input"], args.batch, args.method, args.tangent)


def main():
    if args.check:
        check()
        return
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    trainer = trainer_of(model_of(args.model))
    time_block(trainer, min(3, args.steps))
    seconds, found = [], []
    rounds = min(args.rounds, args.steps)
    for r in range(rounds):
        seconds += time_block(trainer, args.steps // rounds + (r < args.steps % rounds))
        if args.dstn:
            found.append(run_dstn())
    median = statistics.median(seconds)
    print(f"torch_version {torch.__version__}\nthreads {torch.get_num_threads()}\nsteps {len(seconds)}")
    print(f"torch_seconds_per_step {median:.6g}\ntorch_seconds_per_step_best {min(seconds):.6g}")
    if found:
        own = statistics.median(f["seconds_per_step"] for f in found)
        print(f"dstn_backend {found[0]['backend']}\ndstn_threads {found[0]['threads']}")
        print(f"dstn_seconds_per_step {own:.6g}")
        best = min(f["seconds_per_step_best"] for f in found)
        print(f"dstn_seconds_per_step_best {best:.6g}")
        print(f"dstn_fraction_of_peak {statistics.median(f['fraction_of_peak'] for f in found):.4g}")
        print(f"ratio {median / own:.4g}\nratio_best {min(seconds) / best:.4g}")


if __name__ == "__main__":
    main()
