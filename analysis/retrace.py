#!/usr/bin/env python3
"""Computes the training steps of a trace again, independently of dstn, and compares every quantity.

Usage: retrace.py TRACE.h5... [--tolerance REL]

A trace is what `dstn trace` writes. From the config's text, the starting values, the examples and what was drawn
(noise, dropout factors, the order of rows; augmentation is drawn again) alone, every step is computed again in double precision with PyTorch,
from the paper's equations; this program carries its own state from step to step. The first quantity that parts is
named, `FILE step NNNN QUANTITY REL_ERR`. Exit code 0: all agree within the tolerance (1e-9, or 1e-4 where the trace's
model is f32); 1: they don't; 2: usage, or something in the config that this program doesn't know.

rel_err = ‖got − want‖ / max(‖want‖, floor), where the floor is a thousandth of the norm of all gradients of the pass
for one of them (and of all moments of a kind for one of those), else 1e-12.
"""
import argparse
import math
import os
import sys

import needs

needs.check("h5py", "torch", "yaml")

import h5py
import torch
import yaml

from retrace_compare import TOLERANCE, Comparison, Parted, norm, number, text_of, tree
from retrace_layers import GENERAL, Kinks, Network, Pass, Unsupported
from retrace_state import DOUBLE, Optimizer, Schedule, Space
from retrace_draws import Draws
from retrace_streams import Text
import retrace_text  # adds the layers of texts


MOST_KINKS = 16
CLIPPED = ("general", "response", "lambda", "scale")  # an objective of both kinds of weights counts as general


class Method:
    """The method's name and switches, as objectives (Sec. 3)."""

    def __init__(self, config):
        name = config.get("method", "delta-stn")
        has = {"stn": 0, "stn-centered": 1, "stn-centered-split": 2, "delta-stn": 3}.get(name, 0)
        switches = ("centered", "split_objective", "linearize")
        self.centered, self.split, self.linearize = (
            has > i if config.get(key, "auto") == "auto" else config[key] == "true" for i, key in enumerate(switches))
        self.tunes = name not in ("fixed", "fixed-perturbed")
        self.perturbs = name != "fixed"
        self.name = ["stn", "stn-centered", "stn-centered-split", "delta-stn"][
            self.centered + self.split + self.linearize] if self.tunes else name
        if not self.tunes:
            self.train = ["perturbed_general" if self.perturbs else "delta_general"]
        elif self.split:
            self.train = ["delta_general",
                          "delta_response_linearized" if self.linearize else "delta_response_nonlinear"]
        else:
            self.train = ["centered_train" if self.centered else "stn_train"]
        self.valid = "delta_valid" if self.centered else "stn_valid"


class Replay:
    def __init__(self, file, comparison):
        self.file, self.compare = file, comparison
        self.config = yaml.load(text_of(file, "config"), yaml.BaseLoader)
        config, start = self.config, file["start"]
        self.method, self.train = Method(config), config["train"]
        comparison.holds("method", text_of(file, "method") == self.method.name)
        self.train_rows, self.valid_rows = int(file.attrs["train_rows"]), int(file.attrs["valid_rows"])
        self.space = Space(config.get("hyperparameters") or {}, number(start["lambda"]), number(start["raw_scale"]))
        if int(config["optimizer"].get("average_after", 0)) > 0:
            raise Unsupported("optimizer.average_after: means of weights")
        names = self.space.names
        self.network = Network(config["model"], config.get("regularizers"), names, self.train_rows)
        self.parameters, self.buffers = tree(start["params"]), tree(start.get("buffers"))
        self.step, self.hyper_step = (int(start["progress"][name][0]) for name in ("step", "hyper_step"))
        self.batch = int(self.train.get("batch", 128))
        self.text = Text(file, config, self.batch, comparison) if "text" in file else None
        if self.text:
            self.batches, self.valid_batch = self.text["train"].batches, self.text["valid"].count
        else:
            self.batches = self.train_rows // self.batch  # of an epoch
            valid_batch = int(self.train.get("valid_batch", 0))
            self.valid_batch = valid_batch if valid_batch > 0 else min(self.batch, self.valid_rows)
        self.entropy_weight = float(self.train.get("entropy_weight", 0))
        self.samples = int(self.train.get("samples", 1)) if self.method.perturbs else 1
        tuned = any(hyper.tunes_scale for hyper in self.space.hypers)
        self.valid_samples = self.samples if tuned else 1  # without noise they would be the same
        self.warmup = max(int(self.train.get("warmup", 0)), int(self.train.get("warmup_epochs", 0)) * self.batches)
        self.epoch_loss = float(start["progress"]["epoch_loss"][0]) if "epoch_loss" in start["progress"] else 0.0
        words = start["progress"]["epoch_words"][:].tolist() if "epoch_words" in start["progress"] else [0.0, 0.0]
        self.epoch_words = words  # Σ T · loss and Σ T of the epoch's batches of a text
        self.losses = {"train_loss": math.nan, "response_loss": math.nan, "hyper_loss": math.nan}  # the last ones
        self.clipped = dict(zip(CLIPPED, start["progress"]["clipped"][:].tolist()))  # updates so far
        pixels = [file["data"][name][:] for name in ("mean", "std")] if "data" in file else None
        self.draws = Draws(config, self.space, self.network, comparison, pixels)
        self.follows = isinstance(config.get("schedule"), dict)  # another run's record has λ
        self.read_optimizers(start)

    def keys(self, is_general):
        return [key for key in self.parameters if key.endswith(GENERAL) == is_general]

    def read_optimizers(self, start):
        config, state = self.config, start["optimizer"]
        self.optimizers, self.schedules = {}, {}
        sections = {"general": ("optimizer", "sgd"), "response": ("optimizer", "sgd")}
        if self.method.tunes:
            sections.update({"lambda": ("hyper_optimizer", "rmsprop"), "scale": ("hyper_optimizer", "rmsprop")})
        for range_, (section, default) in sections.items():
            count = sum(key.startswith("moment-") for key in state[range_])
            moments = [state[range_][f"moment-{k}"] for k in range(count)]
            moments = [tree(m) if isinstance(m, h5py.Group) else {"": number(m)} for m in moments]
            self.optimizers[range_] = Optimizer(config[section], default, moments, int(state[range_]["time"][0]),
                                                float(state[range_]["rate"][0]))
        for section, ranges, name in (("optimizer", ("general", "response"), "schedule"),
                                      ("hyper_optimizer", ("lambda", "scale"), "hyper_schedule")):
            if ranges[0] in self.optimizers:
                memory = state[name]["memory"][:] if name in state else None
                self.schedules[ranges] = Schedule(config[section], memory)

    # ---- the sequence of steps ----

    def run(self):
        self.compare.where = "start"
        if self.step == 0:
            self.draws.check_start(self.parameters, self.buffers)
            if self.text:
                self.text.check_start()
            self.check_start_of_optimizers()
        pending = 0
        for name in sorted(self.file["steps"], key=int):
            group = self.file["steps"][name]
            self.compare.where = f"step {name}"
            self.compare.holds("kind", text_of(group, "kind") == ("hyper" if pending else "train"))
            if pending:
                pending -= 1
                self.take_hyper_step(group)
            else:
                self.take_train_step(group)
                pending = self.hyper_steps_due()
            for key, mine in (("step", self.step), ("hyper_step", self.hyper_step), ("epoch", self.step // self.batches)):
                self.compare.holds(key, int(group.attrs[key]) == mine)
            if not pending and self.step % self.batches == 0:
                self.end_epoch()
        self.compare.where = "end"
        self.compare.holds("hyper steps that are due", pending == 0)
        self.draws.check_frequencies()
        self.check_end(self.file["end"])

    def check_start_of_optimizers(self):
        for range_, optimizer in self.optimizers.items():
            self.compare.same(f"optimizer/{range_}/rate", optimizer.rate, float(optimizer.options["rate"]))
            self.compare.holds(f"optimizer/{range_}/time", optimizer.time == 0)
            for k, moments in enumerate(optimizer.moments):
                self.compare.holds(f"optimizer/{range_}/moment-{k}", all(bool((m == 0).all()) for m in moments.values()))
        for schedule in self.schedules.values():
            self.compare.holds("optimizer/schedule/memory", schedule.best == math.inf and schedule.waited == 0)

    def hyper_steps_due(self):
        """T_valid of them after every T_train training steps, once warm-up is over."""
        after = self.step - self.warmup
        due = self.method.tunes and after > 0 and after % int(self.train.get("train_steps", 5)) == 0
        return int(self.train.get("valid_steps", 1)) if due else 0

    def shards(self, rows):
        """Rows of each rank, where batch statistics are local."""
        ranks = int(self.file.attrs["ranks"])
        return [rows // ranks + (r < rows % ranks) for r in range(ranks)] if self.network.local else None

    # ---- passes ----

    def pass_of(self, values, z, factors=None, training=False, kinks=None, parameters=None, states=None):
        return Pass(self.parameters if parameters is None else parameters, self.buffers, values, z, training, factors,
                    self.shards(len(values)), kinks, states)

    def target(self, group, rows=None):
        """Of the first rows, or of all."""
        if "labels" in group:
            return torch.as_tensor(group["labels"][:rows]).long().flatten()
        return number(group["targets"])[:rows]

    def begin_batch(self, part, group, position):
        """A text's words, and what layers have kept; examples are each pass's own."""
        self.words, self.states = None, None
        if self.text:
            self.words, _, self.states = self.text[part].next(group, position)

    def end_batch(self, part, p):
        if self.text:
            self.text[part].states = p.left

    def check_rows(self, part, group, batch, samples, epoch):
        if not self.text:
            self.draws.check_rows(part, group["rows"][:], batch, samples, epoch)

    def input(self, group, name):
        return self.words if self.text else number(group[f"x/{name}"])

    def evaluate_train(self, name, group, values, epsilon, factors, flips):
        """Loss, penalty and gradients of one training objective."""
        is_general = name in ("delta_general", "perturbed_general")
        wanted = self.keys(True) if is_general else self.keys(False)
        if not self.method.split and not is_general:
            wanted = list(self.parameters)
        parameters = {key: w.clone().requires_grad_(key in wanted) for key, w in self.parameters.items()}
        kinks = Kinks(0.1 * self.compare.tolerance)
        kinks.flips = flips
        z = None if is_general else self.space.lambda_ + epsilon if name == "stn_train" else epsilon
        p = self.pass_of(values, z, factors, True, kinks, parameters, self.states)
        x, result = self.input(group, name), {"kinks": kinks, "pass": p}
        along = None
        if name == "delta_response_linearized":
            along = epsilon
            output, result["tangent"] = self.network.linearized(x, p, epsilon)
        else:
            output = self.network.output(x, p)
        prediction = output + result.get("tangent", 0)
        loss, penalty = self.network.loss(prediction, self.target(group, len(values))), self.network.penalty(p, along)
        total, gradients = loss + penalty, [None] * len(wanted)
        if total.requires_grad:
            gradients = torch.autograd.grad(total, [parameters[key] for key in wanted], allow_unused=True)
        result["gradients"] = {key: torch.zeros_like(self.parameters[key]) if g is None else g
                               for key, g in zip(wanted, gradients)}
        return {**result, "output": output, "loss": loss, "penalty": penalty}

    def settle_kinks(self, evaluate, error_of):
        """evaluate(flips) at the sides that it takes by itself, or, where the gradients then part and some units are
        within rounding of a kink, at those sides of theirs that agree best."""
        result = evaluate(frozenset())
        error, flips = error_of(result), set()
        candidates = sorted(result["kinks"].candidates.items(), key=lambda item: item[1])[:MOST_KINKS]
        for unit, _ in candidates:
            if error <= self.compare.tolerance:
                break
            other = evaluate(frozenset(flips | {unit}))
            if error_of(other) < 0.9 * error:
                flips, result, error = flips | {unit}, other, error_of(other)
        return result

    def train_objective(self, name, group, epsilon):
        compare = self.compare
        rows = self.batch if name == "delta_general" else self.batch * self.samples
        at = self.space.lambda_.expand(rows, -1)
        values = self.space.values(at if name == "delta_general" else at + epsilon)
        compare.same(f"values/{name}", number(group[f"values/{name}"]), values)
        factors = tree(group.get(f"dropout/{name}"))
        self.draws.check_dropout(name, factors, values)
        if not self.text:
            plain = number(group["plain"])[:rows] if "plain" in group else None
            self.draws.check_x(name, number(group[f"x/{name}"]), group["rows"][:rows], number(group[f"values/{name}"]),
                               plain, self.step)
        expected = tree(group.get(f"grad/{name}"))

        def gradient_error(result):
            mine = result["gradients"]
            if set(mine) != set(expected):
                return math.inf
            return max([compare.error(expected[k], mine[k], 1e-3 * norm(mine.values())) for k in mine], default=0)

        result = self.settle_kinks(
            lambda flips: self.evaluate_train(name, group, values, epsilon, factors, flips), gradient_error)
        compare.same(f"output/{name}", number(group[f"output/{name}"]), result["output"])
        if "tangent" in result:
            compare.same("tangent", number(group["tangent"]), result["tangent"])
        compare.same(f"loss/{name}", number(group[f"loss/{name}"]), result["loss"])
        compare.same(f"penalty/{name}", number(group[f"penalty/{name}"]), result["penalty"])
        compare.trees(f"grad/{name}", expected, result["gradients"])
        return result

    # ---- a training step ----

    def take_train_step(self, group):
        self.check_rows("train", group, self.batch, self.samples, self.step // self.batches)
        self.begin_batch("train", group, self.step)
        epsilon = torch.zeros(self.batch, 0, dtype=DOUBLE)
        if self.method.perturbs:
            epsilon = self.perturbation(group, self.batch, self.samples, is_valid=False)
        results = [self.train_objective(name, group, epsilon) for name in self.method.train]
        self.network.track(results[0]["pass"], self.buffers)  # split: the general pass alone
        self.end_batch("train", results[0]["pass"])
        totals = [float(result["loss"] + result["penalty"]) for result in results]
        self.epoch_loss += totals[0]
        steps = self.words.shape[1] if self.text else 0
        self.epoch_words = [self.epoch_words[0] + steps * float(results[0]["loss"]), self.epoch_words[1] + steps]
        self.losses.update(train_loss=totals[0], response_loss=totals[1] if len(totals) > 1 else math.nan)
        self.step += 1
        self.compare.same("rate", number(group["rate"]), self.optimizers["general"].rate)
        gradients = [result["gradients"] for result in results]
        for of_objective in gradients:
            own = "general" if set(of_objective) & set(self.keys(True)) else "response"
            factor = self.clip(own, of_objective.values())
            for range_, is_general in (("general", True), ("response", False)):
                mine = {key: self.parameters[key] for key in self.keys(is_general) if key in of_objective}
                if mine:
                    self.optimizers[range_].step(mine, of_objective, factor)
        self.compare_space(group)

    def clip(self, range_, gradients):
        """What the gradients of an objective are multiplied by: one norm for all of them."""
        factor = self.optimizers[range_].factor(gradients)
        self.clipped[range_] += factor < 1
        return factor

    def perturbation(self, group, examples, samples, is_valid):
        noise = number(group["noise"])
        self.draws.check_noise(noise, examples, samples, is_valid)
        epsilon = self.space.sigma() * noise
        self.compare.same("epsilon", number(group["epsilon"]), epsilon)
        return epsilon

    def compare_space(self, group):
        if self.follows:
            self.space.lambda_ = number(group["lambda"])
        self.compare.same("lambda", number(group["lambda"]), self.space.lambda_)
        self.compare.same("raw_scale", number(group["raw_scale"]), self.space.raw_scale)

    # ---- a hyperparameter step ----

    def evaluate_valid(self, group, noise, flips):
        """L_V at λ + ε, and the gradients of L_V − τH in λ and raw_scale: λ enters through z alone, and centred, λ_0 is
        held constant. Whole network in evaluation mode."""
        lambda_ = self.space.lambda_.clone().requires_grad_()
        raw_scale = self.space.raw_scale.clone().requires_grad_()
        shifted = lambda_ + self.space.sigma(raw_scale) * noise
        z = shifted - self.space.lambda_ if self.method.centered else shifted
        kinks = Kinks(0.1 * self.compare.tolerance)
        kinks.flips = flips
        name = self.method.valid
        p = self.pass_of(self.space.values(shifted.detach()), z, kinks=kinks, states=self.states)
        output = self.network.output(self.input(group, name), p)
        loss = self.network.loss(output, self.target(group))
        objective = loss - self.entropy_weight * self.space.entropy(raw_scale)
        dz, at_lambda, at_scale = torch.autograd.grad(objective, [z, lambda_, raw_scale], allow_unused=True)
        tuned = torch.tensor([hyper.tunes_scale for hyper in self.space.hypers], dtype=DOUBLE)
        zero = torch.zeros_like(self.space.lambda_)
        return {"kinks": kinks, "pass": p, "values": p.values, "output": output, "loss": loss,
                "dz": torch.zeros_like(noise) if dz is None else dz,
                "lambda": zero if at_lambda is None else at_lambda,
                "raw_scale": tuned * (zero if at_scale is None else at_scale)}

    def take_hyper_step(self, group):
        compare, name = self.compare, self.method.valid
        epoch = self.hyper_step // (self.valid_rows // self.valid_batch)  # of examples
        self.check_rows("valid", group, self.valid_batch, self.valid_samples, epoch)
        self.begin_batch("valid", group, self.hyper_step)
        self.perturbation(group, self.valid_batch, self.valid_samples, is_valid=True)
        noise, dz = number(group["noise"]), number(group[f"dz/{name}"])
        if not self.text:
            self.draws.check_x(name, number(group[f"x/{name}"]), group["rows"][:])
        result = self.settle_kinks(lambda flips: self.evaluate_valid(group, noise, flips),
                                   lambda result: compare.error(dz, result["dz"]))
        compare.same(f"values/{name}", number(group[f"values/{name}"]), result["values"])
        compare.same(f"output/{name}", number(group[f"output/{name}"]), result["output"])
        compare.same(f"loss/{name}", number(group[f"loss/{name}"]), result["loss"])
        compare.same(f"penalty/{name}", number(group[f"penalty/{name}"]), 0.0)
        compare.same(f"dz/{name}", dz, result["dz"])
        gradients = {"lambda": result["lambda"], "raw_scale": result["raw_scale"]}
        compare.trees("grad", {key: number(group[f"grad/{key}"]) for key in gradients}, gradients)
        compare.same("rate", number(group["rate"]), self.optimizers["lambda"].rate)
        for range_, values, gradient in (("lambda", self.space.lambda_, result["lambda"]),
                                         ("scale", self.space.raw_scale, result["raw_scale"])):
            self.optimizers[range_].step({"": values}, {"": gradient}, self.clip(range_, [gradient]))
        self.end_batch("valid", result["pass"])
        self.hyper_step += 1
        self.losses["hyper_loss"] = float(result["loss"])
        self.compare_space(group)

    # ---- the end of an epoch, and of the trace ----

    def end_epoch(self):
        epochs = self.step // self.batches
        name = f"{epochs:04d}"
        choice = self.train.get("evaluate", "auto")
        needed = (any(schedule.name == "plateau" for schedule in self.schedules.values())
                  or self.config.get("checkpoint_best") == "true" or self.network.loss_name == "cross_entropy")
        evaluates = choice == "true" or (choice == "auto" and needed)
        self.compare.where = f"epoch {name}"
        self.compare.holds("evaluation", evaluates == (name in self.file.get("epochs", {})))
        valid_loss = math.nan
        if evaluates:
            valid_loss, accuracy = self.evaluate_valid_part()
            recorded = self.file["epochs"][name].attrs
            self.compare.same("train_loss", recorded["train_loss"], self.epoch_loss / self.batches)
            self.compare.same("valid_loss", recorded["valid_loss"], valid_loss)
            self.compare.same("rate", recorded["rate"], self.optimizers["general"].rate)
            if self.network.loss_name == "cross_entropy":
                self.compare.same("valid_accuracy", recorded["valid_accuracy"], accuracy)
        self.epoch_loss, self.epoch_words = 0, [0.0, 0.0]
        for ranges, schedule in self.schedules.items():
            rate = schedule.next(epochs, self.optimizers[ranges[0]].rate, valid_loss)
            for range_ in ranges:
                self.optimizers[range_].rate = rate

    def evaluate_valid_part(self):
        """L_V(λ, r(λ)) and the part that is classified rightly: centred, r(λ) is the general weights; otherwise z = λ."""
        def output(x, states=None):
            at = self.space.lambda_.expand(len(x), -1)
            p = self.pass_of(self.space.values(at), at if takes_z else None, states=states)
            return self.network.output(x, p), p.left

        takes_z = self.method.tunes and not self.method.centered
        with torch.no_grad():
            if self.text:
                return self.text["valid"].evaluate(output, self.network.loss)
            part = self.file["valid"]
            self.compare.holds("valid/x (rows)", len(part["x"]) == self.valid_rows)
            outputs, target = output(number(part["x"]))[0], self.target(part)
            right = outputs.flatten(1).argmax(1) == target if "labels" in part else torch.zeros(self.valid_rows)
            return float(self.network.loss(outputs, target)), float(right.to(DOUBLE).mean())

    def check_end(self, end):
        compare = self.compare
        compare.trees("params", tree(end["params"]), self.parameters)
        compare.trees("buffers", tree(end.get("buffers")), self.buffers)
        if self.text:
            self.text.check_end(end, compare)
        compare.same("lambda", number(end["lambda"]), self.space.lambda_)
        compare.same("raw_scale", number(end["raw_scale"]), self.space.raw_scale)
        for range_, optimizer in self.optimizers.items():
            state = end["optimizer"][range_]
            compare.same(f"optimizer/{range_}/time", number(state["time"]), optimizer.time)
            compare.same(f"optimizer/{range_}/rate", number(state["rate"]), optimizer.rate)
            for k, moments in enumerate(optimizer.moments):
                item = state[f"moment-{k}"]
                got = tree(item) if isinstance(item, h5py.Group) else {"": number(item)}
                compare.trees(f"optimizer/{range_}/moment-{k}", got, moments)
        for ranges, schedule in self.schedules.items():
            name = "schedule" if ranges[0] == "general" else "hyper_schedule"
            if schedule.name == "plateau":
                memory = number(end["optimizer"][name]["memory"])
                mine = torch.tensor([schedule.best, schedule.waited], dtype=DOUBLE)
                no_epoch = torch.isinf(mine)  # the best loss before the first epoch's end
                compare.holds(f"optimizer/{name}/memory", bool((torch.isinf(memory) == no_epoch).all()))
                compare.same(f"optimizer/{name}/memory", memory[~no_epoch], mine[~no_epoch])
        for name, mine in {"step": self.step, "hyper_step": self.hyper_step, **self.losses}.items():
            got = number(end["progress"][name])
            compare.same(f"progress/{name}", torch.nan_to_num(got, nan=-1.0), -1.0 if math.isnan(mine) else mine)
        compare.same("progress/clipped", number(end["progress"]["clipped"]), list(self.clipped.values()))
        if "epoch_loss" in end["progress"]:
            compare.same("progress/epoch_loss", number(end["progress"]["epoch_loss"]), self.epoch_loss)
        if "epoch_words" in end["progress"]:
            compare.same("progress/epoch_words", number(end["progress"]["epoch_words"]), self.epoch_words)


def retrace(path, tolerance):
    """Whether a trace agrees; prints one line."""
    with h5py.File(path, "r") as file:
        if "steps" not in file or text_of(file, "precision") not in TOLERANCE:
            raise Unsupported("this is no trace; `dstn trace` writes them")
        comparison = Comparison(tolerance or TOLERANCE[text_of(file, "precision")])
        try:
            Replay(file, comparison).run()
        except Parted as parted:
            print(f"{path} {parted}", flush=True)
            return False
        except KeyError as missing:
            print(f"{path} {comparison.where} is incomplete: {missing.args[0]}", flush=True)
            return False
        error, where = comparison.worst
        print(f"{path} agrees: {len(file['steps'])} steps, {comparison.count} quantities, at most {error:.1e} ({where})",
              flush=True)
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("traces", nargs="+", metavar="TRACE.h5")
    parser.add_argument("--tolerance", type=float, help="default: 1e-9 for f64, 1e-4 for f32")
    arguments = parser.parse_args()
    agree = True
    for path in arguments.traces:
        try:
            agree = retrace(path, arguments.tolerance) and agree
        except (OSError, Unsupported) as problem:
            print(f"{os.path.basename(sys.argv[0])}: {path}: {problem}", file=sys.stderr)
            sys.exit(2)
    sys.exit(not agree)


if __name__ == "__main__":
    main()
