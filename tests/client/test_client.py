"""Two people talk through the real SDK and a real server node."""

from tests.client.loopback import House, assert_equal
from tests.client.virtual import run

from sixin.client import Client


def test_what_ann_sends_arrives_at_ben() -> None:
    async def story() -> None:
        async with House() as house, house.device(1001) as ann, house.device(1002) as ben:
            heard = ben.events()
            said = await (await ann.send(1002, "你好")).delivered()
            assert (said.sender, said.text, said.ordinal) == (1001, "你好", 1)
            await ben.synced()
            assert ben.unread_total == 1
            assert [contact.peer for contact in ben.contacts()] == [1001]
            assert_equal(ben.local_copy(), await house.truth(1002))
            assert_equal(ann.local_copy(), await house.truth(1001))
            page = await ben.history(1001)
            assert [message.text for message in page.messages] == ["你好"]
            assert heard is not None

    run(story())
