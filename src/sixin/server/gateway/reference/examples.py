"""The documented examples: a transcript of what a server really answered. A test plays it again and compares.

Two people of the demo, Ann (1001) and Bob (1002), do everything once. `make docs` records it anew.
"""

from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct

from sixin.server.gateway.reference.schemas import Json

TRANSCRIPT_FILE: Final = "transcript.json"

TOKEN: Final = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMDAxIn0.c2lnbmVkLWJ5LXlvdXItc2VydmVy"  # noqa: S105
"""Stands where the transcript had a real token."""


class Step(Struct, frozen=True):
    """One request and what was answered."""

    title: str
    uid: str
    op: str
    body: Json
    ok: Json | None = None
    error: Json | None = None


class Transcript(Struct, frozen=True):
    """Everything that was said."""

    hello: Step
    steps: list[Step]
    notices: dict[str, Json]
    """One of each kind, as Bob's device got them."""
    admin: dict[str, Json]
    """What the admin's routes were asked and answered."""

    def of(self, op: str) -> list[Step]:
        """The steps of one operation that were not refused."""
        return [step for step in self.steps if step.op == op and step.ok is not None]

    def refusals(self) -> dict[str, Json]:
        """An error object for each code that was met."""
        return {step.error["code"]: step.error for step in self.steps if step.error is not None}


def load_transcript() -> Transcript:
    """The one in the package."""
    recorded = files(__package__).joinpath(TRANSCRIPT_FILE).read_bytes()
    return msgspec.json.decode(recorded, type=Transcript)
