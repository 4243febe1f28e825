"""What a sweep's ledger says of time: when each member was under way, how that ended, and what it cost.

    import ledger
    sessions = ledger.sessions("runs/study/ridge")      # a row per time that a member was under way
    ledger.core_seconds(sessions, ranks)                # of all of them, those that failed or died too

A session begins with a line `running` and ends with the next line that its writer has for this member: preempted, failed,
diverged or done. Of a launch that died there is no such line: its sessions end with the last line that any of its ranks
wrote, so that what they cost is a lower bound (what a member did between its launch's last line and its death is in no
ledger). All numbers of cores are ranks: a rank with several threads counts once.
"""
import glob
import os
import zlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

import needs

needs.check("numpy", "pandas")

import pandas as pd

AFTER_DEATH = "its launch died"  # why a member is queued again
ENDS = ("preempted", "failed", "diverged", "done")
COLUMNS = ["member", "writer", "start", "end", "outcome"]


@dataclass
class Line:
    sequence: int
    time: float  # seconds since 1970
    member: str
    state: str
    detail: str
    writer: str


def parse(text, writer):
    """A line, or None where it is not whole: SEQUENCE TIME MEMBER STATE DETAIL CRC."""
    body, _, crc = text.rpartition(" ")
    fields = body.split(" ", 4)
    try:
        whole = len(fields) == 5 and int(crc, 16) == zlib.crc32(body.encode())
        time = datetime.fromisoformat(fields[1].replace("Z", "+00:00")).timestamp() if whole else 0
    except ValueError:
        return None
    return Line(int(fields[0]), time, unquote(fields[2]), fields[3], fields[4], writer) if whole else None


def lines(folder):
    """All whole lines of a sweep's folder, in the order in which they were written: by their numbers, since the clocks of
    several hosts may differ."""
    found = []
    for path in sorted(glob.glob(os.path.join(folder, "ledger", "*.txt"))):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            parsed = (parse(text.rstrip("\n"), os.path.basename(path)[:-4]) for text in file)
            found += [line for line in parsed if line]
    return sorted(found, key=lambda line: (line.sequence, line.time))


def end_of_dead(written, line):
    """When a session whose launch died was surely still under way: the last sign of life before the next launch, which
    queues again, all at one time, what was left running."""
    later = [other.time for other in written if other.time >= line.time and other is not line and
             (other.detail == AFTER_DEATH or (other.member == line.member and other.state == "running"))]
    return max(other.time for other in written if other is line or not later or other.time < min(later))


def sessions(folder):
    """A row per session, in the order of their beginnings; an empty table where there is no ledger."""
    written, under_way, rows = lines(folder), {}, []

    def ended(began, time, outcome):
        rows.append((began.member, began.writer, began.time, time, outcome))

    for line in written:
        began = under_way.get(line.member)
        if began and line.state in ENDS and began.writer == line.writer:
            ended(under_way.pop(line.member), line.time, line.state)
        elif began and (line.state == "running" or line.detail == AFTER_DEATH):
            ended(under_way.pop(line.member), end_of_dead(written, began), "died")
        if line.state == "running":
            under_way[line.member] = line
    for began in under_way.values():
        ended(began, end_of_dead(written, began), "died")
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("start", kind="stable", ignore_index=True)


def core_seconds(table, ranks, until=float("inf")):
    """What the sessions cost up to a moment: seconds × ranks of a member, which is one number or one for each name."""
    seconds = (table["end"].clip(upper=until) - table["start"]).clip(lower=0)
    return float((seconds * (table["member"].map(ranks) if isinstance(ranks, dict) else ranks)).sum())


def summary(table, ranks):
    """What the core-hours of a sweep were for: by outcome, and how often a member was begun again."""
    parts = {outcome: core_seconds(table[table["outcome"] == outcome], ranks) / 3600 for outcome in (*ENDS, "died")}
    restarts = len(table) - table["member"].nunique()
    return {"core_hours": sum(parts.values()), "restarts": restarts, **{f"core_hours_{k}": v for k, v in parts.items()}}
