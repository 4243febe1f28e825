"""What the figures and the report of the paper's experiments share: which sweeps belong to which figure, and their runs.

The sweeps are those of jobs/paper; jobs/paper/run.sh puts each into a folder of its name.
"""
import functools
import os
from dataclasses import dataclass

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

import numpy as np
import pandas as pd

import dstn_record
import ledger
import networks
import toys

NETWORKS = {"fig10a": "MLP", "fig10b": "SimpleCNN", "table3": "AlexNet", "fig11": "VGG16", "fig12": "ResNet-18",
            "fig13": "LSTM", "fig14": "MLP, input dropout", "fig15a": "SimpleCNN", "fig15b": "AlexNet",
            "fig16a": "SimpleCNN", "fig16b": "AlexNet", "table4": "MLP, input dropout"}
TOYS = ("fig3-4-dropout", "fig3-4-jacobian", "fig7", "fig8", "fig9")
SEARCHES = {"grid": "grid", "random": "random", "bayesian": "Bayesian", "halving": "halving",
            "population": "population", "stn": "STN", "delta-stn": "Δ-STN"}


@dataclass(eq=False)
class Study:
    """One sweep of jobs/paper."""

    name: str      # as in jobs/paper, without -small
    folder: str    # of the sweep
    small: bool
    sweep: dstn_record.Sweep
    sessions: pd.DataFrame  # of its ledger; empty where there is none

    @property
    def job(self):
        return f"jobs/paper/{self.name}{'-small' if self.small else ''}.yaml"

    @property
    def record(self):
        return f"{os.path.basename(self.folder)}/sweep.h5"

    @property
    def network(self):
        return NETWORKS.get(self.name, self.name)

    def ranks(self):
        """Name → ranks of the group that trained the member; of one without a record, as many as most of the others."""
        recorded = {name: float(run.provenance.get("ranks", 1)) for name, run in self.sweep.runs.items()}
        usual = pd.Series(recorded, dtype=float).mode()
        return {name: recorded.get(name, usual[0] if len(usual) else 1.0) for name in self.sweep.members["name"]}

    def core_seconds(self):
        """Name → what the member cost, by the ledger; where there is none, by its record, which has no failures."""
        ranks = self.ranks()
        if self.sessions.empty:
            return {n: r.result.get("seconds", np.nan) * ranks[n] for n, r in self.sweep.runs.items()}
        seconds = (self.sessions["end"] - self.sessions["start"]).groupby(self.sessions["member"]).sum()
        return {name: seconds.get(name, 0.0) * ranks[name] for name in self.sweep.members["name"]}

    def members(self):
        """The runs of networks: networks.Member, named by what is neither method nor seed."""
        found = []
        for _, row in self.sweep.members.iterrows():
            run = self.sweep.runs.get(row["name"])
            if run is not None and networks.evaluated(run.epochs) and row["outcome"] == "done":
                found.append(networks.Member(self.network, run.provenance["method"], int(run.provenance["seed"]),
                                             row["outcome"], run))
        order = list(toys.METHODS)
        return sorted(found, key=lambda m: (order.index(m.method) if m.method in order else len(order), m.seed))


@functools.cache
def load(root, name):
    """A sweep in ROOT/NAME or ROOT/NAME-small, whichever is there (the full one first); None where neither is."""
    for suffix in ("", "-small"):
        folder = os.path.join(root, name + suffix)
        path = os.path.join(folder, "sweep.h5")
        if os.path.exists(path):
            return Study(name, folder, bool(suffix), dstn_record.load_sweep(path), ledger.sessions(folder))
    return None


def name_of_kind(kind):
    """Of a line of Table 4."""
    return toys.METHODS.get(kind, kind.replace("_", " "))


@functools.cache
def table_of_runs(study):
    """A row a member that ended, with its axes' labels: losses and accuracies at its last and best epoch, and its cost."""
    costs, rows = study.core_seconds(), []
    axes = [axis for axis in study.sweep.axes if axis not in ("method", "seed")]
    for _, member in study.sweep.members.iterrows():
        run = study.sweep.runs.get(member["name"])
        row = {"name": member["name"], **{axis: member[axis] for axis in axes}, "outcome": member["outcome"],
               "core_seconds": costs.get(member["name"], np.nan)}
        if run is not None:
            row.update(method=run.provenance["method"], seed=int(run.provenance["seed"]),
                       digest=run.result.get("digest", ""))
            row.update(measures(run))
        rows.append(row)
    return pd.DataFrame(rows)


def measures(run):
    """Losses and accuracies at the last epoch and, best_…, at that of the lowest validation loss."""
    epochs = run.epochs
    if not networks.evaluated(epochs):
        return {}
    best, numbers = epochs["valid_loss"].idxmin(), {}
    for column in (*networks.LOSSES, *networks.ACCURACIES, "valid_perplexity", "test_perplexity"):
        if column in epochs:
            numbers[column], numbers[f"best_{column}"] = epochs[column].iloc[-1], epochs[column][best]
    numbers["best_epoch"], numbers["epochs"] = epochs["epoch"][best], len(epochs)
    return numbers


def seconds_to(run, target, ranks):
    """Core-seconds of training and evaluation up to the first epoch with a validation loss of at most the target."""
    reached = run.epochs[run.epochs["valid_loss"] <= target]
    return float(reached["seconds"].iloc[0]) * ranks if len(reached) else np.inf


# ---- searches at equal cost ------------------------------------------------------------------------------------------

# Matrix products of a training step of the MLP's four layers, the first of which has no gradient of its input, with a fifth
# of a hyperparameter step (T 5/1): what a step costs wherever it runs. fixed: 3 (2); stn: 6 (4); delta-stn: 8 (5); 4 (2).
PRODUCTS = {"fixed": 3 * 3 + 2, "stn": 6 * 3 + 4 + (4 * 3 + 2) / 5, "delta-stn": 8 * 3 + 5 + (4 * 3 + 2) / 5}
COSTS = {"core_seconds": (3600, "core-hours"), "work": (1, "epochs of fixed hyperparameters, by matrix products")}


def work_of_epoch(run):
    """In epochs of the same network with fixed hyperparameters."""
    return PRODUCTS[run.provenance["method"]] / PRODUCTS["fixed"]


def own_epochs(run):
    """Of one that goes on from another's end, those that it has trained itself."""
    return int((run.epochs["step"] > float(run.provenance.get("parent_step", 0))).sum()) if len(run.epochs) else 0


def progress_of(study):
    """How a search went: a row per member that ended, in the order of the ends, with the core-seconds that the whole sweep
    had cost by then, the work in it, and the best validation loss so far, with the test loss of that member."""
    ends = study.sessions[study.sessions["outcome"].isin(["done", "diverged"])].sort_values("end")
    ranks, rows, best, work = study.ranks(), [], (np.inf, np.nan), 0.0
    for _, end in ends.iterrows():
        run = study.sweep.runs.get(end["member"])
        numbers = measures(run) if run is not None and end["outcome"] == "done" else {}
        best = min(best, (numbers.get("best_valid_loss", np.inf), numbers.get("best_test_loss", np.nan)))
        work += own_epochs(run) * work_of_epoch(run) if run is not None else 0
        rows.append((ledger.core_seconds(study.sessions, ranks, until=end["end"]), work, *best, end["member"]))
    return pd.DataFrame(rows, columns=["core_seconds", "work", "valid_loss", "test_loss", "member"])


def progress_of_runs(study, method):
    """The same of runs that tune themselves, one after another in the order of their seeds: a row an epoch."""
    ranks, spent, work, rows, best = study.ranks(), 0.0, 0.0, [], (np.inf, np.nan)
    runs = [(int(r.provenance["seed"]), n, r) for n, r in study.sweep.runs.items()
            if r.provenance["method"] == method and networks.evaluated(r.epochs)]
    costs = study.core_seconds()
    for _, name, run in sorted(runs, key=lambda item: item[0]):
        for _, epoch in run.epochs.iterrows():
            best = min(best, (epoch["valid_loss"], epoch["test_loss"]))
            work += work_of_epoch(run)
            rows.append((spent + epoch["seconds"] * ranks[name], work, *best, name))
        spent += costs[name]
    return pd.DataFrame(rows, columns=["core_seconds", "work", "valid_loss", "test_loss", "member"])


def each_run(studies):
    """Method → the progress of each of its runs alone."""
    found = {}
    for study in studies:
        for run in study.sweep.runs.values() if study.name == "baselines-tuned" else ():
            epochs, ranks = run.epochs, float(run.provenance.get("ranks", 1))
            found.setdefault(run.provenance["method"], []).append(pd.DataFrame(
                {"core_seconds": epochs["seconds"] * ranks, "work": work_of_epoch(run) * epochs["epoch"], "valid_loss": epochs["valid_loss"].cummin()}))
    return found


def searches(root):
    """Search or method → its progress, and the studies that these are from."""
    found, studies = {}, []
    for name in SEARCHES:
        if name in ("stn", "delta-stn"):
            continue
        study = load(root, f"baselines-{name}")
        if study is not None and not study.sessions.empty:
            found[name] = progress_of(study)
            studies.append(study)
    tuned = load(root, "baselines-tuned")
    if tuned is not None:
        studies.append(tuned)
        for method in ("stn", "delta-stn"):
            found[method] = progress_of_runs(tuned, method)
    return {name: table for name, table in found.items() if len(table)}, studies


def equal_cost(found, cost):
    """What the cheapest of the searches took in all."""
    return min(table[cost].iloc[-1] for table in found.values())


def at_cost(progress, limit, cost="core_seconds"):
    """The best that a search had found by then: (validation loss, test loss); NaN where nothing had ended yet."""
    done = progress[progress[cost] <= limit * (1 + 1e-9)]
    return (done["valid_loss"].iloc[-1], done["test_loss"].iloc[-1]) if len(done) else (np.nan, np.nan)
