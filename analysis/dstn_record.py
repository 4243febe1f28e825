"""Reads what dstn records into pandas.

    import dstn_record
    run = dstn_record.load("runs/ridge/run.h5")
    run.series                                  # a row per recorded step: step, epoch, train_loss, lambda.penalty, …
    run.epochs                                  # a row per evaluated epoch: valid_loss, test_accuracy, …

    sweep = dstn_record.load_sweep("runs/quickstart/sweep.h5")
    sweep.members                               # a row per member: name, its axes, outcome, lambda_star, …
    sweep.series                                # the rows of all members below each other: name, axes, step, …
    sweep.epochs                                # the same of the epochs

Series with a value per hyperparameter become a column each: lambda.NAME (unconstrained), value.NAME (natural units),
sigma.NAME, and where one is discrete unrounded.NAME, the values before that one was rounded down; in records of before
there was this series it is computed from λ and the config's ranges, which needs python3-yaml. What is recorded as
attributes is in the dictionaries oracle, result and provenance.
"""
import os
import warnings
from dataclasses import dataclass, field

import needs

if needs.missing("h5py", "numpy", "pandas"):
    raise ImportError(needs.missing("h5py", "numpy", "pandas"))

import h5py
import numpy as np
import pandas as pd


class RecordError(Exception):
    """A file that is not what it should be; the message is for the user."""


@dataclass
class Run:
    """One run: its series, a row per recorded step, and what is recorded once."""

    series: pd.DataFrame
    hyperparameters: list
    epochs: pd.DataFrame = field(default_factory=pd.DataFrame)  # a row per evaluated epoch; may be empty
    oracle: dict = field(default_factory=dict)      # exact answer of a toy: lambda_star, edge, best_loss, …
    result: dict = field(default_factory=dict)      # status, seconds
    provenance: dict = field(default_factory=dict)  # version, commit, method, seed, config (YAML), …
    valid_rows: np.ndarray = None                   # rows of the data file that validate


@dataclass
class Sweep:
    """All members of a sweep."""

    axes: list             # names of the axes, the slowest first
    members: pd.DataFrame  # a row per member
    series: pd.DataFrame   # a row per member and recorded step; members without a record have none
    runs: dict             # name → Run
    hyperparameters: list
    epochs: pd.DataFrame   # a row per member and epoch


def load(path):
    """Reads the record of one run, run.h5."""
    with _open(path) as file:
        if "members" in file:
            raise RecordError(f"{path}: is the table of a sweep; read it with load_sweep")
        if "series/step" not in file:
            raise RecordError(f"{path}: is no record of a run (it has no series/step); expected a run.h5 of dstn")
        return _read_run(file, path)


def load_sweep(path):
    """Reads the table of a sweep, sweep.h5."""
    with _open(path) as file:
        if "members/name" not in file:
            hint = "; it is the record of one run: read it with load" if "series/step" in file else ""
            raise RecordError(f"{path}: is no table of a sweep (it has no members/name){hint}")
        return _read_sweep(file, path)


# ---- files -----------------------------------------------------------------------------------------------------------


def _open(path):
    if os.path.isdir(path):
        raise RecordError(f"{path}: is a folder; expected a run.h5 or sweep.h5")
    try:
        return h5py.File(path, "r")
    except FileNotFoundError:
        is_table = os.path.isdir(os.path.join(os.path.dirname(path), "ledger"))
        hint = "; the table of a sweep that was stopped is written when it goes on with --resume" if is_table else ""
        raise RecordError(f"{path}: no such file{hint}") from None
    except OSError as error:
        raise RecordError(f"{path}: can't be read as HDF5 ({error})") from None


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def _strings(dataset):
    return [_text(value) for value in np.ravel(dataset[()])]


def _attributes(group, name):
    """Attributes of a subgroup as plain Python values; an empty dictionary where there is none."""
    return {key: _plain(value) for key, value in group[name].attrs.items()} if name in group else {}


def _plain(value):
    array = np.asarray(value)
    if array.size != 1:
        return array
    item = array.reshape(-1)[0]
    return _text(item) if isinstance(item, (bytes, str)) else item.item() if hasattr(item, "item") else item


# ---- runs ------------------------------------------------------------------------------------------------------------


def _read_run(group, path):
    names = _strings(group["hyper/names"]) if "hyper/names" in group else []
    provenance = _attributes(group, "provenance")
    series = _read_series(group["series"], names, path)
    epochs = _read_series(group["epochs"], names, path) if "epochs/step" in group else pd.DataFrame()
    for table in (series, epochs):
        _add_unrounded(table, names, provenance.get("config", ""))
    return Run(series=series, hyperparameters=names, epochs=epochs, oracle=_attributes(group, "oracle"),
               result=_attributes(group, "result"), provenance=provenance,
               valid_rows=group["data/valid_rows"][()] if "data/valid_rows" in group else None)


def _read_series(group, names, path):
    columns = {}
    for key in ["step"] + [key for key in group if key != "step"]:
        values = group[key][()]
        if len(values) != len(columns.get("step", values)):
            raise RecordError(f"{path}: {group[key].name} has {len(values)} rows where step has "
                              f"{len(columns['step'])}: the record is incomplete")
        if values.ndim == 1:
            columns[key] = values
            continue
        labels = names if len(names) == values.shape[1] else range(values.shape[1])
        columns.update({f"{key}.{label}": values[:, i] for i, label in enumerate(labels)})
    return pd.DataFrame(columns)


def _add_unrounded(table, names, config):
    """Columns unrounded.NAME where a record has none and a hyperparameter is discrete."""
    columns = [f"unrounded.{name}" for name in names]
    if "discrete: true" not in config or not names or f"lambda.{names[0]}" not in table or columns[0] in table:
        return
    if needs.missing("yaml"):
        warnings.warn(f"no values before rounding: {needs.missing('yaml')}")
        return
    import yaml
    options = yaml.safe_load(config)["hyperparameters"]
    for name, column in zip(names, columns):
        table[column] = _natural(table[f"lambda.{name}"], options[name])


def _natural(u, options):
    """s(u): from R to the range of one hyperparameter (App. F), before a discrete one is rounded down."""
    low, high = (float(end) for end in options["range"])
    softplus = lambda x: np.logaddexp(0, x)
    if options["transform"] == "exp":
        return np.exp(u)
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) * np.exp(-softplus(-u))
    return low + softplus(u) if np.isfinite(low) else high - softplus(u) if np.isfinite(high) else u


# ---- sweeps ----------------------------------------------------------------------------------------------------------


def _axis_column(labels):
    """Labels as integers where all of them are, so that seeds sort as numbers."""
    try:
        numbers = [int(label) for label in labels]
    except ValueError:
        return labels
    return numbers if [str(number) for number in numbers] == labels else labels


def _read_members(file, axes, path):
    columns = {"name": _strings(file["members/name"])}
    for axis in axes:
        if f"members/axes/{axis}" not in file:
            raise RecordError(f"{path}: the axis {axis} has no labels (members/axes/{axis} is missing)")
        columns[axis] = _axis_column(_strings(file[f"members/axes/{axis}"]))
    columns["outcome"] = _strings(file["members/outcome"])
    columns["message"] = _strings(file["members/message"]) if "members/message" in file else ""
    return pd.DataFrame(columns)


def _read_sweep(file, path):
    axes = [axis for axis in _text(file.attrs.get("axes", "")).split(",") if axis]
    members = _read_members(file, axes, path)
    runs = {name: _read_run(file[f"runs/{name}"], path) for name in members["name"] if f"runs/{name}/series" in file}
    for key in sorted({key for run in runs.values() for key in run.oracle if key != "name"}):
        members[key] = [runs[name].oracle.get(key) if name in runs else None for name in members["name"]]
    members["seconds"] = [runs[name].result.get("seconds") if name in runs else None for name in members["name"]]
    hyperparameters = list(dict.fromkeys(h for run in runs.values() for h in run.hyperparameters))
    series, epochs = ({name: getattr(run, kind) for name, run in runs.items()} for kind in ("series", "epochs"))
    return Sweep(axes, members, _long(members, axes, series), runs, hyperparameters, _long(members, axes, epochs))


def _long(members, axes, tables):
    """The tables of all members below each other, with the members' names and labels."""
    parts = []
    for _, member in members.iterrows():
        if not len(tables.get(member["name"], ())):
            continue
        part = tables[member["name"]].copy()
        for axis in reversed(axes):
            part.insert(0, axis if axis not in part else f"axis.{axis}", member[axis])
        part.insert(0, "name", member["name"])
        parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["name"] + axes + ["step"])
