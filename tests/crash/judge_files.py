"""The bytes on the disk: what was taken back is in none of them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tests.crash.findings import Findings
from tests.crash.journal import Queued
from tests.crash.judge_journals import Witness, digest_of
from tests.crash.rows import Rows

TOKEN: Final = re.compile(rb"<[0-9]+-[0-9]+-[0-9]{6,}>")
"""How every text of a run begins, and a long one ends."""


def judge_files(files: Iterable[Path], witnesses: list[Witness], rows: Rows, findings: Findings) -> None:
    """Look for the words of recalled and deleted messages in files that nobody has open any more."""
    taken_back, kept = _tokens(witnesses, rows)
    for path in files:
        found = set(TOKEN.findall(path.read_bytes()))
        traces = found & taken_back
        findings.look("a file on disk holds nothing that was taken back", not traces, (path.name, sorted(traces)[:3]))
        if path.name == "sixin.db":
            # Else the search would prove nothing.
            findings.look("the search finds what was not taken back", kept <= found, sorted(kept - found)[:3])


def _tokens(witnesses: list[Witness], rows: Rows) -> tuple[set[bytes], set[bytes]]:
    """Of the messages that lost their content, and of those that did not."""
    lost = {message.digest for messages in rows.messages.values() for message in messages if message.status != "normal"}
    texts: dict[bool, set[bytes]] = {True: set(), False: set()}
    for witness in witnesses:
        for line in witness.lines:
            if isinstance(line, Queued):
                token = line.text.split(" ", 1)[0].encode()
                texts[digest_of(line.text) in lost].add(token)
    return texts[True], texts[False]
