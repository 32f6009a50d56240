"""A run in figures."""

import platform
import sqlite3
import statistics
from collections.abc import Sequence

from tests.crash.journal import Acknowledged, Started
from tests.crash.judge_journals import RENUMBERED
from tests.crash.run import Outcome


def summary(outcome: Outcome) -> str:
    """What is printed at the end."""
    plan, counts = outcome.evidence.plan, outcome.counts
    messages = sum(len(found) for found in outcome.evidence.rows.messages.values())
    people = len({device.uid for device in plan.devices})
    rows = [
        ("seed", f"{plan.seed}"),
        ("clients", f"{len(plan.devices)} devices of {people} people in {len(plan.processes)} processes"),
        ("machine", f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.system()}"),
        ("messages", f"{messages:,} of {plan.sends:,}" + " (time ran out)" * outcome.stopped_early),
        ("sessions", f"{len(outcome.evidence.rows.sessions):,}"),
        ("other operations", f"{counts.other:,} done, {counts.refused:,} refused (too late, no link, nothing there)"),
        ("kills", f"{len(outcome.outages)} of the server, {outcome.client_kills} of client processes"),
        ("sends per second", f"{messages / outcome.talked_s:,.0f} over {outcome.talked_s:,.0f} s, outages included"),
        ("sent again", f"{max(0, counts.send_frames - messages):,} sends whose first answer did not come"),
        ("numbered anew", f"{outcome.findings.looked_at[RENUMBERED]:,} sends whose seq_id another device had drawn"),
        ("reconnections", f"{max(0, counts.connections - len(plan.devices)):,}"),
        ("outbox after a kill", f"{_left_in_outboxes(outcome):,} entries found on the disks of killed clients"),
        ("server ready again", _seconds(_ready(outcome))),
        ("first acknowledgement", _seconds(_first_acknowledgements(outcome))),
        ("95 % connected again", _seconds(_back(outcome))),
        ("in step at the end", f"after {outcome.settled_s:.1f} s; judged in {outcome.judged_s:.1f} s"),
    ]
    width = max(len(name) for name, _ in rows)
    verdict = "Nothing lost, nothing doubled, every copy equal." if outcome.findings.ok else "BROKEN: see above."
    return "\n".join([*outcome.findings.lines(), "", *(f"{name:<{width}}  {text}" for name, text in rows), "", verdict])


def _ready(outcome: Outcome) -> list[float]:
    return [(outage.ready_ns - outage.killed_ns) / 1e9 for outage in outcome.outages]


def _back(outcome: Outcome) -> list[float]:
    return [(outage.back_ns - outage.killed_ns) / 1e9 for outage in outcome.outages if outage.back_ns]


def _first_acknowledgements(outcome: Outcome) -> list[float]:
    """From each kill to the first send that was acknowledged by the server's next life."""
    times = sorted(
        line.at_ns for witness in outcome.evidence.witnesses for line in witness.lines if isinstance(line, Acknowledged)
    )
    found = []
    for outage in outcome.outages:
        first = next((at_ns for at_ns in times if at_ns > outage.ready_ns), None)
        if first is not None:
            found.append((first - outage.killed_ns) / 1e9)
    return found


def _left_in_outboxes(outcome: Outcome) -> int:
    return sum(
        line.outbox for witness in outcome.evidence.witnesses for line in witness.lines if isinstance(line, Started)
    )


def _seconds(found: Sequence[float]) -> str:
    if not found:
        return "not measured"
    return f"{statistics.median(found):.2f} s after a kill (median), {max(found):.2f} s at most, of {len(found)}"
