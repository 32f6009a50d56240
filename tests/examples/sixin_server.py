"""`sixin serve` as a process, for programs that talk to it from outside."""

import subprocess
import sys
import urllib.error
import urllib.request
from typing import Final

from tests.services.server import Server

SECRET: Final = "the-secret-of-the-examples-0123456789"


class SixinServer(Server):
    """One node on SQLite, on a port of its own."""

    def __init__(self, *, origins: str = "") -> None:
        super().__init__("examples")
        self._origins = origins

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, uid: int) -> str:
        """A token as `sixin token` prints it."""
        printed = subprocess.run(
            [*_sixin("token", str(uid)), "--secret", SECRET], capture_output=True, text=True, timeout=30, check=True
        )
        return printed.stdout.strip()

    def _launch(self) -> subprocess.Popen[bytes]:
        flags = ["--port", str(self.port), "--data", str(self.folder / "data"), "--secret", SECRET]
        with self.log_file.open("ab") as log:
            return subprocess.Popen([*_sixin("serve"), *flags, "--origins", self._origins], stdout=log, stderr=log)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1):  # noqa: S310 - its own server
                return True
        except (OSError, urllib.error.URLError):
            return False


def _sixin(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sixin.cli.main", *arguments]
