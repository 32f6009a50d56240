"""The sources keep the house's habits."""

import ast
import re

import pytest

from tests.house.repository import files, text_of

FILE_LINES_MAX = 600

# Where people and build machines keep their checkouts; a path from there works on one machine only.
CHECKOUT_FOLDERS = ("root", "work", "farm", "workspace", "home", "Users")

ENGINES = {
    "sixin.server.store.memory",
    "sixin.server.store.sqlite",
    "sixin.server.store.postgres",
    "sixin.server.bus.local",
    "sixin.server.bus.nats",
}


def says_what_it_is(source: str) -> bool:
    """Tell whether a module's first line says what it is. An empty one has nothing to say."""
    if not source.strip():
        return True

    docstring = ast.get_docstring(ast.parse(source))
    return source.startswith('"""') and bool(docstring) and not source.startswith('"""\n')


def paths_of_one_machine(text: str) -> list[str]:
    """Find absolute paths into somebody's checkout; the same words inside an address or a relative path are fine."""
    folders = "|".join(CHECKOUT_FOLDERS)
    return re.findall(rf"(?<![\w./-])/(?:{folders})/[\w./-]*", text)


def engines_named(module: str, source: str) -> list[str]:
    """List the engines that a module imports, itself and what belongs to it left out."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            named.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    foreign = {engine for engine in ENGINES if not f"{module}.".startswith(f"{engine}.")}
    return sorted(engine for engine in foreign if any(f"{name}.".startswith(f"{engine}.") for name in named))


def sources(folder: str, suffix: str = "") -> dict[str, str]:
    inside = [path for path in files() if path.startswith(folder) and path.endswith(suffix)]
    return {path: text for path in inside if (text := text_of(path)) is not None}


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    assert [path for path, source in sources("src/sixin/", ".py").items() if not says_what_it_is(source)] == []


def test_no_file_of_the_product_is_too_long_to_read() -> None:
    long = {
        path: count for path, text in sources("src/sixin/").items() if (count := text.count("\n")) >= FILE_LINES_MAX
    }
    assert long == {}


def test_no_path_works_on_one_machine_only() -> None:
    here = "tests/house/test_sources.py"
    found = {
        path: paths for path, text in sources("").items() if path != here and (paths := paths_of_one_machine(text))
    }
    assert found == {}


def test_only_the_app_knows_an_engine_by_name() -> None:
    # As a test and not as a contract of import-linter, which refuses to run while one of the modules is still to come.
    modules = {path.removeprefix("src/").removesuffix(".py").replace("/", "."): path for path in sources("src/", ".py")}
    named = {module: engines_named(module, text_of(path) or "") for module, path in modules.items()}
    assert {module: engines for module, engines in named.items() if engines and module != "sixin.server.app"} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import os\n",
        '# a comment\n"""Too late."""\n',
        '"""\nToo low."""\n',
        "'''In other quotes.'''\n",
        '""""""\n',
    ],
)
def test_a_module_that_does_not_say_what_it_is_is_refused(source: str) -> None:
    assert not says_what_it_is(source)


@pytest.mark.parametrize("source", ["", '"""What a user is."""\n', '"""What a user is.\n\nAnd why.\n"""\n'])
def test_a_module_that_says_what_it_is_is_accepted(source: str) -> None:
    assert says_what_it_is(source)


@pytest.mark.parametrize("text", ["cd /root/sixin", 'open("/work/sixin/x")', "see `/home/ann/x`", "file:/Users/ann/x"])
def test_a_path_of_one_machine_is_refused(text: str) -> None:
    assert len(paths_of_one_machine(text)) == 1


@pytest.mark.parametrize(
    "text", ["https://example.org/work/x", "/var/lib/sixin/", "./work/x", "src/work/x", "/workers/"]
)
def test_a_path_that_only_looks_like_it_is_accepted(text: str) -> None:
    assert paths_of_one_machine(text) == []


@pytest.mark.parametrize(
    "source",
    [
        "import sixin.server.store.sqlite",
        "from sixin.server.store.sqlite import SqliteStore",
        "from sixin.server.store import sqlite",
        "def late():\n    from sixin.server.bus.nats import NatsBus",
        "from sixin.server.store.postgres.pool import Pool",
    ],
)
def test_an_engine_named_by_an_operation_is_refused(source: str) -> None:
    assert len(engines_named("sixin.server.operations.send", source)) == 1


def test_an_engine_may_know_its_own_parts_and_everybody_the_seam() -> None:
    assert engines_named("sixin.server.store.postgres.pool", "from sixin.server.store.postgres import sql") == []
    assert engines_named("sixin.server.operations.send", "from sixin.server.store.base import Store") == []
