"""`make docs`: write everything that is generated and kept."""

import asyncio

import msgspec

from sixin.server.gateway.reference import examples
from tests.reference.pages import PAGES, ROOT
from tests.reference.transcript import play

TRANSCRIPT = ROOT / "src/sixin/server/gateway/reference" / examples.TRANSCRIPT_FILE


def main() -> None:
    """Write the files."""
    recorded = msgspec.json.encode(asyncio.run(play("socket")))
    TRANSCRIPT.write_bytes(msgspec.json.format(recorded, indent=1) + b"\n")
    for path, text in PAGES.items():
        path.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
