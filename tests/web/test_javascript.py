"""The browser's code outside a browser: its own tests, and its types."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import sixin
from tests.web.npm import VERSIONS, node, package

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


TYPESCRIPT_PROGRAM = """
import { connect, type Contact, type Message } from "@sixin/sdk";
import { MemoryStore } from "@sixin/sdk/store/memory.js";

const me = await connect({ url: "https://chat.example.org", token: "t", store: "memory" });
const lines: string[] = me.contacts.map(({ peer, unread }: Contact) => `${peer} ${unread.toFixed()}`);
const { messages }: { messages: Message[] } = await me.history("1:2", { limit: 5 });
const msg_id: string = messages[0]!.msg_id;
me.send({ to: "2" }, "hello", { reply_to: msg_id });
await new MemoryStore().apply({ contact_version: lines.length });
// @ts-expect-error an id is never a number
me.contact(12);
"""


def test_the_package_for_npm_has_types_that_a_typescript_program_can_use(tmp_path: Path) -> None:
    compiler = [node(), str(package("typescript") / "bin" / "tsc")]
    installed = tmp_path / "node_modules" / "@sixin" / "sdk"
    shutil.copytree(WEB / "sdk", installed)
    manifest = json.loads((installed / "package.json").read_text())
    assert manifest["devDependencies"] == {"typescript": VERSIONS["typescript"]}
    tsc, *options = manifest["scripts"]["prepack"].split()
    assert tsc == "tsc"
    done = subprocess.run([*compiler, *options], cwd=installed, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout

    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.ts").write_text(TYPESCRIPT_PROGRAM)
    strict = "--noEmit --strict --module nodenext --target es2022 --lib es2023,dom program.ts"
    done = subprocess.run(
        [*compiler, *strict.split()], cwd=tmp_path, capture_output=True, text=True, timeout=55, check=False
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
