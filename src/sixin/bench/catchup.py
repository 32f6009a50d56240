"""Catching up: one user, many conversations, and a device that was away while each of them went on."""

import asyncio
from statistics import median
from time import perf_counter

import msgspec
from msgspec import Struct

from sixin.bench.link import Calls, Link
from sixin.bench.machine import used_by
from sixin.bench.prepare import FILLING_AT_ONCE, open_link, send_to_each
from sixin.bench.spawn import Running, Spawned, Target
from sixin.core.ids import Uid
from sixin.core.wire.bodies import ContactView, PullContactsAnswer

OWNER = Uid(900_000)
REPEATS = 5


class Device(Struct, frozen=True):
    """What a device holds when it comes back."""

    name: str
    contact_version: int
    messages: int
    """Of each conversation: its version there."""


class CaughtUp(Struct, frozen=True):
    """One way of catching up; medians of `REPEATS`."""

    device: str
    """`new` pulls its list of contacts. `returning` missed one message in each conversation: it finds them in the list,
    as the SDKs do. `behind` missed two in each: it pulls every one of them as well."""
    server: str
    """`warm`: it wrote those messages itself; `cold`: it was started since, and this is the first that it is
    asked."""
    conversations: int
    requests: int
    wall_ms: float
    """From before the connection is opened to the last answer, the client's own work included."""
    server_cpu_ms: float
    """What all processes of the server used meanwhile."""


async def catch_up(spawned: Spawned | Running, conversations: int, text_bytes: int) -> list[CaughtUp]:
    """Prepare the conversations, and catch up warm, then cold."""
    target = await spawned.start()
    peers = [Uid(OWNER + 1 + nth) for nth in range(conversations)]
    link, calls = await open_link(target, OWNER)
    devices = [Device("new", 0, 0)]
    for said, name in ((1, "behind"), (2, "returning")):
        await send_to_each(calls, peers, first_seq=said, text_bytes=text_bytes)
        devices.insert(1, Device(name, await _contact_version(calls), said))
    await send_to_each(calls, peers, first_seq=3, text_bytes=text_bytes)
    link.close()
    found = [await _warm(target, conversations, device) for device in devices]
    await spawned.stop()
    if spawned.keeps:
        found += [await _cold(spawned, conversations, device) for device in devices]
    return found


async def _contact_version(calls: Calls) -> int:
    after, more = 0, True
    while more:
        page = await _page(calls, after)
        after, more = page.version_id, page.more
    return after


async def _page(calls: Calls, after: int) -> PullContactsAnswer:
    answer = await calls.call("pull_contacts", {"after_version": after, "limit": 1_000})
    return msgspec.json.decode(answer, type=PullContactsAnswer)


class _Once(Struct, frozen=True):
    """One device, once."""

    requests: int
    wall_s: float
    cpu_s: float


async def _warm(target: Target, conversations: int, device: Device) -> CaughtUp:
    times = [await _once(target, conversations, device) for _ in range(REPEATS)]
    return _median_of(times, "warm", conversations, device)


async def _cold(spawned: Spawned | Running, conversations: int, device: Device) -> CaughtUp:
    """Started anew for each time: the first device of a server leaves a warmer one behind."""
    times = []
    for _ in range(REPEATS):
        times.append(await _once(await spawned.start(), conversations, device))
        await spawned.stop()
    return _median_of(times, "cold", conversations, device)


async def _once(target: Target, conversations: int, device: Device) -> _Once:
    await asyncio.sleep(0.1)  # what came before is not counted
    cpu_before_s, began = _cpu_s(target), perf_counter()
    link, requests = await _one_device(target, conversations, device)
    wall_s = perf_counter() - began
    await asyncio.sleep(0.05)
    cpu_s = _cpu_s(target) - cpu_before_s
    link.close()
    return _Once(requests, wall_s, cpu_s)


def _median_of(times: list[_Once], server: str, conversations: int, device: Device) -> CaughtUp:
    return CaughtUp(
        device=device.name,
        server=server,
        conversations=conversations,
        requests=times[-1].requests,
        wall_ms=round(median(one.wall_s for one in times) * 1_000, 1),
        server_cpu_ms=round(median(one.cpu_s for one in times) * 1_000, 1),
    )


async def _one_device(target: Target, conversations: int, device: Device) -> tuple[Link, int]:
    link, calls = await open_link(target, OWNER, 1)
    changed, after, more, requests = list[ContactView](), device.contact_version, True, 1
    while more:
        page = await _page(calls, after)
        changed += page.contacts
        after, more = page.version_id, page.more
        requests += 1
    if len(changed) != conversations:
        raise RuntimeError(f"{len(changed)} conversations of {conversations} were in the list")
    to_pull = [contact for contact in changed if device.messages and not _is_whole(contact, device)]
    requests += len(to_pull)
    gate = asyncio.Semaphore(FILLING_AT_ONCE)

    async def pull(contact: ContactView) -> None:
        async with gate:
            await calls.call("pull_new", {"session_id": contact.session_id, "after_version": device.messages})

    async with asyncio.TaskGroup() as pulling:
        for contact in to_pull:
            pulling.create_task(pull(contact))
    return link, requests


def _is_whole(contact: ContactView, device: Device) -> bool:
    """Whether all that the device lacks of a conversation stands in its line of the list (docs/protocol.md)."""
    preview = contact.last_message
    return preview is not None and preview.version_id == contact.message_version == device.messages + 1


def _cpu_s(target: Target) -> float:
    return sum(used.cpu_s for used in used_by(target.pids).values())
