"""`sixin`: what a command loads, and that every command is found."""

import subprocess
import sys
from pathlib import Path

import pytest

import sixin.cli
from sixin.cli.main import COMMANDS, main

LOADED = "import sys; from sixin.cli.main import main; main(sys.argv[1:]); print(*sys.modules, sep='\\n')"


def loaded_by(*words: str) -> set[str]:
    """The modules of a process that ran a command."""
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


def test_a_token_is_printed_without_a_server_or_a_client_in_memory(tmp_path: Path) -> None:
    loaded = loaded_by("token", "1001", "--data", str(tmp_path))

    assert "sixin.cli.token" in loaded
    assert loaded.isdisjoint({"sixin.cli.serve", "sixin.server.app", "sixin.client", "aiohttp", "asyncpg", "nats"})


def test_every_file_that_adds_a_command_is_one() -> None:
    (folder,) = sixin.cli.__path__
    files = {path.stem for path in Path(folder).glob("*.py") if "\ndef add_parser(" in path.read_text(encoding="utf-8")}

    assert files == set(COMMANDS)


def test_what_is_no_command_is_answered_with_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["tokem"])

    said = capsys.readouterr().err
    assert all(command in said for command in COMMANDS)
