"""The programs of this folder that people run by hand: told to end, they leave no server behind."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest

from tests.cluster.nodes import DEADLINE_S, until
from tests.services.fixtures import found
from tests.services.programs import NATS, POSTGRES


@pytest.mark.parametrize("name", ["faults", "latency"])
async def test_a_program_that_is_told_to_end_stops_the_servers_it_started(name: str) -> None:
    found(POSTGRES)
    found(NATS)
    program = await asyncio.create_subprocess_exec(sys.executable, "-m", f"tests.cluster.{name}", stdout=DEVNULL)
    try:
        # PostgreSQL, NATS and a node serve: it is in the midst of its work.
        await until(lambda: any("serve" in words_of(pid) for pid in below(program.pid)))
        started = below(program.pid)
        program.terminate()
        async with asyncio.timeout(DEADLINE_S):
            assert await program.wait() == 1
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))
    finally:
        if program.returncode is None:
            program.kill()


def below(pid: int) -> set[int]:
    """A process's children, their children, and so on."""
    found_pids: set[int] = set()
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, listed.read_text().split()):
            found_pids |= {child} | below(child)
    return found_pids


def words_of(pid: int) -> list[str]:
    """Its command line; nothing where it has just ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except FileNotFoundError:
        return []
