"""Holds retrace.py's embedding, LSTM, decoder, ar and tar against the numbers of lstm_7h.h5, which neither it nor dstn
computed: outputs, tangent, losses and gradients of all objectives. In that implementation looking the last word up trains
no weight. python3 lstm.py ANALYSIS FIXTURE.h5"""
import sys

import h5py
import torch

sys.path.insert(0, sys.argv[1])
import retrace
import retrace_layers

NAMES = {"elem_weight_raw": "general_weight", "elem_bias": "general_bias", "hnet_weight_raw": "response_weight",
         "hnet_bias": "response_bias", "hnet_tensor_to_scalars.weight": "hyper"}
LAYERS = [{"embedding": {"name": "words", "out": "12", "padding": "39"}}, {"lstm": {"out": "12"}}, {"lstm": {"out": "12"}},
          {"decoder": {"share": {"general_weight": "words"}}}]
TOLERANCE = 1e-9


def key_of(name):
    """The fixture's name of a parameter → LAYER/NAME."""
    kind, _, rest = name.partition(".")
    if kind == "encoder":
        return {"elem_embedding.weight": "0/general_weight", "hnet_embedding.weight": "0/response_weight",
                "hnet_tensor_to_scalars.weight": "0/hyper"}[rest]
    if kind == "decoder":
        return "3/general_bias"
    layer, product, own = rest.split(".", 2)
    return f"{int(layer) + 1}/{product}_{NAMES[own]}"


def tree(group):
    return {key_of(name): torch.as_tensor(item[()]) for name, item in group.items()}


def error(got, want, floor=1e-12):
    return float((got.reshape(-1) - want.reshape(-1)).norm()) / max(float(want.norm()), floor)


class Fixture:
    def __init__(self, file):
        self.file, self.worst, self.count = file, 0.0, 0
        strengths = {"ar": {"strength": str(file.attrs["alpha_AR"])}, "tar": {"strength": str(file.attrs["beta_TAR"])}}
        self.lambda_, self.raw_scale, self.noise = (torch.as_tensor(file[f"hyper/{name}"][()])
                                                    for name in ("lambda", "raw_scale", "noise"))
        self.network = retrace_layers.Network({"layers": LAYERS, "loss": "cross_entropy"}, strengths, [], 1)
        self.words, self.labels = (torch.as_tensor(file[f"input/{name}"][()]).T for name in ("tokens", "target"))
        self.states = {f"{layer + 1}/{name}": torch.as_tensor(file[f"input/{name}{layer}"][()])
                       for layer in range(2) for name in "hc"}

    def compare(self, what, got, want, floor=1e-12):
        off = error(got, torch.as_tensor(want), floor)
        self.count += 1
        self.worst = max(self.worst, off)
        if not off <= TOLERANCE:
            sys.exit(f"{what}: {off:.3e}")

    def rows(self, array):
        """The fixture's rows are step by step, ours example by example."""
        examples, steps = self.words.shape
        return torch.as_tensor(array[()]).reshape(steps, examples, -1).transpose(0, 1)

    def check(self, name):
        group, parameters = self.file["expect"][name], tree(self.file["params"])
        training = not name.endswith("valid")
        lambda_, raw_scale = self.lambda_.clone().requires_grad_(), self.raw_scale.clone().requires_grad_()
        epsilon = torch.nn.functional.softplus(raw_scale) * self.noise
        z = {"delta_general": None, "stn_train": lambda_ + epsilon, "stn_valid": lambda_ + epsilon}.get(
            name, lambda_ + epsilon - self.lambda_)
        wanted = tree(group["grad"]) if training else {}
        for key in wanted:
            parameters[key].requires_grad_()
        p = retrace_layers.Pass(parameters, {}, torch.zeros(len(self.words), 0, dtype=torch.float64), z, training,
                                states=self.states)
        if name == "delta_response_linearized":
            output, tangent = self.network.linearized(self.words, p, z.detach())
            self.compare(f"{name} tangent", tangent, self.rows(group["tangent"]))
        else:
            output, tangent = self.network.output(self.words, p), 0
        self.compare(f"{name} output", output, self.rows(group["output"]))
        loss = self.network.loss(output + tangent, self.labels.flatten())
        if training:
            loss = loss + self.network.penalty(p, epsilon)
        else:
            space = retrace.Space({}, self.lambda_, self.raw_scale)
            loss = loss - self.file.attrs["entropy_weight"] * space.entropy(raw_scale)
        self.compare(f"{name} loss", loss, group["loss"][()])
        if not training:
            gradients = torch.autograd.grad(loss, [lambda_, raw_scale])
            self.compare(f"{name} grad_lambda", gradients[0], group["grad_lambda"][()])
            self.compare(f"{name} grad_raw_scale", gradients[1], group["grad_raw_scale"][()])
            return
        gradients = torch.autograd.grad(loss, [parameters[key] for key in wanted])
        floor = 1e-3 * torch.cat([want.flatten() for want in wanted.values()]).norm()
        for (key, want), got in zip(wanted.items(), gradients):
            self.compare(f"{name} grad {key}", got, want, floor)


with h5py.File(sys.argv[2], "r") as file:
    fixture = Fixture(file)
    for name in file["expect"]:
        fixture.check(name)
    print(f"{fixture.count} quantities, at most {fixture.worst:.1e}")
