"""The checker: judges all twelve sentences over one history, in a time linear in its length (but for logarithms)."""

from sixin.verify.case import Case
from sixin.verify.contract import Verdict
from sixin.verify.history import History
from sixin.verify.judges import contacts, counting, devices, refusals, sends, sweep, timelines


def check(history: History) -> Verdict:
    """Judge a history. Raises `msgspec.DecodeError` where its end state cannot be read."""
    case = Case(history)
    sweep.judge(case)
    timelines.judge(case)
    sends.judge(case)
    contacts.judge(case)
    counting.judge(case)
    refusals.judge(case)
    devices.judge(case)
    found = case.findings
    violations = sorted(found.violations, key=lambda violation: violation.sentence)
    counts = {f"{sentence} ({rule})": count for (sentence, rule), count in sorted(found.broken.items())}
    return Verdict(len(case.events), found.judged, violations, counts)
