"""What every test can ask for, and the order in which they run."""

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

pytest_plugins = ["tests.services.fixtures"]

LONG: Final = (
    *("browser", "cluster", "trial", "crash", "postgres", "bus", "bench", "simulation", "scenarios", "move"),
    *("web", "verify", "examples"),
)
"""Folders with tests that take seconds, first those that wait most of the time: so that others work meanwhile, and at
the end no worker is left alone with a long one."""

_PLACE: Final = {folder: place for place, folder in enumerate(LONG)}


class OneByOne(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out one test after the other: with a whole file, a worker could be left alone at the end.

    The browser's go to one worker together, and first: Chromium takes long to start.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "browser" if _folder_of(nodeid) == "browser" else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneByOne:
    """However many workers there are."""
    return OneByOne(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones first."""
    items.sort(key=lambda item: _PLACE.get(_folder_of(item.nodeid), len(LONG)))


def _folder_of(nodeid: str) -> str:
    return nodeid.removeprefix("tests/").partition("/")[0]
