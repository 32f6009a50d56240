"""Metrics: what is counted is what happened, and every one is documented."""

from prometheus_client.parser import text_string_to_metric_families

from sixin.core.wire.bodies import OPERATIONS
from tests.reference.pages import metrics_page
from tests.server.house import House, until

ANN, BOB = 1001, 1002


async def figures(house: House) -> dict[str, float]:
    """Every sample of this node's own metrics, by name and label."""
    status, body = await house.get("/metrics")
    assert status == 200
    return {
        sample.name + "".join(f"[{value}]" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if sample.name.startswith("sixin_")
    }


async def test_every_metric_is_documented_and_every_documented_one_is_there(house: House) -> None:
    found = {name.partition("[")[0] for name in await figures(house)}
    page = metrics_page()
    documented = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    # Byes have no sample before the first one.
    assert found | {"sixin_byes_total"} == documented


async def test_the_process_is_measured_too(house: House) -> None:
    _, body = await house.get("/metrics")
    assert b"process_resident_memory_bytes" in body
    assert b"python_gc_collections_total" in body


async def test_what_happened_is_counted(house: House) -> None:
    ann, bob = await house.device(ANN), await house.device(BOB)
    for seq_id in range(1, 6):
        await ann.say(BOB, "a", seq_id)
    await ann.ask("unread")
    found = await figures(house)
    assert found["sixin_requests_total[send]"] == 5
    assert found["sixin_requests_total[unread]"] == 1
    assert found["sixin_commands_total"] == 5
    assert 1 <= found["sixin_commits_total"] <= 5
    assert found["sixin_commands_waiting"] == 0
    assert found["sixin_notices_total"] == 20  # a message and a contact, for each of two connections
    assert (found["sixin_connections"], found["sixin_users"], found["sixin_bus_healthy"]) == (2, 2, 1)
    assert found["sixin_cache_hits_total"] > 0
    await bob.socket.close()
    await until(lambda: len(house.node.websocket.conversations) == 1)
    found = await figures(house)
    assert (found["sixin_connections"], found["sixin_users"]) == (1, 1)


async def test_every_operation_has_its_counter_from_the_start(house: House) -> None:
    found = await figures(house)
    assert {name for name in found if name.startswith("sixin_requests")} == {
        f"sixin_requests_total[{op}]" for op in OPERATIONS
    }


async def test_refusals_are_counted_by_code_wherever_they_happen(house: House) -> None:
    before = await figures(house)
    await house.post("/v1/unread", b"{}", token="no token")
    await house.post("/v1/unread", b"[]", token=house.token(ANN))
    await house.post("/v1/nothing", b"{}", token=house.token(ANN))
    ann = await house.device(ANN)
    await ann.ask_raw("nothing", b"{}")
    await ann.send_frame(b"{")
    await ann.answer(None)
    stranger = await house.connect()
    await stranger.ask_raw("hello", b'{"token":"no token"}')
    await stranger.rest()
    after = await figures(house)
    counted = {name: after[name] - before.get(name, 0) for name in after if "refusals" in name or "byes" in name}
    assert {name: count for name, count in counted.items() if count} == {
        "sixin_refusals_total[unauthenticated]": 2,
        "sixin_refusals_total[bad_request]": 3,
        "sixin_refusals_total[not_found]": 1,
        "sixin_byes_total[unauthenticated]": 1,
    }
