"""What the documents tell people to type exists: programs are pieces of examples that run, commands are understood."""

import re
import shlex
from textwrap import dedent

import pytest

from sixin.cli.main import parser
from tests.house.repository import files, text_of
from tests.house.test_documents import FENCE, pages_of_this_repository

EXAMPLES = {"python": ".py", "js": ".js"}
SIXIN = re.compile(r"(?:^|\$\(|/)sixin ((?:[^\s)|#]| (?!#))+)", re.MULTILINE)
MAKE = re.compile(r"^make(?: [A-Z]+=\S+)* ([a-z]+)", re.MULTILINE)


def blocks(page: str, *languages: str) -> list[str]:
    """The code of a page in these languages, long lines in one piece."""
    found = [match[3] for match in FENCE.finditer(page) if match[2] in languages]
    return [dedent(block).strip("\n").replace("\\\n", " ") for block in found]


def is_piece_of(block: str, source: str) -> bool:
    """Whether a source holds these lines one after the other, however deep they stand there."""
    lines, count = source.splitlines(), block.count("\n") + 1
    return any(dedent("\n".join(lines[at : at + count])) == block for at in range(len(lines) - count + 1))


def pages() -> dict[str, str]:
    # A translation may translate comments; that its code is the same, test_documents.py sees.
    documents = pages_of_this_repository()
    return {path: text for path, text in documents.items() if path == "README.md" or path.startswith("docs/")}


def examples(suffix: str) -> list[str]:
    found = [path for path in files() if path.startswith("examples/") and path.endswith(suffix)]
    return [text for path in found if (text := text_of(path)) is not None]


def understood(command: str) -> bool:
    try:
        parser().parse_args(shlex.split(command))
    except SystemExit:
        return False
    return True


def test_every_program_in_the_documents_is_a_piece_of_an_example_that_runs() -> None:
    strange = [
        f"{path}:\n{block}"
        for path, text in pages().items()
        for language, suffix in EXAMPLES.items()
        for block in blocks(text, language)
        if not any(is_piece_of(block, source) for source in examples(suffix))
    ]
    assert strange == []


def test_the_program_of_the_readme_is_hello_from_its_first_import_to_its_end() -> None:
    _, _, program = (text_of("examples/hello.py") or "").partition("\n\n")
    assert blocks(pages()["README.md"], "python") == [program.strip("\n")]


def test_every_sixin_command_in_the_documents_is_understood() -> None:
    commands = [
        command
        for text in [*pages().values(), text_of("CONTRIBUTING.md") or ""]
        for block in blocks(text, "sh")
        for command in SIXIN.findall(block)
    ]
    assert len(commands) > 10
    assert [command for command in commands if not understood(command)] == []


def test_every_target_of_make_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile") or "", re.MULTILINE))
    documents = [*pages().values(), text_of("CONTRIBUTING.md") or ""]
    named = {target for text in documents for block in blocks(text, "sh") for target in MAKE.findall(block)}
    assert {"run", "test"} <= named <= targets


@pytest.mark.parametrize(
    ("block", "is_one"),
    [
        ("b\nc", True),
        ("if b:\n    c", True),
        ("b\nd", False),
        ("    c", False),
    ],
)
def test_a_piece_is_whole_lines_in_order(block: str, is_one: bool) -> None:
    assert is_piece_of(block, "a\nb\nc\n  if b:\n      c\n") is is_one


@pytest.mark.parametrize("command", ["surf", "serve --no-such-flag 1", "chat --to 1002", "token"])
def test_a_command_that_does_not_exist_is_refused(command: str) -> None:
    assert SIXIN.findall(f"TOKEN=$(.venv/bin/sixin {command})  # what it does") == [command]
    assert not understood(command)
