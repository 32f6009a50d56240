"""Who is where: a node knows that it knows, or asks."""

from sixin.core.ids import Uid
from sixin.core.limits import BUS_EXPIRY_S, BUS_HEARTBEAT_S, BUS_UIDS_MAX
from sixin.server.bus.routes import Count, Here, Moved, Routes

ANN, BEN, CID = Uid(1), Uid(2), Uid(3)


def followed(by: Routes, of: Routes, now: float = 0.0) -> None:
    """Give a node the whole list of another."""
    for users in of.users():
        by.take_users(users, now)


def test_announcements_in_order_are_followed_without_asking() -> None:
    here, there = Routes("here"), Routes("there")
    followed(by=here, of=there)
    for step in (there.connect, there.disconnect, there.connect):
        step(ANN)
        moved = there.announcement()
        assert moved is not None
        here.take_moved(moved, 0.0)
        assert here.is_connected(ANN) is (ANN in there.own)
    here.take_here(there.here(), 0.0)

    assert here.to_ask(10.0) == []
    assert here.nodes_of([BEN, ANN]) == ["there"]
    assert here.nodes_of([BEN]) == []


def test_who_comes_and_goes_at_once_is_not_spoken_of() -> None:
    there = Routes("there")
    there.connect(ANN)
    there.disconnect(ANN)
    assert there.announcement() is None

    there.connect(ANN)
    assert there.announcement() == Moved("there", 1, [ANN], [])
    there.disconnect(ANN)
    there.connect(ANN)
    assert there.announcement() is None


def test_a_lost_announcement_is_noticed_by_the_next_one_and_by_the_heartbeat() -> None:
    for notice in ("announcement", "heartbeat"):
        here, there = Routes("here"), Routes("there")
        followed(by=here, of=there)
        there.connect(ANN)
        assert there.announcement() is not None  # nobody hears it
        if notice == "announcement":
            there.connect(BEN)
            moved = there.announcement()
            assert moved is not None
            here.take_moved(moved, 0.0)
            assert here.is_connected(BEN)
        else:
            here.take_here(there.here(), 0.0)

        assert here.to_ask(0.0) == ["there"]
        followed(by=here, of=there)
        assert here.to_ask(10.0) == []
        assert here.is_connected(ANN)


def test_a_node_is_asked_once_a_heartbeat_until_it_answers() -> None:
    here = Routes("here")
    here.take_here(Here("there", 5), 0.0)
    assert here.to_ask(0.0) == ["there"]
    assert here.to_ask(BUS_HEARTBEAT_S / 2) == []
    assert here.to_ask(BUS_HEARTBEAT_S) == ["there"]


def test_a_list_is_taken_only_whole() -> None:
    here, there = Routes("here"), Routes("there")
    here.take_moved(Moved("there", 1, [ANN], []), 0.0)
    for uid in range(1, 2 * BUS_UIDS_MAX + 2):
        there.connect(Uid(uid))
    there.announcement()
    there.disconnect(ANN)
    there.announcement()
    parts = list(there.users())
    assert [len(part.uids) for part in parts] == [BUS_UIDS_MAX, BUS_UIDS_MAX]

    here.take_users(parts[0], 0.0)
    assert here.is_connected(ANN)
    here.take_users(parts[1], 0.0)
    assert not here.is_connected(ANN)
    assert here.is_connected(Uid(2 * BUS_UIDS_MAX + 1))


def test_a_list_of_which_a_part_was_lost_is_asked_for_again() -> None:
    here, there = Routes("here"), Routes("there")
    for uid in range(1, 2 * BUS_UIDS_MAX + 2):
        there.connect(Uid(uid))
    there.announcement()
    here.take_here(there.here(), 0.0)
    assert here.to_ask(0.0) == ["there"]
    _, second, third = there.users()
    here.take_users(second, 0.0)
    here.take_users(third, 0.0)

    assert here.to_ask(BUS_HEARTBEAT_S) == ["there"]
    followed(by=here, of=there)
    assert here.to_ask(2 * BUS_HEARTBEAT_S) == []
    assert here.is_connected(ANN)


def test_parts_of_two_revisions_do_not_make_a_list() -> None:
    here, there = Routes("here"), Routes("there")
    for uid in range(1, BUS_UIDS_MAX + 2):
        there.connect(Uid(uid))
    there.announcement()
    here.take_here(there.here(), 0.0)
    before, _ = there.users()
    here.take_users(before, 0.0)
    there.disconnect(ANN)
    there.connect(Uid(BUS_UIDS_MAX + 2))
    there.announcement()
    _, after = there.users()
    here.take_users(after, 0.0)

    assert here.to_ask(0.0) == ["there"]
    assert not here.is_connected(ANN)


def test_what_was_not_announced_yet_is_not_in_the_list_of_that_revision() -> None:
    here, there = Routes("here"), Routes("there")
    there.connect(ANN)
    there.announcement()
    there.connect(BEN)
    there.disconnect(ANN)
    followed(by=here, of=there)
    assert here.is_connected(ANN)
    assert not here.is_connected(BEN)

    moved = there.announcement()
    assert moved is not None
    here.take_moved(moved, 0.0)
    assert here.is_connected(BEN)
    assert not here.is_connected(ANN)
    assert here.to_ask(10.0) == []


def test_a_node_that_is_not_heard_expires_with_its_users() -> None:
    here, there = Routes("here"), Routes("there")
    there.connect(ANN)
    there.announcement()
    followed(by=here, of=there, now=1.0)
    assert here.expire(1.0 + BUS_EXPIRY_S) == []
    assert here.is_connected(ANN)
    assert here.expire(1.1 + BUS_EXPIRY_S) == ["there"]
    assert not here.is_connected(ANN)


def test_a_missing_message_is_found_by_the_next_one_and_by_the_count() -> None:
    here = Routes("here")
    assert [here.take_number("there", number, 0.0) for number in (1, 2, 4, 5)] == [False, False, True, False]
    assert not here.take_count(Count("there", 5), 0.0)
    assert here.take_count(Count("there", 6), 0.0)
    assert not here.take_count(Count("there", 6), 0.0)
    # A node that forgot this one counts from the beginning.
    assert here.take_count(Count("there", 0), 0.0)
    assert not here.take_number("there", 1, 0.0)


def test_a_node_that_said_goodbye_has_left_until_nothing_of_it_can_come_any_more() -> None:
    here, there = Routes("here"), Routes("there")
    there.connect(ANN)
    followed(by=here, of=there)
    here.leave("there", 0.0)
    assert here.has_left("there")
    assert here.peers == {}
    here.expire(BUS_EXPIRY_S)
    assert here.has_left("there")
    here.expire(BUS_EXPIRY_S + 0.1)
    assert not here.has_left("there")
