"""Short runs against a real server: the harness measures what it says, and its figures are not looked at."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sixin.bench.fleet import Measured, divided
from sixin.bench.plan import Plan
from sixin.bench.population import Population
from sixin.bench.report import Report, load, markdown
from sixin.bench.scenarios import Asked, Bench, run
from sixin.bench.spawn import Spawned

ENOUGH = 100
"""So many operations in a window, and what falls across its two ends is a few in a hundred."""


def reported(scenario: str, store: str = "memory", **asked: object) -> Report:
    settings = Asked(**{"connections": 6, "seconds": 0.4, "warmup_s": 0.1, "messages": 200, "contacts": 4} | asked)  # type: ignore[arg-type]
    report = Report(scenario=scenario, store=store, durability="", command="a test")
    return asyncio.run(run(scenario, Bench(settings, Spawned(store=store), report, lambda line: None)))


def reported_undisturbed(scenario: str, store: str = "memory", **asked: object) -> Report:
    """A run that did enough for its figures to be held against each other.

    A busy machine can hold one commit, or the whole process, for longer than a short window is.
    """
    for seconds in (0.4, 1.6, 6.4):
        report = reported(scenario, store, **asked, seconds=seconds)
        if all(part.achieved_per_s * part.seconds >= ENOUGH for part in report.measured):
            break
    return report


def sound(part: Measured) -> bool:
    return part.verdict is not None and part.verdict.acknowledged > 0 and part.verdict.faults == []


def test_a_closed_loop_on_a_durable_server_loses_nothing() -> None:
    (part,) = reported_undisturbed("send", store="sqlite").measured
    assert sound(part)
    assert part.errors == {}
    assert part.achieved_per_s > 0
    # An acknowledgement and two notices for the sender, two notices for the other.
    assert part.frames_per_s == pytest.approx(5 * part.achieved_per_s, rel=0.2)
    assert {share.name for share in part.processes} == {"server", "SQLite writer", "SQLite reader"}
    assert sum(share.written_bytes_per_op for share in part.processes) > 0


def test_an_open_loop_keeps_its_rate_over_two_processes() -> None:
    (part,) = reported("send", rate=200.0, workers=2, seconds=1.0).measured
    assert sound(part)
    assert part.generator.processes == 2
    assert part.offered_per_s == pytest.approx(200, rel=0.35)
    assert part.latency["send"].count == round(part.offered_per_s * part.seconds)


def test_a_mix_does_every_operation_and_is_refused_none() -> None:
    (part,) = reported("mix").measured
    assert sound(part)
    assert part.errors == {}
    assert len(part.latency) == 8


def test_one_message_reaches_every_device_of_both() -> None:
    sends, typing = reported("fanout", connections=128, seconds=1.0).measured
    assert sound(sends)
    assert sends.latency["delivered"].count == pytest.approx(2 * sends.latency["send"].count, rel=0.3)
    assert sends.frames_per_s > 100 * sends.achieved_per_s
    assert typing.frames_per_s > 30 * typing.achieved_per_s


def test_reads_are_measured_warm_and_cold() -> None:
    parts = {part.traffic: part for part in reported("pulls", store="sqlite").measured}
    assert {"pull_new, warm", "pull_new, cold", "pull_contacts, cold"} < parts.keys()
    assert all(part.errors == {} and part.achieved_per_s > 0 for part in parts.values())


def test_a_device_catches_up_with_every_conversation() -> None:
    caught = reported("catchup", conversations=30).caught_up
    assert [(one.device, one.requests) for one in caught] == [("new", 2), ("returning", 2), ("behind", 32)]


def test_idle_connections_are_weighed() -> None:
    (idle,) = reported("idle", connections=60).idle
    assert idle.connections == 60
    assert idle.opened_per_s > 0


def test_the_command_writes_a_report_and_says_what_it_found(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = ["bench", "--store", "memory", "--connections", "4", "--seconds", "0.3", "--warmup", "0.1"]
    done = subprocess.run(
        [sys.executable, "-m", "sixin.cli.main", *command, "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Verdict: no fault." in done.stdout
    assert re.search(r"\d+ answered", done.stderr)
    assert markdown(load(file)) == done.stdout


def test_a_plan_is_divided_without_loss() -> None:
    plan = Plan(
        host="",
        port=0,
        secret="",
        traffic="send",
        population=Population(9),
        links=list(range(9)),
        rate=90.0,
        asking=[0, 3, 8],
    )
    parts = divided(plan, 2)
    assert sorted(link for part in parts for link in part.links) == plan.links
    assert sorted(link for part in parts for link in part.asking) == plan.asking
    assert sum(part.rate for part in parts) == pytest.approx(90)
