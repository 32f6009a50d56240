"""Commands beside the queue: who waits for rows that somebody holds, in which order he goes on, when he gives up."""

from sixin.core.commands import Command, Pin, Policy, PutProfile, Send
from sixin.core.contact import Profile
from sixin.core.ids import Uid, pair_session_id
from sixin.core.limits import ASIDE_MAX_S, ASIDE_RETRY_S
from sixin.core.rows import Keys
from sixin.server.store.aside import Aside, Waiting

ANN, BEN, CAT, DAN = (Uid(nth) for nth in range(1, 5))


def send(one: Uid, other: Uid, seq_id: int) -> Command:
    return Send(one, pair_session_id(one, other), seq_id, b"{}", b"")


def waiting(*commands: Command) -> list[Waiting]:
    return [Waiting(command, lambda outcome: None) for command in commands]


def commands(found: list[Waiting]) -> list[Command]:
    return [one.command for one in found]


def test_who_needs_what_is_held_waits_and_so_does_what_comes_later_for_the_same_conversation() -> None:
    aside = Aside(Policy())
    first, other, pin = send(ANN, BEN, 1), send(CAT, DAN, 1), Pin(BEN, pair_session_id(ANN, BEN), pinned=True)
    free, late = aside.part(waiting(first, other, pin), Keys(users={ANN}), now_s=0)
    assert (commands(free), late, len(aside)) == ([other], [], 2)
    assert aside.needs_held(send(CAT, ANN, 1))
    assert aside.needs_held(PutProfile(Profile(ANN)))
    assert not aside.needs_held(send(BEN, CAT, 1))


def test_those_whose_rows_were_let_go_go_on_in_the_order_in_which_they_came() -> None:
    aside = Aside(Policy())
    sends = [send(ANN, BEN, 1), send(CAT, DAN, 1), send(ANN, CAT, 1), send(DAN, CAT, 2)]
    aside.part(waiting(*sends), Keys(users={ANN, DAN}), now_s=0)
    assert len(aside) == 4
    assert aside.due_in_s(0) == ASIDE_RETRY_S

    free, _ = aside.look(Keys(users={DAN}), now_s=1)
    assert commands(free) == [sends[0], sends[2]]
    free, _ = aside.look(Keys(), now_s=2)
    assert commands(free) == [sends[1], sends[3]]
    assert len(aside) == 0
    assert not aside.needs_held(sends[0])


def test_who_is_held_up_again_and_again_gives_up_after_the_limit_whatever_holds_him() -> None:
    aside = Aside(Policy())
    free, _ = aside.part(waiting(send(ANN, BEN, 1)), Keys(users={ANN}), now_s=0)
    assert free == []
    free, _ = aside.look(Keys(), now_s=1)
    # Nothing is seen to be held, and yet it could not be written.
    free, _ = aside.part(free, Keys(), now_s=2)
    free, late = aside.part(free, Keys(users={BEN}), now_s=ASIDE_MAX_S)
    assert (free, late, len(aside)) == ([], [], 1)
    free, late = aside.look(Keys(users={BEN}), now_s=ASIDE_MAX_S + 0.1)
    assert (free, commands(late), len(aside)) == ([], [send(ANN, BEN, 1)], 0)
