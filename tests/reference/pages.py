"""The generated pages, each as its path and its text."""

import re
from typing import Any, get_args

from sixin.server.app import Node
from sixin.server.auth import Tokens
from sixin.server.bus.local import LocalBus
from sixin.server.config import Settings, described
from sixin.server.store.memory import MemoryStore
from tests.reference.tree import ROOT, architecture_page

WEB = ROOT / "src" / "sixin" / "web"

GENERATED = "<!-- Generated: `make docs`. -->"


def settings_page() -> str:
    """`docs/settings.md`."""
    rows = [
        f"| `--{name.replace('_', '-')}` | `SIXIN_{name.upper()}` | {_kind(kind)} | {_default(default)} | {text} |"
        for name, kind, default, text in described()
    ]
    return "\n".join(
        [
            "# Settings",
            GENERATED,
            "",
            "Each is a flag of `sixin serve`, an environment variable, and a key of the TOML file named by `--config`",
            "(the flag's name with underscores). A flag wins over a variable, a variable over the file.",
            "An unknown key of the file, and a value that does not fit, are refused with where they came from.",
            "",
            "| flag | variable | type | default | what it does |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _kind(kind: Any) -> str:
    values = get_args(kind)
    if kind is bool:
        return "yes or no"
    if values and all(isinstance(value, str) for value in values):
        return " or ".join(f"`{value}`" for value in values)
    return {int: "whole number", float: "number", str: "text"}.get(kind, "list, by commas")


def _default(default: Any) -> str:
    if default in ("", ()):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def metrics_page() -> str:
    """`docs/metrics.md`."""
    node = Node(Settings(store="memory"), store=MemoryStore(), bus=LocalBus(), tokens=Tokens("s" * 32))
    rows = [
        f"| `{figure.name}{'_total' if figure.kind == 'counter' else ''}` | {figure.kind} "
        f"| {f'`{figure.label}`' if figure.label else ''} | {figure.meaning} |"
        for figure in node.figures()
    ]
    return "\n".join(
        [
            "# Metrics",
            GENERATED,
            "",
            "`GET /metrics` answers in Prometheus' text format.",
            "Beside these stand the process's own (`process_…`, `python_…`).",
            "",
            "| metric | type | label | meaning |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


def index_page() -> str:
    """`index.html`: the page names every module it will need, so that they are fetched side by side, not in a chain."""
    index = WEB / "index.html"
    links = [f'    <link rel="modulepreload" href="/{name}">\n' for name in modules_of("app/main.js")]
    lines = [line for line in index.read_text("utf-8").splitlines(keepends=True) if "modulepreload" not in line]
    script = next(nth for nth, line in enumerate(lines) if "<script" in line)
    return "".join([*lines[:script], *links, *lines[script:]])


def modules_of(entry: str) -> list[str]:
    """Every module that another one needs before it can run, the nearest first. What is asked for later is not."""
    found, waiting = [entry], [entry]
    while waiting:
        path = WEB / waiting.pop(0)
        for name in re.findall(r'^(?:import|export)\b[^;]*?\bfrom "(\.[^"]+)"', path.read_text("utf-8"), re.MULTILINE):
            module = (path.parent / name).resolve().relative_to(WEB.resolve()).as_posix()
            if module not in found:
                found.append(module)
                waiting.append(module)
    return found


PAGES = {
    ROOT / "src" / "sixin" / "web" / "index.html": index_page,
    ROOT / "docs" / "settings.md": settings_page,
    ROOT / "docs" / "metrics.md": metrics_page,
    ROOT / "ARCHITECTURE.md": architecture_page,
}
