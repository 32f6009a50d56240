"""What a person calls a place: a folder, a file, or a URL; and the engine that has it."""

from pathlib import Path

from sixin.server.move.base import Refused, Source, Target
from sixin.server.move.sqlite import SqliteSource, SqliteTarget

_POSTGRES = ("postgresql://", "postgres://")


def is_postgres(place: str) -> bool:
    """Whether it is the URL of a database."""
    return place.startswith(_POSTGRES)


def source_of(place: str, *, hold: bool) -> Source:
    """`hold`: nobody may write it meanwhile; else a snapshot is enough."""
    if is_postgres(place):
        # Imported where it is asked for: the driver is an extra.
        from sixin.server.move.postgres import PostgresSource

        return PostgresSource(place, hold=hold)
    return SqliteSource(_path(place))


def target_of(place: str) -> Target:
    """A folder or a file ending in `.db`, either to be made, or an empty database."""
    if is_postgres(place):
        from sixin.server.move.postgres import PostgresTarget

        return PostgresTarget(place)
    return SqliteTarget(_path(place))


def _path(place: str) -> Path:
    if "://" in place:
        raise Refused(f"{place.split(':')[0]} is not known: a folder, a file ending in .db, or postgresql://…")
    return Path(place)
