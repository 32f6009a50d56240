"""The browser's code outside a browser: its own tests, and its types."""

import re
import subprocess
from pathlib import Path

import pytest

import sixin
from tests.web.npm import node, package

WEB = Path(sixin.__file__).parent / "web"
TESTS = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.test.js")), ids=lambda path: path.stem)
def test_node_finds_nothing_wrong(path: Path) -> None:
    done = subprocess.run([node(), "--test", str(path)], capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout[-4_000:]
    assert re.search(r"pass [1-9]", done.stdout)


def test_every_module_is_what_its_types_say() -> None:
    compiler = package("typescript") / "bin" / "tsc"
    done = subprocess.run(
        [node(), str(compiler), "-p", str(WEB)], capture_output=True, text=True, timeout=55, check=False
    )
    assert done.returncode == 0, done.stdout


def test_models_know_no_dom_and_views_no_network() -> None:
    for path in [*WEB.glob("sdk/**/*.js"), *WEB.glob("app/models/*.js")]:
        assert not re.search(r"\bdocument\.(create|query|body)", path.read_text()), path.name
    for path in WEB.glob("app/views/*.js"):
        assert not re.search(r"\bfetch\(|new WebSocket|indexedDB", path.read_text()), path.name


def test_nothing_turns_text_into_markup_or_into_a_program() -> None:
    for path in [*WEB.rglob("*.js"), *WEB.rglob("*.html")]:
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style",
            path.read_text(),
        )
        assert found is None, f"{path.name}: {found}"


def test_colours_are_named_in_one_file() -> None:
    for path in WEB.glob("styles/*.css"):
        if path.name != "colors.css":
            assert not re.search(r"#[0-9a-f]{3,8}\b", path.read_text()), path.name
