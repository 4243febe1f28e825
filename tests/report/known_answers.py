#!/usr/bin/env python3
"""Usage: known_answers.py ANALYSIS RUNS OUT. What analysis/ makes of records of time and of few seeds, on examples whose answers
are known; figures.py and report.py on RUNS (a folder with a sweep of toys as fig8-small), whose page has to have the
numbers of the records in it, and nothing from elsewhere."""
import math
import os
import re
import sys
import zlib

analysis, runs, out = sys.argv[1:]
sys.path.insert(0, analysis)

import dstn_record
import figures
import ledger
import pandas as pd
import paper
import report
import study

# Two launches on two ranks each: the first one died.
LEDGER = {
    "planner": ["1 10:00:00 a queued new", "2 10:00:00 b queued new", "3 10:00:00 c%20c queued new",
                "8 12:00:00 b queued its launch died", "9 12:00:00 c%20c queued its launch died"],
    "rank-0000": ["4 10:00:00 a running -", "5 10:00:10 a failed no memory left", "6 10:00:10 c%20c running -",
                  "7 10:00:15 a queued asked again", "10 12:00:01 c%20c running -", "11 12:00:11 c%20c diverged at step 3"],
    "rank-0001": ["4 10:00:00 b running -", "10 12:00:01 b running -", "11 12:00:08 b preempted stopped",
                  "12 12:30:00 b running -", "13 12:30:20 b done value=0.25", "14 12:31:00 a running cut"],
}


def make_ledger(folder):
    os.makedirs(os.path.join(folder, "ledger"))
    for writer, lines in LEDGER.items():
        with open(os.path.join(folder, "ledger", writer + ".txt"), "w") as file:
            for line in lines:
                sequence, time, rest = line.split(" ", 2)
                body = f"{sequence} 2026-11-26T{time}.000Z {rest}"
                crc = zlib.crc32(body.encode())
                file.write(f"{body} {crc ^ rest.endswith('cut'):08x}\n")


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got}, expected {wanted}")


def core_hours_have_failures_and_restarts():
    folder = os.path.join(out, "hand-made")
    make_ledger(folder)
    sessions = ledger.sessions(folder)
    seconds = {f"{m} {o}": round(e - s, 3) for m, s, e, o in sessions[["member", "start", "end", "outcome"]].itertuples(index=False)}
    check("sessions", seconds, {"a failed": 10, "b died": 15, "c c died": 5, "c c diverged": 10, "b preempted": 7, "b done": 20})
    check("core-seconds of 2 ranks a member", round(ledger.core_seconds(sessions, 2), 6), 134)
    check("of 2 and 1", round(ledger.core_seconds(sessions, {"a": 2, "b": 1, "c c": 1}), 6), 77)
    check("up to a moment", round(ledger.core_seconds(sessions, 1, until=sessions["start"].min() + 12), 6), 24)
    members = pd.DataFrame({"name": ["a", "b", "c c"], "outcome": ["failed", "done", "diverged"]})
    run = dstn_record.Run(pd.DataFrame(), [], provenance={"ranks": 2, "method": "fixed"})
    run.epochs = pd.DataFrame({"epoch": [1], "step": [7], "seconds": [9.0], "valid_loss": [0.25], "test_loss": [0.5]})
    swept = dstn_record.Sweep(["member"], members, pd.DataFrame(), {"b": run}, [], pd.DataFrame())  # two have no record
    study_of = paper.Study("baselines-random", folder, True, swept, sessions)
    check("progress of a search", paper.progress_of(study_of)["core_seconds"].round(6).tolist(), [94, 134])
    check("work of a search", paper.progress_of(study_of)["work"].tolist(), [0, 1])
    check("costs", {k: round(v, 6) for k, v in study_of.core_seconds().items()}, {"a": 20, "b": 84, "c c": 30})
    summary = ledger.summary(sessions, 1)
    check("restarts", summary["restarts"], 3)
    check("core-hours of what died", round(3600 * summary["core_hours_died"], 6), 20)


def bootstrap_is_that_of_the_mean():
    mean, low, high = study.bootstrap([1.0, 3.0])  # the means of resamples are 1, 2 and 3: a quarter, a half, a quarter
    check("of two", (mean, low, high), (2.0, 1.0, 3.0))
    check("the same again", study.bootstrap([0.1, 0.5, 0.2, 0.9]), study.bootstrap([0.1, 0.5, 0.2, 0.9]))
    values = [math.sin(k) for k in range(400)]
    mean, low, high = study.bootstrap(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) / len(values))
    if not all(abs(abs(end - mean) / deviation - 1.96) < 0.1 for end in (low, high)):
        sys.exit(f"of 400: {low} to {high}, expected about {1.96 * deviation} to either side of {mean}")


def page_has_the_numbers_of_the_records():
    sys.argv = ["figures.py", runs, "--out", os.path.join(out, "figures")]
    figures.main()
    sys.argv = ["report.py", runs, "--out", os.path.join(out, "report.html")]
    report.main()
    text = open(os.path.join(out, "report.html"), encoding="utf-8").read()
    elsewhere = re.findall(r'(?:src|href)="(?!#|data:)[^"]*"|url\([^)]*\)|@import', text)
    check("what the page takes from elsewhere", elsewhere, [])
    item = paper.load(runs, "fig8")
    for name, run in item.sweep.runs.items():
        series = run.series
        regret = 1000 * series["regret"][series["step"] > 0.8 * series["step"].iloc[-1]].mean()
        if f'{name}</td>' not in text or report.number(regret, 4) not in text or run.result["digest"] not in text:
            sys.exit(f"the page has not the regret {regret} of {name}")
    lines = [line for line in ledger.lines(os.path.join(runs, "fig8-small")) if line.state in ("running", "done")]
    seconds = sum(line.time if line.state == "done" else -line.time for line in lines)
    check("core-seconds of the members", round(sum(item.core_seconds().values()), 3), round(seconds, 3))
    if f"<td class=\"short\">{report.number(seconds / 3600)}</td>" not in text:
        sys.exit(f"the page has not the {seconds / 3600} core-hours")


core_hours_have_failures_and_restarts()
bootstrap_is_that_of_the_mean()
page_has_the_numbers_of_the_records()
