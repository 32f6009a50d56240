"""Settings: one typed place. From flags, then `SIXIN_*` environment variables, then a TOML file (docs/settings.md).

The fields below are the flags, the variables and the keys of the file; `docs/settings.md` is generated from them.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta, Struct

from sixin.core.limits import CONNECTION_BUFFER_BYTES_MAX, HELLO_TIMEOUT_S


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one server runs."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    data: Annotated[str, Meta(description="Folder of the database file, the lock and the secret.")] = "./sixin-data"
    store: Annotated[
        str, Meta(description="`sqlite` (one file in the data folder), `memory`, or a `postgresql://` URL.")
    ] = "sqlite"
    bus: Annotated[str, Meta(description="`local` for one node, or a `nats://` URL.")] = "local"
    node: Annotated[
        str, Meta(max_length=200, description="Name of this node in logs and metrics. Empty: host name and port.")
    ] = ""
    workers: Annotated[
        int,
        Meta(ge=1, le=256, description="Processes that share the port; more than one needs PostgreSQL and NATS."),
    ] = 1
    secret: Annotated[
        str,
        Meta(
            description="Signs tokens: at least 32 characters, the same on every node. "
            "Empty: generated on first start into the data folder (mode 0600)."
        ),
    ] = ""
    users: Annotated[
        Literal["any", "registered"],
        Meta(description="`any` uid in a valid token exists, or only `registered` ones (`POST /v1/admin/users`)."),
    ] = "any"
    origins: Annotated[
        tuple[str, ...],
        Meta(
            description="Web origins, besides the server's own, whose pages may connect. `*` allows every one: "
            "tokens, not cookies, say who acts."
        ),
    ] = ()
    recall_window_s: Annotated[
        int, Meta(ge=0, le=10**9, description="Seconds after sending in which a message can be recalled.")
    ] = 120
    requests_per_s: Annotated[
        int, Meta(ge=0, le=10**6, description="Requests one user may make a second, over all connections; 0: no limit.")
    ] = 200
    requests_burst: Annotated[
        int, Meta(ge=1, le=10**6, description="Requests one user may make at once after a pause.")
    ] = 400
    hello_timeout_s: Annotated[
        float, Meta(gt=0, le=60, description="Seconds in which a connection must have said hello.")
    ] = HELLO_TIMEOUT_S
    ping_interval_s: Annotated[float, Meta(gt=0, le=3600, description="Seconds between pings.")] = 25.0
    ping_timeout_s: Annotated[
        float, Meta(gt=0, le=3600, description="Seconds after which an unanswered ping ends the connection.")
    ] = 20.0
    connections_max: Annotated[
        int, Meta(ge=1, le=10**6, description="Connections of all users together; more are refused with 503.")
    ] = 100_000
    buffer_bytes_max: Annotated[
        int, Meta(ge=2**20, le=2**30, description="Bytes a connection may be behind before it is closed as slow.")
    ] = CONNECTION_BUFFER_BYTES_MAX
    cache: Annotated[bool, Meta(description="Keep the newest rows of timelines in memory.")] = True
    drain_timeout_s: Annotated[
        float, Meta(ge=0, le=600, description="Seconds a server that was told to stop waits for what is under way.")
    ] = 10.0
    demo: Annotated[
        bool, Meta(description="Hand out the tokens of two demo users at `/demo.json`. Never in public.")
    ] = False
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important line that is logged.")
    ] = "info"
    log_format: Annotated[Literal["json", "text"], Meta(description="One JSON object a line, or text.")] = "json"


class SettingsRefused(Exception):
    """A setting is not valid; the message names it and where it came from."""


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Put the settings together; a flag wins over a variable, a variable over the file, the file over the default.

    Values of flags and variables are text and are read as the field's type; a list is separated by commas.
    Raises `SettingsRefused`.
    """
    sources = {
        str(file): {} if file is None else _from_file(file),
        "the environment (SIXIN_…)": _from_environ(environ or {}),
        "the flags": {name: _from_text(name, value) for name, value in (flags or {}).items() if value is not None},
    }
    merged: dict[str, Any] = {}
    for source, found in sources.items():
        _validated(found, source)  # each by itself, so that the refusal can say where the setting came from
        merged.update(found)
    return _validated(merged, "all of them together")


def _validated(found: dict[str, Any], source: str) -> Settings:
    try:
        return msgspec.convert(found, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsRefused(f"A setting in {source} is not valid: {error}.") from None


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsRefused(f"The settings file cannot be read: {error}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{file} is not TOML: {error}.") from None


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name in Settings.__struct_fields__:
        text = environ.get(f"SIXIN_{name.upper()}")
        if text is not None:
            found[name] = _from_text(name, text)
    return found


def _from_text(name: str, value: Any) -> Any:
    if name == "origins" and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def described() -> list[tuple[str, Any, Any, str]]:
    """Each setting as (name, type, default, description): what flags and `docs/settings.md` are made from."""
    hints = get_type_hints(Settings, include_extras=True)
    rows = []
    for info in msgspec.structs.fields(Settings):
        kind, meta = hints[info.name].__origin__, hints[info.name].__metadata__[0]
        rows.append((info.name, kind, info.default, meta.description))
    return rows
