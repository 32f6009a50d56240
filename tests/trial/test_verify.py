"""`sixin verify` against real servers: good ones keep the contract, bad ones are found out, and the rest is said."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from sixin.bench.spawn import Spawned, Target
from sixin.bench.tokens import mint
from sixin.core.ids import Uid
from sixin.trial.ends import CouldNotRun
from sixin.trial.report import Report, for_people
from sixin.trial.run import Wanted, run
from sixin.trial.users import Users
from tests.trial.liar import Liar


def url_of(target: Target) -> str:
    return f"http://{target.host}:{target.port}"


async def tried(url: str, users: Users, seconds: float = 3.0, seed: int = 7) -> Report:
    return await run(url, users, Wanted(seed, seconds), lambda line: None)


async def command(*words: str) -> tuple[int, str, str]:
    """What the command answers: exit code, output, progress."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sixin.cli.main", "verify", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, told = await process.communicate()
    return process.returncode or 0, said.decode(), told.decode()


async def test_a_good_server_is_told_so_and_the_report_can_be_kept(server: Target, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    code, said, told = await command(
        url_of(server), "--secret", server.secret, "--seconds", "4", "--seed", "11", "--json", str(file)
    )
    assert code == 0, said
    assert "The contract was kept (seed 11)." in said
    assert re.findall(r"^[ \d]\d  (\w+) +[\d,]+ times", said, re.MULTILINE) == ["kept"] * 12
    assert told.count(" operations; ") >= 3
    report = msgspec.json.decode(file.read_bytes())
    assert report["seed"] == 11
    assert report["server_version"] == report["version"]
    assert [sentence["verdict"] for sentence in report["sentences"]] == ["kept"] * 12
    assert server.secret not in file.read_text()
    assert '"token"' not in file.read_text()


EVERY_FAULT = {
    "connections cut",
    "connections refused",
    "frames delayed",
    "notices doubled",
    "notices lost",
    "notices moved",
    "requests doubled",
}
EVERY_OPERATION = {"send", "recall", "delete", "clear", "read", "pin", "pull_new", "pull_old", "unread"}


async def test_everything_is_done_to_the_links_and_every_operation_is_asked(server: Target) -> None:
    faults, operations, refused = set[str](), set[str](), set[str]()
    for seed in range(5):  # one is enough, but on a very slow machine
        report = await tried(url_of(server), Users.minted(3, server.secret), seconds=5, seed=seed)
        assert report.kept, for_people(report)
        assert report.unsettled == []
        faults |= set(report.faults)
        operations |= set(report.outcomes)
        refused |= set(report.outcomes["hello"].refused)
        if faults >= EVERY_FAULT and operations >= EVERY_OPERATION and "unauthenticated" in refused:
            return
    assert (faults, EVERY_OPERATION - operations) == (EVERY_FAULT, set())
    assert "unauthenticated" in refused, "a stolen token was still believed"


async def test_afterwards_nobodys_words_are_left_in_anybodys_list(server: Target) -> None:
    users = Users.minted(2, server.secret)
    report = await tried(url_of(server), users, seconds=2)
    assert report.kept
    one, other = users.uids
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {users.token(one, 'later')}"}) as http:
        async with http.post(f"{url_of(server)}/v1/pull_contacts", json={"after_version": 0}) as listed:
            assert [contact["status"] for contact in (await listed.json())["contacts"]] == ["deleted"]
        stored = f"{url_of(server)}/v1/admin/inspect/session/{one}:{other}"
        async with http.get(stored, headers={"Authorization": f"Bearer {users.admin}"}) as rows:
            messages = (await rows.json())["messages"]
    assert len(messages) > 5
    assert sum(message["content"] is not None for message in messages) == report.words_left
    with pytest.raises(CouldNotRun, match="has talked before"):
        await tried(url_of(server), users, seconds=1)


async def test_a_count_that_is_one_too_high_is_found_out(server: Target) -> None:
    def lie(frame: dict[str, Any]) -> dict[str, Any]:
        contact = frame.get("contact") or frame.get("ok", {}).get("contact")
        if contact is not None and contact["unread"]:
            contact["unread"] += 1
        return frame

    async with Liar(server.port, lie) as liar:
        report = await tried(liar.url, Users.minted(2, server.secret))
    assert "7 (unread)" in report.counts
    broken = next(one for one in report.sentences if one.number == 7)
    assert broken.verdict == "broken"
    assert broken.violations[0].evidence
    assert "THE CONTRACT WAS BROKEN: sentence" in for_people(report)


async def test_an_acknowledged_message_that_is_swallowed_is_missed_and_the_command_says_so(server: Target) -> None:
    acknowledged: list[str] = []

    def lie(frame: dict[str, Any]) -> dict[str, Any] | None:
        answer = frame.get("ok", {})
        if "message" in answer and len(acknowledged) < 20:
            acknowledged.append(answer["message"]["msg_id"])
        if "messages" in answer:
            answer["messages"] = [said for said in answer["messages"] if said["msg_id"] not in acknowledged[9:10]]
        return frame

    async with Liar(server.port, lie) as liar:
        code, said, _ = await command(liar.url, "--secret", server.secret, "--seconds", "3", "--seed", "5")
    assert code == 1
    assert " 1  broken " in said
    assert "acknowledged and lost" in said


async def test_whoever_may_not_talk_is_registered_first() -> None:
    async with Spawned(store="memory", settings=("--users", "registered")) as spawned:
        target = await spawned.start()
        report = await tried(url_of(target), Users.minted(2, target.secret), seconds=1.5)
    assert report.kept, for_people(report)


async def test_tokens_may_be_brought_along(server: Target, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("\n".join(mint(server.secret, Uid(uid)) for uid in (71, 72)))
    code, said, _ = await command(url_of(server), "--tokens", str(file), "--seconds", "2", "--ops", "80", "--quiet")
    assert code == 0, said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["http://127.0.0.1:1", "--secret", "s" * 40], "http://127.0.0.1:1 cannot be reached"),
        (["ftp://127.0.0.1", "--secret", "s" * 40], "is not the address of a server"),
        (["http://127.0.0.1:1"], "Tokens for the users"),
        (["http://127.0.0.1:1", "--secret", "s" * 40, "--users", "1"], "--users is 2 to 50"),
        (["http://127.0.0.1:1", "--tokens", "/nowhere"], "No such file"),
    ],
)
async def test_where_there_is_no_verdict_it_says_why(words: list[str], why: str) -> None:
    code, said, told = await command(*words, "--quiet")
    assert (code, said) == (2, "")
    assert why in told


async def test_a_token_that_is_not_taken_is_no_verdict(server: Target) -> None:
    with pytest.raises(CouldNotRun, match="is not let in"):
        await tried(url_of(server), Users.minted(2, "another secret of thirty-two characters"))
