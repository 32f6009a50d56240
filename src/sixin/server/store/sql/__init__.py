"""SQL, written as SQL: each statement in a file, named and described."""

import re
from functools import cache
from pathlib import Path
from typing import Final

# Not importlib.resources: that costs each process of the store a sixth of its start.
_HERE: Final = Path(__file__).parent
_NAME: Final = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def statements(folder: str) -> dict[str, str]:
    """The statements of every `.sql` file directly in a folder of this package, by name, comments left out.

    In a file each statement stands under a line `-- its_name --`, with what it does and the index it walks below.
    """
    found: dict[str, str] = {}
    for file in (_HERE / folder).iterdir():
        if not file.name.endswith(".sql"):
            continue
        _, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are called {name}")
            lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
            found[name] = "\n".join(lines).strip().removesuffix(";")
    return found


def migrations(folder: str) -> list[str]:
    """The scripts that bring a schema from level 0 to the newest, in order: the n-th leads to level n.

    They are called `0001_what_it_does.sql`, without a gap.
    """
    files = sorted(
        (file for file in (_HERE / folder / "migrations").iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    for level, file in enumerate(files, 1):
        if not file.name.startswith(f"{level:04}_"):
            raise ValueError(f"{file.name} stands where migration {level:04} belongs")
    return [file.read_text(encoding="utf-8") for file in files]
