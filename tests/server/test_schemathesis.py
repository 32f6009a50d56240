"""Whatever OpenAPI allows, and what it forbids, thrown at a real server: it answers as documented, and never 5xx."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis

from sixin.server.app import reference
from tests.server.house import House, open_house

EXAMPLES_MAX = 4
"""For each of the 24 routes and each kind of data; beside what its coverage phase derives from the schemas."""


@pytest.fixture(scope="module")
def running() -> Iterator[House]:
    """A server in a thread of its own, as the requests come from a client that blocks."""
    opened: list[House] = []
    ready, over = threading.Event(), threading.Event()

    async def run() -> None:
        async with open_house(users="any") as house:
            opened.append(house)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(10)
    yield opened[0]
    over.set()
    thread.join(10)
    assert not thread.is_alive()


schema = schemathesis.openapi.from_dict(json.loads(reference()["openapi"]))


@schema.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """Two rules that JSON Schema cannot say: a whole number is written as one (1, not 1.0), and in the id of a pair the
    smaller uid stands first."""
    if not isinstance(body, dict):
        return body
    return {name: _session_in_order(_whole(value)) for name, value in body.items()}


@schema.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    """The same for a session in a path."""
    return {name: _session_in_order(value) for name, value in (path_parameters or {}).items()}


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(part) for part in value]
    return {name: _whole(part) for name, part in value.items()} if isinstance(value, dict) else value


def _session_in_order(value: Any) -> Any:
    pair = re.fullmatch("([1-9][0-9]{0,18})(:|%3A)([1-9][0-9]{0,18})", value) if isinstance(value, str) else None
    return pair[2].join(sorted((pair[1], pair[3]), key=int)) if pair else value


@schema.parametrize()
@hypothesis.settings(max_examples=EXAMPLES_MAX, deadline=None, derandomize=True, database=None)
def test_the_server_keeps_what_openapi_promises(case: schemathesis.Case[Any], running: House) -> None:
    case.call_and_validate(
        base_url=running.url, headers={"Authorization": f"Bearer {running.token(1001, role='admin')}"}
    )
