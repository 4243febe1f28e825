"""What the paper claims, and what its experiments' records say of it: an estimate with its interval, n, and a verdict.

Differences are paired over seeds, STN − Δ-STN, so that of losses and regrets a positive one speaks for Δ-STN. Intervals are
95 %, of the bootstrap; with fewer than FEW seeds the bootstrap is too narrow, Student's t stands beside it, and a claim
holds only where both leave zero out.
"""
import functools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

import paper
import results
import study
import toys

FEW = 8


@dataclass
class Difference:
    """Of the mean, with both intervals; n pairs."""

    mean: float
    low: float
    high: float
    t_low: float
    t_high: float
    n: int

    @property
    def side(self):
        """1 or −1 where the intervals that count leave zero out, else 0."""
        lows, highs = [self.low], [self.high]
        if self.n < FEW:
            lows, highs = lows + [self.t_low], highs + [self.t_high]
        return 1 if min(lows) > 0 else -1 if max(highs) < 0 else 0


@dataclass
class Claim:
    text: str      # what the paper says
    found: list    # sentences
    verdict: str   # holds, does not hold, open, in part, not measured
    n: str
    sources: list  # records


def difference(values):
    """Of paired differences; what isn't finite is no pair."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    mean, low, high = study.bootstrap(values)
    _, t_low, t_high = study.interval(pd.Series(values)) if len(values) else (0, math.nan, math.nan)
    return Difference(mean, low, high, t_low, t_high, len(values))


def paired(table, column, first="stn", second="delta-stn", key="seed"):
    """First − second over the seeds that both have."""
    pairs = table.pivot_table(index=key, columns="method", values=column, aggfunc="mean")
    return difference(pairs[first] - pairs[second]) if {first, second} <= set(pairs) else difference([])


def number(x, digits=3):
    return f"{x:.{digits}g}".replace("-", "−") if np.isfinite(x) else "–"


def text(d, digits=3):
    """mean [bootstrap], and of few seeds t [..] too."""
    if not d.n:
        return "–"
    if d.n == 1:
        return number(d.mean, digits)
    cell = f"{number(d.mean, digits)} [{number(d.low, digits)}, {number(d.high, digits)}]"
    return cell + (f", t [{number(d.t_low, digits)}, {number(d.t_high, digits)}]" if 1 < d.n < FEW else "")


def tally(differences):
    """How many speak for Δ-STN, for STN, for neither."""
    sides = [d.side for d in differences]
    return sides.count(1), sides.count(-1), sides.count(0)


def verdict_of(differences):
    ours, theirs, neither = tally(differences)
    if not differences:
        return "not measured"
    if theirs and ours:
        return "in part"
    return "holds" if ours == len(differences) else "does not hold" if theirs else "in part" if ours else "open"


def seeds_of(differences):
    counts = sorted({d.n for d in differences})
    return "–".join(str(c) for c in dict.fromkeys((counts[0], counts[-1]))) if counts else "0"


# ---- toys --------------------------------------------------------------------------------------------------------------


@functools.cache
def regrets(item):
    """A row a run of a sweep of toys: labels, final and mean regret × 1000, and the spike: how far λ rose above both
    where it started and where it ended (the mean of the last fifth)."""
    table, _ = results.tabulate(item.sweep)
    ended = item.sweep.members[item.sweep.members["outcome"].isin(results.ENDED)]
    series = [item.sweep.runs[n].series if n in item.sweep.runs else None for n in ended["name"]]
    name = f"lambda.{item.sweep.hyperparameters[0]}"
    done = [o == "done" for o in ended["outcome"]]
    table["mean_regret"] = [s["regret"].mean() if ok else math.inf for s, ok in zip(series, done)]
    table["spike"] = [spike(s["step"], s[name]) if ok else math.nan for s, ok in zip(series, done)]
    return table.assign(regret_final=1000 * table["regret_final"], mean_regret=1000 * table["mean_regret"])


def spike(step, values):
    return values.max() - max(values.iloc[0], values[step > 0.8 * step.iloc[-1]].mean())


def panels(item):
    """(labels, rows) of each data set and kind of features."""
    table = regrets(item)
    yield from toys.groups(table, toys.panel_axes(item.sweep))


def better_on_toys(items):
    parts, sentences = [], []
    for what, column in (("final regret", "regret_final"), ("regret over the whole run", "mean_regret")):
        found = [paired(rows, column) for item in items for _, rows in panels(item)]
        parts += found
        ours, theirs, neither = tally(found)
        sentences.append(f"{what}: Δ-STN lower on {ours} of {len(found)} data sets and kinds of features, STN on {theirs}, "
                         f"not told apart on {neither}")
    return Claim("On every toy Δ-STN converges faster and to a better λ than STN (Fig. 3, 4, 7, 8)", sentences,
                 verdict_of(parts), seeds_of(parts), [i.record for i in items])


def spike_removed(item):
    sentences, parts = [], []
    for labels, rows in panels(item):
        if not {"stn", "stn-centered"} <= set(rows["method"]):
            continue
        d = paired(rows, "spike", "stn", "stn-centered")
        means = rows.groupby("method")["spike"].mean()
        parts.append(d)
        sentences.append(f"{' '.join(map(str, labels))}: λ rises above start and end by {number(means['stn'])} with STN, "
                         f"{number(means['stn-centered'])} with centring alone, {number(means['delta-stn'])} with Δ-STN; "
                         f"STN − centred {text(d)}")
    return Claim("STN's λ spikes early, and centring alone removes the spike (Fig. 9)", sentences, verdict_of(parts),
                 seeds_of(parts), [item.record])


def objective_adds(item):
    parts = [(labels, paired(rows, "regret_final", "stn-centered", "stn-centered-split")) for labels, rows in panels(item)]
    sentences = [f"{' '.join(map(str, labels))}: final regret × 1000, centred − centred with the new objective {text(d)}"
                 for labels, d in parts]
    return Claim("The new objective further improves the fixed point (Fig. 9)", sentences,
                 verdict_of([d for _, d in parts]), seeds_of([d for _, d in parts]), [item.record])


def fixed_point():
    return Claim("STN's fixed point is biased as App. G predicts, Δ-STN's is not",
                 ["no sweep measures it: the program's tests stn_fixed_point_is_biased_as_app_g_says and "
                  "delta_stn_fixed_point_is_unbiased reach both points of App. G to rounding, for the objective G.1 alone"],
                 "tested, not measured", "–", [])


# ---- networks ----------------------------------------------------------------------------------------------------------


def lower_on_networks(items):
    parts, sentences = [], []
    for item in items:
        table = paper.table_of_runs(item)
        if "valid_loss" in table and {"stn", "delta-stn"} <= set(table["method"]):
            d = paired(table[table["outcome"] == "done"], "valid_loss")
            parts.append(d)
            sentences.append(f"{item.network}: STN − Δ-STN {text(d)}, n = {d.n}")
    return Claim("Δ-STN's final validation loss is lower than STN's on every network", sentences, verdict_of(parts),
                 seeds_of(parts), [item.record for item in items])


def flatter(items, axes, what):
    """Range over the axes' values of the validation loss at the last epoch, for each seed; paired over seeds."""
    parts, sentences = [], []
    for item in items:
        table = paper.table_of_runs(item)
        table = table[table["outcome"] == "done"]
        ranges = table.groupby(["method", "seed"])["valid_loss"].agg(np.ptp).rename("range").reset_index()
        d, means = paired(ranges, "range"), ranges.groupby("method")["range"].mean()
        parts.append(d)
        sentences.append(f"{item.network}: range of the final validation loss over {what}: STN "
                         f"{number(means.get('stn', math.nan))}, Δ-STN {number(means.get('delta-stn', math.nan))}; "
                         f"STN − Δ-STN {text(d)}, n = {d.n}")
    return Claim(f"Δ-STN is flatter than STN in {what} ({axes})", sentences, verdict_of(parts), seeds_of(parts),
                 [item.record for item in items])


def starts_meet(item):
    table = paper.table_of_runs(item)
    table = table[table["outcome"] == "done"].copy()
    column = f"value.{item.sweep.hyperparameters[0]}"
    table["end"] = [item.sweep.runs[name].series[column].iloc[-1] for name in table["name"]]
    ranges = table.groupby(["method", "seed"])["end"].agg(np.ptp).rename("range").reset_index()
    begun = np.ptp(table["start"].astype(float))
    sentences = []
    for method, own in ranges.groupby("method"):
        apart = number(own["range"].mean())
        each = ", ".join(number(r, 2) for r in own["range"])
        sentences.append(f"{toys.METHODS[method]}: starts {number(begun)} apart, ends {apart} apart on average (seeds {each})")
    d = paired(ranges, "range")
    sentences.append(f"distance of the ends, STN − Δ-STN {text(d)}, n = {d.n}")
    return Claim("Schedules from different starts meet, with Δ-STN more than with STN (Fig. 14)", sentences,
                 verdict_of([d]), seeds_of([d]), [item.record])


def schedules_beat_fixed(items):
    table = pd.concat([paper.table_of_runs(item) for item in items])
    table = table[table["outcome"] == "done"]
    means = table.groupby("kind", sort=False)[["best_valid_loss", "best_test_loss"]].agg(["mean", "count"])
    sentences = [f"{paper.name_of_kind(kind)}: best validation loss {number(row['best_valid_loss']['mean'])}, test loss "
                 f"there {number(row['best_test_loss']['mean'])}, n = {row['best_valid_loss']['count']:.0f}"
                 for kind, row in means.iterrows()]
    parts = []
    tuned = table[table["kind"] == "delta-stn"].set_index("seed")["best_valid_loss"]
    for kind in means.index.drop("delta-stn", errors="ignore"):
        other = table[table["kind"] == kind].set_index("seed")["best_valid_loss"]
        d = difference((other - tuned).dropna())
        parts.append(d)
        sentences.append(f"{paper.name_of_kind(kind)} − Δ-STN: {text(d, 2)}")
    return Claim("Δ-STN's schedule beats fixed and perturbed rates, its own final value among them (Table 4)", sentences,
                 verdict_of(parts), seeds_of(parts), [item.record for item in items])


def ahead_at_equal_cost(root):
    found, studies = paper.searches(root)
    if "delta-stn" not in found or len(found) < 2:
        return None
    sentences, first = [], set()
    for cost, (unit, label) in paper.COSTS.items():
        cut = paper.equal_cost(found, cost)
        values = {name: paper.at_cost(table, cut, cost)[0] for name, table in found.items()}
        ranked = sorted(values, key=values.get)
        first.add(min((name for name in ("grid", "random", "bayesian", "delta-stn") if name in values), key=values.get))
        sentences.append(f"best validation loss within {number(cut / unit)} {label}: " +
                         ", ".join(f"{paper.SEARCHES[name]} {number(values[name], 4)}" for name in ranked))
    sentences.append("one sweep a search: this says nothing of what another seed of the search would give")
    verdict = "holds" if first == {"delta-stn"} else "in part" if "delta-stn" in first else "does not hold"
    return Claim("Δ-STN is ahead of grid, random and Bayesian search at equal cost", sentences, verdict + " in these sweeps",
                 "1 sweep each", [item.record for item in studies])


def all_claims(root):
    """Those of which there are records in the folder."""
    def loaded(*names):
        return [item for item in (paper.load(root, name) for name in names) if item is not None]

    claims = []
    if items := loaded("fig3-4-dropout", "fig3-4-jacobian", "fig7", "fig8"):
        claims.append(better_on_toys(items))
    if items := loaded("fig9"):
        claims += [spike_removed(items[0]), objective_adds(items[0])]
    claims.append(fixed_point())
    if items := loaded("fig10a", "fig10b", "table3", "fig11", "fig12", "fig13"):
        claims.append(lower_on_networks(items))
    if items := loaded("fig15a", "fig15b"):
        claims.append(flatter(items, "Fig. 15", "the scale σ"))
    if items := loaded("fig16a", "fig16b"):
        claims.append(flatter(items, "Fig. 16", "the update intervals"))
    if items := loaded("fig14"):
        claims.append(starts_meet(items[0]))
    if items := loaded("table4", "table4-replay"):
        claims.append(schedules_beat_fixed(items))
    return [c for c in claims + [ahead_at_equal_cost(root)] if c is not None]
