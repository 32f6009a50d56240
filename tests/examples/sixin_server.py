"""`sixin serve` as an operator runs it, for programs that talk to it from outside."""

import subprocess
import sys
from typing import Final

from tests.services.sixin import SixinServer

SECRET: Final = "the-secret-of-the-examples-0123456789"


class ServingSixin(SixinServer):
    """One node on SQLite with a secret that is known, on a port of its own."""

    def __init__(self, *, origins: str = "") -> None:
        super().__init__()
        self._origins = origins

    def token(self, uid: int) -> str:
        """What `sixin token` prints."""
        command = [*_sixin("token", str(uid)), "--secret", SECRET]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()

    def _launch(self) -> subprocess.Popen[bytes]:
        flags = ["--port", str(self.port), "--data", str(self.folder / "data"), "--secret", SECRET]
        with self.log_file.open("ab") as log:
            command = [*_sixin("serve"), *flags, "--origins", self._origins]
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def _sixin(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "sixin.cli.main", *arguments]
