"""The data of a PostgreSQL cluster in which nothing was said: made once on this machine, and copied for each server."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.programs import WHEELS


def new_cluster(programs: Path, data: Path, make: Callable[[], None]) -> None:
    """Fill `data` with a new cluster: by `make`, where these programs have made none here yet.

    To make one takes five times as long as to copy it, and a run of the tests needs twenty.
    """
    kept = WHEELS / f"cluster-{_of(programs)}"
    with one_at_a_time(WHEELS / "cluster.lock"):
        if kept.exists():
            shutil.copytree(kept, data)
            return
        make()
        for old in WHEELS.glob("cluster-*"):
            shutil.rmtree(old)
        half = kept.with_suffix(".half")
        shutil.copytree(data, half)
        half.rename(kept)  # so a half-made one does not count


def give(folder: Path, user: str) -> None:
    """Make somebody the owner of a folder and of all that is in it."""
    shutil.chown(folder, user)
    for inside, folders, files in os.walk(folder):
        for name in (*folders, *files):
            shutil.chown(Path(inside, name), user)


def _of(programs: Path) -> str:
    """Another PostgreSQL makes its own, and so does another way to make one."""
    seen = [f"{path} {path.stat().st_mtime_ns}" for path in (programs / "postgres", programs / "initdb")]
    ways = [Path(__file__).with_name(name).read_text("utf-8") for name in ("cluster.py", "postgres.py")]
    return hashlib.sha256("\n".join([*seen, *ways]).encode()).hexdigest()[:16]


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Of the test processes that want the same at once, one gets it and the others wait."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
