"""The contract as data: its twelve sentences, and what is found when one of them is broken."""

from typing import Final

from msgspec import Struct, field

from sixin.verify.history import Evidence

SENTENCES: Final[dict[int, str]] = {
    1: "An acknowledged send is stored durably (fsync'd, or committed by the database) before the acknowledgement "
    "leaves.",
    2: "It is in its session's timeline exactly once, however often the sender retried, over whichever door, node or "
    "device.",
    3: "A send that was not acknowledged is there once or not at all, and a retry with the same `seq_id` finds out "
    "which.",
    4: "Everybody sees the messages of a session in one order; if a's acknowledgement came before b was sent, a stands "
    "before b.",
    5: "Versions become visible in order: whoever has pulled a timeline up to version v never misses a row with a "
    "version at or below v.",
    6: "A device that pulls until nothing is new holds exactly what the server holds for that user: messages, "
    "contacts, counts. However the notices were lost, doubled or reordered, however long it slept.",
    7: "`unread` of a contact is the number of messages by others, not recalled, not deleted, visible to the user, "
    "above both watermarks. The total is the sum over contacts that are not muted and not deleted. Both are exact "
    "after every operation, and can be recomputed from the messages.",
    8: "Watermarks never go back. Reading on one device clears the others.",
    9: "A recalled or deleted message keeps its place, loses its content everywhere (history, pulls, previews, search, "
    "caches), and tells both sides. What lies at or below a user's clear watermark never comes back for that user, "
    "also when it is recalled later.",
    10: "Deleting for oneself, clearing, pinning, muting and labelling change nothing that the other side can see.",
    11: "Nobody reads, changes or learns the existence of a session they are not in. After a block, a kick, a leave or "
    "a revoked token, nothing more is delivered, within a bound that is tested.",
    12: "A refused operation changes nothing and says which rule refused it. A restart, a cold cache or another node "
    "gives the same answers.",
}

EXAMPLES_MAX: Final = 10
"""Violations of one rule that are kept with their evidence; the others are counted. Ten show a pattern, and one lost
message early in a long history would else be reported by everything that came after it."""


class Violation(Struct, frozen=True):
    """One sentence broken once, with the smallest part of the history that shows it."""

    sentence: int
    rule: str
    """Which part of the sentence's meaning: a heading of `docs/contract.md`."""
    says: str
    evidence: tuple[Evidence, ...] = ()

    def __str__(self) -> str:
        return f"{self.sentence} ({self.rule}): {self.says}"


class Findings:
    """What the judges found."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []
        self.judged: dict[int, int] = dict.fromkeys(SENTENCES, 0)
        """How many facts each sentence was held against: a sentence that nothing was held against is not kept, it is
        untested."""
        self.broken: dict[tuple[int, str], int] = {}

    def breaks(self, sentence: int, rule: str, says: str, *evidence: Evidence) -> None:
        """A sentence is broken."""
        count = self.broken.get((sentence, rule), 0)
        self.broken[sentence, rule] = count + 1
        if count < EXAMPLES_MAX:
            self.violations.append(Violation(sentence, rule, says, evidence))


class Verdict(Struct, frozen=True):
    """The judgement over one history, sentence by sentence."""

    events: int
    judged: dict[int, int]
    violations: list[Violation] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """How often each rule was broken, as `"sentence (rule)"`."""

    @property
    def kept(self) -> bool:
        """Whether no sentence was broken."""
        return not self.counts

    @property
    def broken(self) -> set[int]:
        """The sentences that were broken."""
        return {violation.sentence for violation in self.violations}

    def __str__(self) -> str:
        lines = []
        for number, sentence in SENTENCES.items():
            found = [violation for violation in self.violations if violation.sentence == number]
            word = "BROKEN" if found else "kept" if self.judged[number] else "not judged"
            lines.append(f"{number:2} {word:10} {self.judged[number]:9} facts  {sentence.split('. ')[0][:80]}")
            lines += [f"      {violation}" for violation in found]
        return "\n".join(lines)
