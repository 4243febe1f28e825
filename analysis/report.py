#!/usr/bin/env python3
"""One HTML page of the paper's experiments: claims, tables, figures, costs, where all of it comes from, and the commands.

RUNS is the folder that jobs/paper/run.sh fills. The page has its pictures in it and needs no network. Every number is of
the records that the line below its table names; all runs are listed at the end, each with the digest of its last state.
"""
import argparse
import base64
import html
import io
import math
import os
import sys
from datetime import datetime, timezone

import needs

needs.check("h5py", "numpy", "pandas", "matplotlib")

import numpy as np
import pandas as pd

import claims
import dstn_record
import figures
import ledger
import networks
import paper
import plot_toys as plots
import results
import toys
from claims import number
from figures import FIGURES
from plot_toys import plt

STYLE = """
:root { --ink: #1b1b1b; --soft: #5a5a5a; --page: #ffffff; --line: #d9d9d9; --band: #f5f5f5; --good: #0b6b3a; --bad: #a33a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a8a8a8; --page: #161718; --line: #3a3c3e; --band: #1f2123; --good: #63c690; --bad: #f0955f; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.2rem 4rem; max-width: 70rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.6rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin-top: 1.8rem; }
a { color: inherit; } nav a { margin-right: .9rem; white-space: nowrap; }
table { border-collapse: collapse; font-size: .84rem; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
th { background: var(--band); } .short { white-space: nowrap; } .wide { overflow-x: auto; }
.source, figcaption, .soft { color: var(--soft); font-size: .84rem; } .source { margin-top: 0; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; padding: 6px; }
@media (prefers-color-scheme: dark) { figure img { filter: brightness(.88); } }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .82rem; }
pre { background: var(--band); padding: .7rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
ul { margin: .2rem 0; padding-left: 1.1rem; } .holds { color: var(--good); } .fails { color: var(--bad); }
@media print {
  :root { --ink: #000; --soft: #444; --page: #fff; --line: #bbb; --band: #f3f3f3; --good: #0b6b3a; --bad: #a33a00; }
  @page { margin: 14mm; } body { max-width: none; padding: 0; font-size: 10pt; } nav, details, .screen { display: none; }
  table { font-size: 7.5pt; } .wide { overflow: visible; } figure img { filter: none; padding: 0; }
  figure, tr, pre { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
"""


# ---- HTML ----------------------------------------------------------------------------------------------------------------


def escaped(text):
    return html.escape(str(text))


def table(head, rows, source=""):
    """Cells are text, or already HTML where they begin with <."""
    def cell(tag, value):
        value = str(value)
        short = ' class="short"' if tag == "td" and len(value) < 32 and not value.startswith("<") else ""
        return f"<{tag}{short}>{value if value.startswith('<') else escaped(value)}</{tag}>"

    body = "".join("<tr>" + "".join(cell("td", value) for value in row) + "</tr>\n" for row in rows)
    note = f'<p class="source">{escaped(source)}</p>' if source else ""
    return (f'<div class="wide"><table><thead><tr>{"".join(cell("th", h) for h in head)}</tr></thead>\n'
            f"<tbody>{body}</tbody></table></div>{note}\n")


def picture(figure, alt):
    """A matplotlib figure in the page itself."""
    file = io.BytesIO()
    figures.write_png(figure, file)
    plt.close(figure)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img alt="{escaped(alt)}" src="data:image/png;base64,{data}">'


def from_records(items):
    return "From " + ", ".join(item.record for item in items) + "."


# ---- claims and tables -----------------------------------------------------------------------------------------------


def claims_section(root):
    rows = []
    for claim in claims.all_claims(root):
        kind = {"hold": "holds", "does": "fails"}.get(claim.verdict[:4], "soft")
        found = "<ul>" + "".join(f"<li>{escaped(s)}</li>" for s in claim.found) + "</ul>"
        source = f'<span class="source">{escaped(", ".join(claim.sources))}</span>' if claim.sources else ""
        rows.append([claim.text, found + source, claim.n, f'<strong class="{kind}">{escaped(claim.verdict)}</strong>'])
    return ("<p>Differences are means over seeds, paired, with the 95 % interval of the bootstrap (10,000 resamples, seed 0) "
            f"in brackets. With fewer than {claims.FEW} seeds the bootstrap is too narrow: the interval of Student's t stands "
            "beside it, and “holds” needs both to leave zero out. “Holds” means that every comparison of the line does; “in "
            "part” that some do; “open” that none can be told apart. No interval is corrected for the number of "
            "comparisons.</p>" +
            table(["the paper's claim", "what these runs say", "n", "verdict"], rows))


def mean_and_error(values):
    if len(values) == 1:
        return number(np.asarray(values)[0], 4)
    return results.with_error(values).replace("-", "−")


def toys_table(items):
    rows = []
    for item in items:
        for labels, own in claims.panels(item):
            methods = toys.sorted_methods(own["method"].unique())
            cells = {m: mean_and_error(own.loc[own["method"] == m, "regret_final"]) for m in methods}
            d = claims.paired(own, "regret_final")
            rows.append([item.name, " ".join(map(str, labels)), str(d.n), number(own["regret_start"].mean() * 1000),
                         *(cells.get(m, "") for m in TOY_METHODS), claims.text(d),
                         int((own["outcome"] == "diverged").sum()) if "outcome" in own else
                         int(np.isinf(own["regret_final"]).sum()) or ""])
    head = ["sweep", "data", "n", "start", *(toys.METHODS[m] for m in TOY_METHODS), "STN − Δ-STN [95 %]", "div."]
    return table(head, rows, "Regret × 1000, mean ± standard error over seeds, of the last fifth of the iterations. " +
                 from_records(items))


TOY_METHODS = ("stn", "stn-centered", "stn-centered-split", "delta-stn")
MEASURES = {"valid_loss": "validation loss, last epoch", "best_valid_loss": "validation loss, best epoch",
            "best_test_loss": "test loss at that epoch", "valid_accuracy": "validation accuracy (%), last epoch",
            "test_accuracy": "test accuracy (%), last epoch"}


def networks_table(items):
    """Methods × networks, a block a measure."""
    tables = {item: paper.table_of_runs(item) for item in items}
    methods = toys.sorted_methods({m for t in tables.values() for m in t["method"].dropna()})
    rows = []
    for column, heading in MEASURES.items():
        factor = 100 if "accuracy" in column else 1
        for item in items:
            own = tables[item][tables[item]["outcome"] == "done"]
            if column in own:
                own = own.assign(**{column: factor * own[column]})
                cells = [mean_and_error(own.loc[own["method"] == m, column]) if m in set(own["method"]) else ""
                         for m in methods]
                d = claims.paired(own, column)
                rows.append([heading, item.network, f"{own['epochs'].min():.0f}", str(d.n), *cells, claims.text(d)])
    return table(["", "network", "epochs", "n", *(toys.METHODS.get(m, m) for m in methods), "STN − Δ-STN [95 %]"], rows,
                 "Mean ± standard error over seeds. " + from_records(items))


def sensitivity_table(item, axes):
    """Final validation loss, a line a combination of labels."""
    runs = paper.table_of_runs(item)
    rows = []
    for labels, own in toys.groups(runs[runs["outcome"] == "done"], axes):
        methods = toys.sorted_methods(own["method"].unique())
        d = claims.paired(own, "valid_loss")
        rows.append([*map(str, labels), str(d.n), *(mean_and_error(own.loc[own["method"] == m, "valid_loss"])
                                                    for m in methods), claims.text(d)])
    methods = toys.sorted_methods(runs["method"].dropna().unique())
    return table([*axes, "n", *(toys.METHODS[m] for m in methods), "STN − Δ-STN [95 %]"], rows,
                 f"{item.network}: validation loss at the last epoch, mean ± standard error over seeds. " +
                 from_records([item]))


def table4(items):
    runs = pd.concat([paper.table_of_runs(item) for item in items])
    runs = runs[runs["outcome"] == "done"]
    tuned = runs[runs["kind"] == "delta-stn"].set_index("seed")["best_valid_loss"]
    rows = []
    for kind in dict.fromkeys(runs["kind"]):
        own = runs[runs["kind"] == kind]
        d = claims.difference((own.set_index("seed")["best_valid_loss"] - tuned).dropna())
        rows.append([paper.name_of_kind(kind), str(len(own)), mean_and_error(own["best_valid_loss"]),
                     mean_and_error(own["best_test_loss"]), "" if kind == "delta-stn" else claims.text(d)])
    return table(["rate of the input's dropout", "n", "validation loss, best epoch", "test loss there",
                  "validation loss − Δ-STN's [95 %]"], rows, "Mean ± standard error over seeds. " + from_records(items))


# ---- time --------------------------------------------------------------------------------------------------------------


def time_table(items):
    """Core-seconds to the mean best validation loss of the method that is worse in it."""
    rows = []
    for item in items:
        members = item.members()
        best = pd.DataFrame([(m.method, m.run.epochs["valid_loss"].min()) for m in members], columns=["method", "loss"])
        means, ranks = best.groupby("method")["loss"].mean(), item.ranks()
        tuned = [m for m in means.index if m in ("stn", "delta-stn")]
        if not tuned:
            continue
        target = max(means[m] for m in tuned)
        for method in toys.sorted_methods(means.index):
            own = [m for m in members if m.method == method]
            times = np.array([paper.seconds_to(m.run, target, float(m.run.provenance.get("ranks", 1))) for m in own])
            reached = times[np.isfinite(times)]
            rows.append([item.network, number(target, 4), toys.METHODS.get(method, method), f"{len(reached)} of {len(own)}",
                         mean_and_error(reached) if len(reached) else "–",
                         mean_and_error([m.run.epochs["seconds"].iloc[-1] for m in own])])
    head = ["network", "validation loss", "method", "runs that reached it", "core-seconds until then", "of a whole run"]
    return table(head, rows, "The loss is the mean over seeds of the best validation loss, of STN or Δ-STN, whichever is "
                 "higher; mean ± standard error over the runs that reached it, epochs' times of the record × ranks. " +
                 from_records(items))


def cost_table(items):
    rows, total = [], 0.0
    for item in items:
        ranks, sweep = item.ranks(), item.sweep
        of_records = sum(r.result.get("seconds", 0.0) * ranks[n] for n, r in sweep.runs.items()) / 3600
        outcome = sweep.members["outcome"].value_counts()
        if item.sessions.empty:
            rows.append([item.name, len(sweep.members), int(outcome.get("done", 0)), "no ledger", "", "",
                         number(of_records), ""])
            continue
        spent = ledger.summary(item.sessions, ranks)
        lost = sum(spent[f"core_hours_{kind}"] for kind in ("failed", "diverged", "preempted", "died"))
        total += spent["core_hours"]
        rows.append([item.name, len(sweep.members), int(outcome.get("done", 0)),
                     ", ".join(f"{v} {k}" for k, v in outcome.items() if k != "done") or "–", spent["restarts"],
                     number(lost), number(of_records), number(spent["core_hours"])])
    rows.append(["all", "", "", "", "", "", "", number(total)])
    head = ["sweep", "members", "done", "others", "restarts", "core-hours of sessions that failed, diverged, were stopped or "
            "died", "core-hours of the records", "core-hours in all"]
    return table(head, rows, "In all: every session of every member in the sweep's ledger, from running to its end, × its "
                 "ranks; of a launch that died up to its last line. Of the records: seconds of each run's last launch × ranks.")


def baselines_table(root):
    found, studies = paper.searches(root)
    if not found:
        return ""
    head = ["search", "members", *(f"{label} in all" for _, label in paper.COSTS.values())]
    for cost, (unit, label) in paper.COSTS.items():
        head += [f"best validation loss within {number(paper.equal_cost(found, cost) / unit)} {label}", "test loss of that run"]
    rows = []
    for name in (name for name in paper.SEARCHES if name in found):
        cells = [number(v, 4) for cost in paper.COSTS
                 for v in paper.at_cost(found[name], paper.equal_cost(found, cost), cost)]
        rows.append([paper.SEARCHES[name], found[name]["member"].nunique(),
                     *(number(found[name][cost].iloc[-1] / unit) for cost, (unit, _) in paper.COSTS.items()), *cells])
    return table(head, rows, "One sweep a search, runs of STN and Δ-STN one after another in the order of their seeds; best "
                 "epoch of each member; core-hours of the ledgers, of failed and repeated members too; an epoch of STN counts "
                 f"{number(paper.PRODUCTS['stn'] / paper.PRODUCTS['fixed'])}, one of Δ-STN "
                 f"{number(paper.PRODUCTS['delta-stn'] / paper.PRODUCTS['fixed'])} of fixed hyperparameters. " +
                 from_records(studies))


# ---- where it comes from -----------------------------------------------------------------------------------------------


def when(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M")


def distinct(item, key):
    return ", ".join(sorted({str(run.provenance.get(key, "")).strip() for run in item.sweep.runs.values()}))


def provenance_table(items):
    rows = []
    for item in items:
        times = item.sessions
        dates = f"{when(times['start'].min())} to {when(times['end'].max())}" if len(times) else "–"
        ranks = ", ".join(f"{r:g}" for r in sorted(set(item.ranks().values())))
        digests = sorted({str(run.provenance.get("data_digest", ""))[:8] for run in item.sweep.runs.values()})
        rows.append([item.job, len(item.sweep.members), distinct(item, "commit"), distinct(item, "backend"), ranks, dates,
                     ", ".join(digests)])
    return table(["file", "runs", "commit", "backend", "ranks a run", "from, to (UTC)", "data's digests, first 8 digits"],
                 rows)


def commands(items):
    lines = ["# all of it, RUNS being the folder: RUNS=RUNS bash jobs/paper/run.sh" + (" --small" if items[0].small else "")]
    lines += [f"mpirun -n 2 dstn sweep {item.job} --out RUNS/{os.path.basename(item.folder)} --resume" for item in items]
    lines += ["python3 analysis/figures.py RUNS --out DIR", "python3 analysis/report.py RUNS --out DIR/report.html"]
    return "<pre>" + escaped("\n".join(lines)) + "</pre>"


def all_runs(items):
    parts = []
    for item in items:
        if item.name in paper.TOYS:
            runs = claims.regrets(item)
            ended = item.sweep.members[item.sweep.members["outcome"].isin(results.ENDED)]
            rows = [[name, outcome, number(r["regret_final"], 4), number(r["lambda_final"], 4),
                     item.sweep.runs[name].result.get("digest", "") if name in item.sweep.runs else ""]
                    for name, outcome, (_, r) in zip(ended["name"], ended["outcome"], runs.iterrows())]
            head = ["member", "outcome", "final regret × 1000", "final λ", "digest"]
        else:
            runs = paper.table_of_runs(item)
            columns = [c for c in MEASURES if c in runs]
            rows = [[r["name"], r["outcome"], *(number(r[c], 5) for c in columns), number(r["core_seconds"]),
                     r.get("digest", "")] for _, r in runs.iterrows()]
            head = ["member", "outcome", *(c.replace("_", " ") for c in columns), "core-seconds", "digest"]
        parts.append(f"<details><summary>{escaped(item.record)}: {len(rows)} members</summary>{table(head, rows)}</details>")
    return "\n".join(parts)


# ---- the page ----------------------------------------------------------------------------------------------------------


def figure_section(figure, root):
    pictures, items = figures.drawn(figure, root)
    if not pictures:
        return "", []
    shown = "".join(picture(f, f"{figure.title}{suffix.replace('-', ' ')}") for suffix, f in pictures)
    tables = ""
    if figure.name in ("fig15", "fig16"):
        axes = ["sigma"] if figure.name == "fig15" else ["train.train_steps", "train.valid_steps"]
        tables = "".join(sensitivity_table(item, axes) for item in items)
    elif figure.name == "fig14":
        tables = sensitivity_table(items[0], ["start"])
    elif figure.name == "table4":
        tables = table4(items)
    elif figure.name == "baselines":
        tables = baselines_table(root)
    small = any(item.small for item in items)
    form = " Small form: what it leaves out, its file says." if small else ""
    caption = escaped(f"{figure.caption} {from_records(items)}{form}")
    return (f'<section id="{figure.name}"><h3>{escaped(figure.title)}</h3><figure>{shown}<figcaption>{caption}</figcaption>'
            f"</figure>{tables}</section>\n", items)


def page(root, note=""):
    """note: what a reader must know that no record has."""
    sections, items = [], {}
    for figure in FIGURES:
        text, found = figure_section(figure, root)
        sections.append(text)
        items.update({item.name: item for item in found})
    items = list(items.values())
    if not items:
        raise dstn_record.RecordError(f"{root}: has no sweep of jobs/paper")
    toy_items = [item for item in items if item.name in paper.TOYS]
    nets = [item for item in items if item.name in ("fig10a", "fig10b", "table3", "fig11", "fig12", "fig13")]
    machine = sorted({distinct(item, "instruction_set") for item in items})
    small = sum(item.small for item in items)
    missing = [name for name in dict.fromkeys(name for f in FIGURES for name in f.sweeps) if name not in
               {item.name for item in items}]
    parts = [
        f"<h1>STN and Δ-STN: the paper's experiments, made again</h1><p>{len(items)} sweeps, "
        f"{sum(len(item.sweep.members) for item in items)} runs"
        + (f"; {small} of the sweeps have their small form, with narrower networks and fewer epochs or seeds than the "
           "paper's, so that these numbers are not the paper's" if small else "") +
        f". Computed with {escaped('; '.join(machine))}. "
        "CIFAR-10's place is taken by the task of <code>dstn data synth</code> where a sweep's file says so; no number of "
        "such a sweep says anything of CIFAR-10.</p>",
        f'<p class="soft">Sweeps that were not run: {escaped(", ".join(missing))}.</p>' if missing else "",
        f"<p>{escaped(note)}</p>" if note else "",
        '<nav><a href="#claims">Claims</a><a href="#tables">Tables</a><a href="#figures">Figures</a><a href="#costs">Costs</a>'
        '<a href="#origin">Where it comes from</a></nav>',
        f'<h2 id="claims">The paper\'s claims</h2>{claims_section(root)}', '<h2 id="tables">Tables</h2>',
        "<h3>Toys</h3>" + toys_table(toy_items) if toy_items else "",
        f"<h3>Methods × networks</h3>{networks_table(nets)}<h3>Time to a given loss</h3>{time_table(nets)}" if nets else "",
        '<h2 id="figures">Figures</h2>', *sections, f'<h2 id="costs">What it cost</h2>{cost_table(items)}',
        f'<h2 id="origin">Where it comes from</h2>{provenance_table(items)}{commands(items)}<h3 class="screen">All runs</h3>'
        f"{all_runs(items)}",
    ]
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, '
            'initial-scale=1"><meta name="color-scheme" content="light dark"><title>STN and Δ-STN: the experiments</title>'
            f"<style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", metavar="RUNS", help="folder with the sweeps of jobs/paper")
    parser.add_argument("--out", metavar="FILE", default="report.html", help="the page (%(default)s)")
    parser.add_argument("--dpi", type=int, default=100, help="of the pictures (%(default)s)")
    parser.add_argument("--note", default="", metavar="TEXT", help="a paragraph of what a reader must know that no record has")
    arguments = parser.parse_args()
    plt.rcParams.update({**plots.RC, "savefig.dpi": arguments.dpi})
    try:
        text = page(arguments.runs, arguments.note)
        os.makedirs(os.path.dirname(os.path.abspath(arguments.out)), exist_ok=True)
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(text)
    except (dstn_record.RecordError, OSError) as error:
        sys.exit(f"report.py: {error}")
    print(arguments.out)


if __name__ == "__main__":
    main()
