"""`make docs`: write everything that is generated and kept."""

import asyncio

import msgspec

from sixin.server.gateway.reference import examples
from tests.reference.pages import PAGES
from tests.reference.transcript import play
from tests.reference.tree import ROOT

TRANSCRIPT = ROOT / "src/sixin/server/gateway/reference" / examples.TRANSCRIPT_FILE


def main() -> None:
    """Write the files."""
    TRANSCRIPT.write_bytes(_by_lines(asyncio.run(play("socket"))))
    for path, text in PAGES.items():
        path.write_text(text(), "utf-8")


def _by_lines(transcript: examples.Transcript) -> bytes:
    """As JSON with one step a line: a change shows as the lines that changed."""
    encode = msgspec.json.encode
    return b'{"hello":%b,\n"steps":[\n%b\n],\n"notices":%b,\n"admin":%b}\n' % (
        encode(transcript.hello),
        b",\n".join([encode(step) for step in transcript.steps]),
        encode(transcript.notices),
        encode(transcript.admin),
    )


if __name__ == "__main__":
    main()
