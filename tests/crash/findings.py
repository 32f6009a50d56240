"""What was found to be wrong, and how much was looked at: a verdict that has looked at nothing is none."""

from collections import Counter
from typing import Final

EXAMPLES_MAX: Final = 5
"""Shown of each rule; all are counted."""


class Findings:
    """Grows from judge to judge."""

    def __init__(self) -> None:
        self.looked_at: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def look(self, rule: str, holds: bool, example: object = "") -> None:
        """One thing was looked at. `example`: what to show where it does not hold."""
        self.looked_at[rule] += 1
        if not holds:
            self.broken[rule] += 1
            examples = self._examples.setdefault(rule, [])
            if len(examples) < EXAMPLES_MAX:
                examples.append(str(example))

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return not self.broken

    def lines(self) -> list[str]:
        """Each rule with how often it was looked at, and examples of where it does not hold."""
        lines = []
        for rule, count in self.looked_at.items():
            broken = self.broken[rule]
            lines.append(f"{'BROKEN' if broken else 'ok':>6}  {rule}: {count:,}" + (f", {broken:,} not" * bool(broken)))
            lines += [f"          {example[:400]}" for example in self._examples.get(rule, [])]
        return lines
