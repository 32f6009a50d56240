"""The shared test vectors: cases in JSON that fix what the design means, for every language."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]

FOLDERS = (PROJECT.parent / "shared" / "vectors", PROJECT / "shared" / "vectors")
"""Where they lie beside or inside a checkout; `SIXIN_VECTORS` says another place."""


def folder() -> Path | None:
    """The folder of the vectors, if it is on this machine."""
    told = os.environ.get("SIXIN_VECTORS")
    return next((path for path in ([Path(told)] if told else FOLDERS) if path.is_dir()), None)


def vector(name: str) -> dict[str, Any]:
    """One file of them. Without the vectors, the tests that need them are skipped here and fail in CI."""
    found = folder()
    if found is None:
        message = f"The test vectors are not in {FOLDERS[0]}; SIXIN_VECTORS may say where they are."
        if os.environ.get("CI") or os.environ.get("SIXIN_VECTORS"):
            pytest.fail(message)
        pytest.skip(message)
    loaded: dict[str, Any] = json.loads((found / f"{name}.json").read_text(encoding="utf-8"))
    return loaded
