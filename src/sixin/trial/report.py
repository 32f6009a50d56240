"""What a trial leaves: one report that can be read, and attached to an incident."""

import platform
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from sixin.verify.contract import SENTENCES, Verdict, Violation
from sixin.verify.history import Call, History
from sixin.version import __version__

Word = Literal["kept", "broken", "not exercised"]


class Outcomes(Struct):
    """What came of one operation."""

    asked: int = 0
    answered: int = 0
    refused: dict[str, int] = field(default_factory=Counter)
    """By code."""
    unanswered: int = 0


class Judged(Struct, frozen=True):
    """One sentence of the contract."""

    number: int
    sentence: str
    verdict: Word
    exercised: int
    """How many facts of the run it was held against."""
    violations: list[Violation] = []
    """Each with the smallest part of the history that shows it."""


class Report(Struct, kw_only=True):
    """One trial."""

    url: str
    seed: int
    users: list[str]
    devices: int
    """Of each user."""
    seconds: float
    at: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    version: str = __version__
    """Of the checker and the SDK."""
    server_version: str = ""
    """As the deployment's own reference says."""
    python: str = field(default_factory=platform.python_version)
    operations: int = 0
    outcomes: dict[str, Outcomes] = {}
    faults: dict[str, int] = {}
    notices: int = 0
    unsettled: list[str] = []
    """Devices that were not done after a minute of good weather."""
    sentences: list[Judged] = []
    counts: dict[str, int] = {}
    """How often each rule was broken."""
    words_left: int = 0
    """Messages whose content stays on the server: their sender had cleared them."""

    @property
    def kept(self) -> bool:
        """Whether no sentence was broken."""
        return not self.counts

    def save(self, file: Path) -> None:
        """Write it as JSON, readable in a diff."""
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def judged(verdict: Verdict) -> list[Judged]:
    """A verdict, sentence by sentence."""
    found: list[Judged] = []
    for number, sentence in SENTENCES.items():
        violations = [violation for violation in verdict.violations if violation.sentence == number]
        word: Word = "broken" if violations else "kept" if verdict.judged[number] else "not exercised"
        found.append(Judged(number, sentence, word, verdict.judged[number], violations))
    return found


def outcomes_of(history: History) -> dict[str, Outcomes]:
    """What came of each operation."""
    found: dict[str, Outcomes] = {}
    for call in history.events:
        if not isinstance(call, Call):
            continue
        outcomes = found.setdefault(call.op, Outcomes())
        outcomes.asked += 1
        if call.answer is not None:
            outcomes.answered += 1
        elif call.error is not None:
            outcomes.refused[call.error.code] = outcomes.refused.get(call.error.code, 0) + 1
        else:
            outcomes.unanswered += 1
    return dict(sorted(found.items()))


WIDTH = 110


def for_people(report: Report) -> str:
    """The report as text."""
    all_outcomes = report.outcomes.values()
    refused = sum(sum(outcomes.refused.values()) for outcomes in all_outcomes)
    unanswered = sum(outcomes.unanswered for outcomes in all_outcomes)
    faults = ", ".join(f"{count:,} {fault}" for fault, count in sorted(report.faults.items())) or "none"
    asked = (
        f"{report.operations:,} operations of {len(report.users)} users on {report.devices} devices each in "
        f"{report.seconds:.0f} s: {refused:,} refused, {unanswered:,} unanswered; {report.notices:,} notices told."
    )
    lines = [
        asked,
        f"Faults: {faults}.",
        "",
    ]
    for one in report.sentences:
        head = f"{one.number:2}  {one.verdict:13}  {one.exercised:7,} times  "
        wrapped = textwrap.wrap(one.sentence, WIDTH - len(head))
        lines.append(head + wrapped[0])
        lines += [" " * len(head) + rest for rest in wrapped[1:]]
        for violation in one.violations:
            lines.append(f"      {violation.rule}: {violation.says}")
            lines += [f"        {_shortly(evidence)}" for evidence in violation.evidence]
    lines += ["", _said(report)]
    return "\n".join(lines) + "\n"


def _shortly(evidence: object) -> str:
    return textwrap.shorten(msgspec.json.encode(evidence).decode(), 4 * WIDTH, placeholder=" …")


def _said(report: Report) -> str:
    again = f"seed {report.seed}"
    if report.kept:
        return f"The contract was kept ({again})."
    broken = ", ".join(str(one.number) for one in report.sentences if one.verdict == "broken")
    times = sum(report.counts.values())
    return f"THE CONTRACT WAS BROKEN: sentence {broken}, {times:,} times ({again})."
