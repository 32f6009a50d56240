"""Every program of `examples/` does what it says, against a real server."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

import sixin
from sixin.client import Client
from tests.examples.sixin_server import SECRET, ServingSixin
from tests.services.server import free_port

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
DEADLINE_S = 60

pytestmark = pytest.mark.timeout(180)  # each starts several programs, on machines that do other things too

ANN, BOB = 1001, 1002


@pytest.fixture(scope="module")
def server() -> Iterator[ServingSixin]:
    """Shared by this module: each example keeps to users of its own."""
    with ServingSixin() as server:
        yield server


def run(example: str, *arguments: object, cwd: Path, **environment: str) -> str:
    """Run an example to its end. Gives what it printed."""
    command = [sys.executable, str(EXAMPLES / example), *map(str, arguments)]
    ran = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE_S, env={**os.environ, **environment}
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def until_says(me: Client, peer: int, words: str) -> None:
    """Wait until the newest message of a conversation says this."""
    async with asyncio.timeout(DEADLINE_S), me.open_chat(peer):
        heard = me.events()
        while not (page := await me.history(peer)).messages or page.messages[-1].text != words:
            await anext(heard)


def test_hello_is_said_heard_counted_and_read(server: ServingSixin, tmp_path: Path) -> None:
    printed = run("hello.py", server.url, server.token(ANN), server.token(BOB), cwd=tmp_path)
    assert printed.splitlines() == [
        "1001 says: 你好，Bob!",
        "unread: 1",
        "unread: 0",
        "number 1 of session 1001:1002",
    ]
    assert (tmp_path / "ann.db").exists()


def test_what_was_written_in_a_tunnel_arrives_and_can_be_taken_back(server: ServingSixin, tmp_path: Path) -> None:
    printed = run("offline.py", server.url, server.token(1003), BOB, cwd=tmp_path)
    assert printed.splitlines() == [
        "waiting: ['send', 'send']",
        "delivered: I am in the tunnel. | waiting: []",
        "recalled: recalled None",
    ]


def test_history_goes_back_to_the_beginning(server: ServingSixin, tmp_path: Path) -> None:
    async def talk() -> None:
        async with sixin.connect(server.url, server.token(1004)) as me, asyncio.timeout(DEADLINE_S):
            for nth in range(1, 46):
                await me.send(BOB, f"line {nth}")
            await me.synced()

    asyncio.run(talk())
    printed = run("history.py", server.url, server.token(BOB), 1004, cwd=tmp_path)
    assert printed.splitlines() == [f"{nth} 1004 line {nth}" for nth in range(45, 0, -1)]


def test_a_retry_over_http_is_one_message(server: ServingSixin, tmp_path: Path) -> None:
    printed = run("http_send.py", server.url, server.token(1005), BOB, 4711, cwd=tmp_path)
    assert printed == "said once: True, as number 1\n"


def test_a_token_that_an_application_made_opens_the_door(server: ServingSixin, tmp_path: Path) -> None:
    token = run("mint_token.py", 1006, cwd=tmp_path, SIXIN_SECRET=SECRET).strip()
    assert run("http_send.py", server.url, token, BOB, 1, cwd=tmp_path) == "said once: True, as number 1\n"


async def test_the_bot_answers_now_and_what_came_while_it_was_away(server: ServingSixin, tmp_path: Path) -> None:
    async with sixin.connect(server.url, server.token(1007)) as me:
        await (await me.send(2000, "are you there?")).delivered()
        for words in ("are you there?", "and now?"):
            async with bot(server, tmp_path):
                await until_says(me, 2000, f"You said: {words}")
                if words == "are you there?":
                    await me.send(2000, "still here")
                    await until_says(me, 2000, "You said: still here")
            if words == "are you there?":
                await (await me.send(2000, "and now?")).delivered()
        said = [message.text for message in (await me.history(2000)).messages]
    assert sorted(text for text in said if text and text.startswith("You said")) == [
        "You said: and now?",
        "You said: are you there?",
        "You said: still here",
    ]


@asynccontextmanager
async def bot(server: ServingSixin, cwd: Path) -> AsyncIterator[None]:
    """The bot, while it runs; then ended as its owner ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / "bot.py"),
        server.url,
        server.token(2000),
        cwd=cwd,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            assert await process.stdout.readline() == b"bot 2000 is ready\n"
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_the_page_talks_in_a_real_browser(chromium: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(EXAMPLES / "chat.html", site)
    # What a person would do with the page, done by a script behind it.
    (site / "chat.js").write_text(f"{(EXAMPLES / 'chat.js').read_text('utf-8')}\n{TYPES_SOMETHING}", "utf-8")
    shutil.copytree(ROOT / "src/sixin/web/sdk", site / "sdk")
    port = free_port()
    with ServingSixin(origins=f"http://127.0.0.1:{port}") as server:
        async with sixin.connect(server.url, server.token(BOB)) as bob, site_at(port, site) as says:
            await (await bob.send(ANN, "hello, page")).delivered()
            address = f"http://127.0.0.1:{port}/chat.html#url={server.url}&token={server.token(ANN)}&to={BOB}"
            async with browser(chromium, tmp_path / "profile", address), asyncio.timeout(DEADLINE_S):
                await until_says(bob, ANN, "hello, Bob")
                assert await says.get() == "1002: hello, page | 1001: hello, Bob | unread: 0"


TYPES_SOMETHING = """
document.querySelector("input").value = "hello, Bob";
document.querySelector("form").requestSubmit();
for (;;) {
  const lines = [...document.querySelectorAll("li"), document.querySelector("p")].map((one) => one.innerText);
  const shown = lines.join(" | ");
  if (lines.length === 3 && !shown.includes("…") && shown.endsWith("unread: 0")) {
    await fetch("/shown", { method: "POST", body: shown });
    break;
  }
  await new Promise((turn) => setTimeout(turn, 50));
}
"""


@asynccontextmanager
async def site_at(port: int, folder: Path) -> AsyncIterator[asyncio.Queue[str]]:
    """The application's own web server, and what its page says it shows."""
    says: asyncio.Queue[str] = asyncio.Queue(1)

    async def take(request: web.Request) -> web.Response:
        await says.put(await request.text())
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/shown", take), web.static("/", folder)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield says
    finally:
        await runner.cleanup()


@asynccontextmanager
async def browser(chromium: Path, profile: Path, address: str) -> AsyncIterator[None]:
    """A browser that looks at a page."""
    quiet = ["--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    process = await asyncio.create_subprocess_exec(
        str(chromium),
        *(*quiet, *sandbox, f"--user-data-dir={profile}", "--remote-debugging-port=0", address),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
