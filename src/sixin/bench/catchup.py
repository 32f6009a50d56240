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
    """`warm`: it wrote those messages itself; `cold`: it was started since."""
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
    found = [await _measure(target, "warm", conversations, device) for device in devices]
    await spawned.stop()
    if spawned.keeps:
        target = await spawned.start()
        found += [await _measure(target, "cold", conversations, device) for device in devices]
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


async def _measure(target: Target, server: str, conversations: int, device: Device) -> CaughtUp:
    walls, cpus, requests = [], [], 0
    for _ in range(REPEATS):
        await asyncio.sleep(0.1)  # what came before is not counted
        cpu_before_s, began = _cpu_s(target), perf_counter()
        link, requests = await _one_device(target, conversations, device)
        walls.append(perf_counter() - began)
        await asyncio.sleep(0.05)
        cpus.append(_cpu_s(target) - cpu_before_s)
        link.close()
    return CaughtUp(
        device=device.name,
        server=server,
        conversations=conversations,
        requests=requests,
        wall_ms=round(median(walls) * 1_000, 1),
        server_cpu_ms=round(median(cpus) * 1_000, 1),
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
