"""The servers that other tests lean on are real, strict, and can be killed."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import nats
import nats.errors
import pytest
from nats.aio.client import Client

from tests.services.__main__ import main
from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer
from tests.services.programs import Program

ROOT = Path(__file__).parents[2]


async def test_what_was_committed_outlives_a_killed_postgres(postgres_of_my_own: PostgresServer) -> None:
    url = postgres_of_my_own.url
    before = await asyncpg.connect(url)
    await before.execute("CREATE TABLE said (words text)")
    await before.execute("INSERT INTO said VALUES ('你好')")
    await before.execute("BEGIN")
    await before.execute("INSERT INTO said VALUES ('never committed')")

    await asyncio.to_thread(postgres_of_my_own.kill)
    before.terminate()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncpg.connect(url)
    await asyncio.to_thread(postgres_of_my_own.start)

    after = await asyncpg.connect(url)
    assert [row["words"] for row in await after.fetch("SELECT words FROM said")] == ["你好"]
    await after.close()


async def test_postgres_stops_in_good_order_while_somebody_is_connected(postgres_of_my_own: PostgresServer) -> None:
    guest = await asyncpg.connect(postgres_of_my_own.url)
    await asyncio.to_thread(postgres_of_my_own.restart)

    again = await asyncpg.connect(postgres_of_my_own.url)
    assert await again.fetchval("SELECT 1") == 1
    await again.close()
    guest.terminate()


async def test_postgres_is_durable_and_its_user_is_not_its_master(postgres_url: str) -> None:
    link = await asyncpg.connect(postgres_url)
    assert [await link.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")] == ["on", "on"]
    assert await link.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert await link.fetchval("SHOW server_encoding") == "UTF8"
    await link.close()


async def test_postgres_refuses_a_wrong_password(postgres_server: PostgresServer) -> None:
    wrong = postgres_server.url.replace(postgres_server.password, "guess")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


@pytest.mark.parametrize("time", ["first", "second"])
async def test_an_empty_database_is_empty_each_time(empty_postgres_url: str, time: str) -> None:
    link = await asyncpg.connect(empty_postgres_url)
    await link.execute("CREATE TABLE mine (who text)")
    await link.execute("INSERT INTO mine VALUES ($1)", time)
    assert await link.fetchval("SELECT count(*) FROM mine") == 1
    await link.close()


async def test_a_database_is_as_new_for_the_next_one_whatever_was_done_to_it(postgres_server: PostgresServer) -> None:
    name = await asyncio.to_thread(postgres_server.lend_database)
    guest = await asyncpg.connect(postgres_server.url_of(name))
    await guest.execute("CREATE SCHEMA mine CREATE TABLE mine.words (word text)")
    await guest.execute("CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    await guest.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await guest.execute(f'REVOKE ALL ON DATABASE "{name}" FROM sixin')
    # He is still there, in the middle of something.
    await guest.execute("BEGIN")
    await guest.execute("LOCK TABLE mine.words")
    await asyncio.to_thread(postgres_server.take_back, name)
    guest.terminate()

    assert await asyncio.to_thread(postgres_server.lend_database) == name
    next_one = await asyncpg.connect(postgres_server.url_of(name))
    made = (
        "SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')"
    )
    assert await next_one.fetchval(f"{made} AND relnamespace <> 'information_schema'::regnamespace") == 0
    assert await next_one.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname = 'mine'") == 0
    assert await next_one.fetchval("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == 0
    await next_one.execute("CREATE SCHEMA mine")
    await next_one.close()
    await asyncio.to_thread(postgres_server.take_back, name)


async def test_nats_carries_what_is_published(nats_url: str) -> None:
    link = await nats.connect(nats_url)
    heard = await link.subscribe("house.words")
    await link.publish("house.words", "你好".encode())
    assert (await heard.next_msg(timeout=5)).data.decode() == "你好"
    await link.close()


async def test_nats_refuses_a_wrong_password(nats_of_my_own: NatsServer) -> None:
    wrong = nats_of_my_own.url.replace(nats_of_my_own.password, "guess")
    link = Client()
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization violation"):
        await link.connect(wrong, allow_reconnect=False)
    await link.close()  # it keeps the socket of a refused connection open


async def test_a_client_finds_a_killed_nats_again_where_it_was(nats_of_my_own: NatsServer) -> None:
    back = asyncio.Event()

    async def note_return() -> None:
        back.set()

    link = await nats.connect(
        nats_of_my_own.url, reconnected_cb=note_return, reconnect_time_wait=0.05, max_reconnect_attempts=-1
    )
    await asyncio.to_thread(nats_of_my_own.kill)
    await asyncio.to_thread(nats_of_my_own.start)
    async with asyncio.timeout(10):
        await back.wait()
    await link.flush()
    await link.close()


def test_chromium_shows_a_page(chromium: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<title>x</title><script>document.title = 'ran: ' + [1, 2].at(-1)</script>", encoding="utf-8")
    quiet = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [str(chromium), "--headless", *sandbox, *quiet, "--disable-sync", profile, "--dump-dom", page.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    assert "<title>ran: 2</title>" in shown.stdout


@pytest.mark.parametrize(("ci", "fate", "exit_code"), [("true", "fail", 1), ("", "be skipped", 0)])
def test_what_cannot_be_had_is_said_and_fails_in_ci_only(
    ci: str, fate: str, exit_code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = Program("Nowhere", find=lambda: None, debian="", wheel=None)
    monkeypatch.setattr("tests.services.__main__.PROGRAMS", [nowhere])
    monkeypatch.setattr("os.geteuid", lambda: 1000)  # nobody who could install it
    monkeypatch.setenv("CI", ci)
    assert main() == exit_code
    assert capsys.readouterr().out == f"Nowhere: not found, its tests will {fate}\n"


SAMPLE = """
    import pytest

    def test_with_something_missing():
        pytest.skip("no such thing here")

    @pytest.mark.xfail(reason="known")
    def test_of_a_known_weakness():
        raise ValueError
"""


@pytest.mark.parametrize(
    ("ci", "ending", "exit_code"),
    [
        pytest.param("true", "1 failed, 1 xfailed", 1, id="a judge fails"),
        pytest.param("", "1 skipped, 1 xfailed", 0, id="a laptop skips"),
    ],
)
def test_a_skip_is_allowed_on_a_laptop_only(tmp_path: Path, ci: str, ending: str, exit_code: int) -> None:
    (tmp_path / "test_sample.py").write_text(textwrap.dedent(SAMPLE), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.services.fixtures", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(
        [*command, f"--rootdir={tmp_path}", "-c", os.devnull],
        cwd=ROOT,
        env={**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ending in run.stdout
    assert run.returncode == exit_code
