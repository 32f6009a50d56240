"""The law of the copy: whatever the links do, a device that comes back and pulls holds exactly what the server holds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client.afternoon import spend
from tests.client.virtual import run


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), acts=st.integers(1, 150))
def test_after_any_afternoon_every_copy_equals_the_server(seed: int, acts: int) -> None:
    run(spend(seed, acts=acts), within_s=10**6)
