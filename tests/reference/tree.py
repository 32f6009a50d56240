"""The tree of the product with one line for each module, as the module itself says what it is."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "sixin"

BEGIN = "<!-- The tree, generated: `make docs`. -->"
END = "<!-- The end of what is generated. -->"

FOLDERS = {
    "client/store/sql": "The local store's SQL.",
    "server/bus": "The bus: what tells other nodes that something changed.",
    "server/store/sql/postgres": "PostgreSQL's.",
    "server/store/sql/postgres/citus": "For tables that are spread over a cluster.",
    "server/store/sql/postgres/migrations": "What brings a database to the newest level, in order.",
    "server/store/sql/sqlite": "SQLite's.",
    "server/store/sql/sqlite/migrations": "What brings a file to the newest level, in order.",
    "web": "The web app and the JavaScript SDK: plain ES modules, served as they lie here.",
    "web/app": "The web app.",
    "web/app/inspector": "The inspector beside the chat.",
    "web/app/models": "What is shown, without the page.",
    "web/app/views": "The page, without the network.",
    "web/app/words": "What the app says, in each language.",
    "web/sdk": "The JavaScript SDK.",
    "web/sdk/store": "Where a browser keeps its copy.",
}
"""Folders that have no module of their own to speak for them."""

_COMMENT = {
    ".js": re.compile(r"\A/\*\*(.*?)\*/", re.DOTALL),
    ".sql": re.compile(r"\A((?:--[^\n]*\n)+)"),
}
_NAME_OF_A_STATEMENT = re.compile(r"-- \w+ --$", re.MULTILINE)
_MARGIN = re.compile(r"^[ \t]*(?:\*|--)?[ \t]?", re.MULTILINE)


def tree() -> str:
    """The tree as nested Markdown lists."""
    return "\n".join(_folder(PACKAGE, depth=0))


def architecture_page() -> str:
    """`ARCHITECTURE.md`, with its tree as it now is."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tree()}\n\n{END}{after}"


def _folder(folder: Path, *, depth: int) -> Iterable[str]:
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        margin = "  " * depth
        link = path.relative_to(ROOT).as_posix()
        if path.is_dir() and any(map(line_of, path.rglob("*"))):
            yield f"{margin}- **{path.name}/**: {_line_of_folder(path)}"
            yield from _folder(path, depth=depth + 1)
        elif path.is_file() and path.name != "__init__.py" and (line := line_of(path)):
            yield f"{margin}- [`{path.name}`]({link}): {line}"


def _line_of_folder(folder: Path) -> str:
    name = folder.relative_to(PACKAGE).as_posix()
    return FOLDERS.get(name) or line_of(folder / "__init__.py")


def line_of(path: Path) -> str:
    """What a source says it is, in a line; empty for what is no source, or says nothing.

    Of Python the first line of the docstring, to the end of its sentence; of JavaScript and SQL the first sentence of
    the comment on top.
    """
    if path.suffix == ".py" and path.is_file():
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        first, *rest = docstring.partition("\n\n")[0].splitlines() or [""]
        # A line that ends in the middle of a sentence goes on to its end.
        return first if first.endswith(".") or not rest else f"{first} {_sentence(' '.join(rest))}"
    if path.suffix not in _COMMENT:
        return ""
    comment = _COMMENT[path.suffix].match(path.read_text("utf-8"))
    if comment is None:
        return ""
    if _NAME_OF_A_STATEMENT.match(comment[1]):
        return "Statements, each named and described."
    return _sentence(" ".join(_MARGIN.sub("", comment[1]).split()))


def _sentence(words: str) -> str:
    return re.split(r"(?<=[.。]) ", words, maxsplit=1)[0]
