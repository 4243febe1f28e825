"""What retrace.py carries from step to step beside the network: hyperparameters, optimizers and their schedules."""
import math

import torch
import torch.nn.functional as F

from retrace_layers import Unsupported, boolean

DOUBLE = torch.float64


def sigmoid(u, low, high):
    return low + (high - low) * torch.sigmoid(u)


# App. F: the fixed maps from R to a range.
TRANSFORMS = {
    "sigmoid": sigmoid,
    "softplus": lambda u, low, high: low + F.softplus(u, threshold=1000),
    "softplus-below": lambda u, low, high: high - F.softplus(u, threshold=1000),
    "identity": lambda u, low, high: u,
    "exp": lambda u, low, high: torch.exp(u),
}


class Hyper:
    def __init__(self, options):
        text = options.get("range", ["-.inf", ".inf"])
        self.low, self.high = (float(end.replace(".inf", "inf")) for end in text)
        name = options.get("transform", "auto")
        if name == "auto":
            bounded = math.isfinite(self.low), math.isfinite(self.high)
            name = {(True, True): "sigmoid", (True, False): "softplus", (False, True): "softplus-below",
                    (False, False): "identity"}[bounded]
        self.transform = TRANSFORMS[name]
        self.discrete = boolean(options.get("discrete", "false"))
        self.per_batch = boolean(options.get("per_batch", "false"))
        self.tunes_scale = boolean(options.get("tune_scale", "true"))

    def value(self, u):
        natural = self.transform(u, self.low, self.high)
        return torch.floor(natural + 1e-6) if self.discrete else natural


class Space:
    """λ and raw_scale [h]; ε = softplus(raw_scale) ⊙ noise."""

    def __init__(self, section, lambda_, raw_scale):
        self.names = list(section or {})
        self.hypers = [Hyper(options) for options in (section or {}).values()]
        self.lambda_, self.raw_scale = lambda_.clone(), raw_scale.clone()

    def sigma(self, raw_scale=None):
        return F.softplus(self.raw_scale if raw_scale is None else raw_scale, threshold=1000)

    def values(self, u):
        """Natural values of u [B, h]."""
        columns = [hyper.value(u[:, i]) for i, hyper in enumerate(self.hypers)]
        return torch.stack(columns, 1) if columns else u

    def entropy(self, raw_scale):
        """Σ log(σ √(2πe))."""
        return (torch.log(self.sigma(raw_scale)) + 0.5 * math.log(2 * math.pi * math.e)).sum()


class Optimizer:
    """Of a range of parameters {key: tensor}, which it updates in place. Moments are {key: tensor}, zero at the start.
    sgd: m ← μm + g, w ← w − αm. rmsprop: s ← βs + (1−β)g², w ← w − αg/(√s + e). adam: bias-corrected."""

    MOMENTS = {"sgd": 1, "rmsprop": 1, "adam": 2}

    def __init__(self, section, default_name, moments, time, rate):
        name = section.get("name", "~")
        self.name = default_name if name in ("~", "null", "") else name
        if self.name not in self.MOMENTS:
            raise Unsupported(f"optimizer {self.name}")
        self.options, self.moments, self.time, self.rate = section, moments, time, rate
        self.clip = float(section.get("clip", ".inf").replace(".inf", "inf"))

    def option(self, key, default):
        return float(self.options.get(key, default))

    def factor(self, gradients):
        """What a gradient is multiplied by, so that its norm is at most `clip`."""
        norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
        return self.clip / norm if norm > self.clip else 1.0

    def step(self, parameters, gradients, factor):
        self.time += 1
        for key, w in parameters.items():
            w -= self.rate * self.direction(key, factor * gradients[key])

    def direction(self, key, g):
        first = self.moments[0][key]
        if self.name == "sgd":
            momentum = self.option("momentum", 0)
            return first.mul_(momentum).add_(g) if momentum > 0 else g  # without momentum, m stays unused
        if self.name == "rmsprop":
            beta = self.option("beta", 0.99)
            first.mul_(beta).add_((1 - beta) * g * g)
            return g / (first.sqrt() + self.option("epsilon", 1e-8))
        beta1, beta2, second = self.option("beta1", 0.9), self.option("beta2", 0.999), self.moments[1][key]
        first.mul_(beta1).add_((1 - beta1) * g)
        second.mul_(beta2).add_((1 - beta2) * g * g)
        unbiased = first / (1 - beta1**self.time), second / (1 - beta2**self.time)
        return unbiased[0] / (unbiased[1].sqrt() + self.option("epsilon", 1e-8))


class Schedule:
    """How a rate goes on at the end of an epoch: `next` returns the rate of the next one."""

    def __init__(self, section, memory):
        self.name, self.first = section.get("schedule", "constant"), float(section["rate"])
        self.options = section
        self.best, self.waited = (math.inf, 0) if memory is None else (float(memory[0]), float(memory[1]))
        if self.name not in ("constant", "step", "plateau"):
            raise Unsupported(f"schedule {self.name}")

    def next(self, epochs, rate, valid_loss):
        factor = float(self.options.get("factor", 0.1))
        if self.name == "step":
            milestones = self.options["milestones"]
            milestones = milestones if isinstance(milestones, list) else [milestones]
            return self.first * factor ** sum(int(m) <= epochs for m in milestones)
        if self.name == "plateau":
            if valid_loss < self.best:
                self.best, self.waited = valid_loss, 0
                return rate
            self.waited += 1
            if self.waited >= int(self.options.get("patience", 10)):
                self.waited = 0
                return min(rate, max(factor * rate, float(self.options.get("min_rate", 0))))
        return rate
