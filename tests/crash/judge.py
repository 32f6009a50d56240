"""All judges over one run."""

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from tests.crash.findings import Findings
from tests.crash.judge_copies import Pulled, Views, judge_copies, judge_pulls
from tests.crash.judge_files import judge_files
from tests.crash.judge_history import judge_history
from tests.crash.judge_journals import Witness, judge_journals
from tests.crash.judge_rows import judge_rows
from tests.crash.plan import Plan
from tests.crash.rows import Rows


class Evidence(Struct):
    """What a run leaves behind."""

    plan: Plan
    folder: Path
    """Where the devices wrote down what they held at the end."""
    rows: Rows
    witnesses: list[Witness]
    pulled: list[Pulled]
    files: list[Path]
    """Every database on this disk, closed, with whatever lies beside it."""
    recorded: bool = False
    """Whether every frame was kept."""


def judge(evidence: Evidence) -> Findings:
    """Look at everything."""
    findings = Findings()
    judge_rows(evidence.rows, findings)
    judge_journals(evidence.witnesses, evidence.rows, findings)
    views = Views(evidence.rows)
    judge_copies(evidence.plan, evidence.folder, views, findings)
    judge_pulls(evidence.pulled, views, findings)
    judge_files(evidence.files, evidence.witnesses, evidence.rows, findings)
    if evidence.recorded:
        judge_history(evidence.witnesses, evidence.folder, evidence.rows, findings)
    return findings


def files_of(databases: Iterable[Path]) -> list[Path]:
    """Database files and their logs."""
    return [found for path in databases for found in sorted(path.parent.glob(f"{path.name}*"))]
