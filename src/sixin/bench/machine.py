"""What the machine says of its processes: CPU, memory and bytes written, read from Linux' /proc."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

PROC = Path("/proc")


class Used(Struct, frozen=True):
    """What one process has used until now."""

    name: str
    cpu_s: float
    """All of its threads, user and system."""
    written_bytes: int
    """Sent to the storage layer, children that have ended included."""
    rss_bytes: int
    pss_bytes: int
    """Its memory, with its share of what it has in common with others."""


class Share(Struct, frozen=True):
    """What one process used in the measured window."""

    name: str
    cpu_us_per_op: float
    cores: float
    """CPU seconds a second."""
    written_bytes_per_op: float
    rss_mib: float
    pss_mib: float


def tree_of(roots: Iterable[int]) -> list[int]:
    """These processes and all that descend from them."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (stat := _read(entry / "stat")):
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found and (PROC / str(pid)).exists():
            found.append(pid)
            waiting += parents.get(pid, [])
    return found


def used_by(roots: Iterable[int]) -> dict[int, Used]:
    """What each process under these has used, by pid."""
    return {pid: used for pid in tree_of(roots) if (used := _used(pid)) is not None}


def shares(before: dict[int, Used], after: dict[int, Used], *, ops: int, seconds: float) -> list[Share]:
    """What each used between two looks; processes of one name that did little are put together."""
    ops = max(ops, 1)
    by_name: dict[str, Share] = {}
    for pid, now in after.items():
        then = before.get(pid)
        cpu_s = now.cpu_s - (then.cpu_s if then else 0.0)
        written = now.written_bytes - (then.written_bytes if then else 0)
        known = by_name.get(now.name) or Share(now.name, 0, 0, 0, 0, 0)
        by_name[now.name] = Share(
            now.name,
            round(known.cpu_us_per_op + cpu_s / ops * 1e6, 2),
            round(known.cores + cpu_s / seconds, 3),
            round(known.written_bytes_per_op + written / ops, 1),
            round(known.rss_mib + now.rss_bytes / 2**20, 1),
            round(known.pss_mib + now.pss_bytes / 2**20, 1),
        )
    return sorted(by_name.values(), key=lambda share: -share.cpu_us_per_op)


def _used(pid: int) -> Used | None:
    folder = PROC / str(pid)
    try:
        # In nanoseconds and of each thread; utime and stime count in hundredths of a second.
        tasks = (folder / "task").iterdir()
        cpu_ns = sum(int(text.split()[0]) for task in tasks if (text := _read(task / "schedstat")))
    except OSError:
        return None
    memory = _fields(_read(folder / "smaps_rollup"))
    return Used(
        name=_name(folder),
        cpu_s=cpu_ns / 1e9,
        written_bytes=_fields(_read(folder / "io")).get("write_bytes", 0),
        rss_bytes=memory.get("Rss", 0) * 1024,
        pss_bytes=memory.get("Pss", 0) * 1024,
    )


def _name(folder: Path) -> str:
    """The program, and what it was asked to do, short enough for a table."""
    words = _read(folder / "cmdline").replace("\0", " ").split()
    comm = _read(folder / "comm").strip()
    if "sixin" in " ".join(words) and "serve" in words:
        return "server"
    if any("sqlite_process" in word for word in words):
        return f"SQLite {next((word for word in words if word in ('writer', 'reader')), 'process')}"
    if words and words[0].startswith("postgres"):
        return "postgres"
    return comm


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:  # the process has ended, or is somebody else's
        return ""


def _fields(text: str) -> dict[str, int]:
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0])
    return found


def busy_s() -> float:
    """CPU seconds the whole machine has worked: what is not ours of it disturbed the run."""
    words = _read(PROC / "stat").split("\n", 1)[0].split()
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in words[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def kernel_memory_bytes() -> int:
    """Memory of the kernel itself: slabs, and buffers of TCP."""
    fields = _fields(_read(PROC / "meminfo"))
    tcp_pages = 0
    for line in _read(PROC / "net/sockstat").splitlines():
        if line.startswith("TCP:"):
            tcp_pages = int(line.split()[-1])
    return fields.get("Slab", 0) * 1024 + tcp_pages * os.sysconf("SC_PAGE_SIZE")


class Machine(Struct, frozen=True):
    """Where a figure was measured."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    system: str
    python: str
    load_1min: float


def this_machine() -> Machine:
    """This one, and how busy it is with other things."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _read(PROC / "cpuinfo").splitlines() if "model name" in line), ""
    )
    release = next(
        (
            line.partition("=")[2].strip('"')
            for line in _read(Path("/etc/os-release")).splitlines()
            if line.startswith("PRETTY_NAME")
        ),
        platform.system(),
    )
    return Machine(
        cpu=cpu or platform.processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(_fields(_read(PROC / "meminfo")).get("MemTotal", 0) / 2**20, 1),
        kernel=platform.release(),
        system=release,
        python=platform.python_version(),
        load_1min=round(os.getloadavg()[0], 2),
    )
