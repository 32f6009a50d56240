"""`sixin serve` as an operator runs it, for programs that talk to it from outside."""

import subprocess
import sys
import time
from typing import Final

from sixin.core.ids import Uid
from sixin.server.auth import Tokens
from tests.services.sixin import SixinServer

SECRET: Final = "the-secret-of-the-examples-0123456789"


class ServingSixin(SixinServer):
    """One node on SQLite with a secret that is known, on a port of its own."""

    def __init__(self, *, origins: str = "") -> None:
        super().__init__()
        self._origins = origins

    def token(self, uid: int) -> str:
        """A token as an application makes it."""
        return Tokens(SECRET).mint(Uid(uid), now_s=time.time(), ttl_s=3_600)

    def _launch(self) -> subprocess.Popen[bytes]:
        flags = ["--port", str(self.port), "--data", str(self.folder / "data"), "--secret", SECRET]
        with self.log_file.open("ab") as log:
            command = [sys.executable, "-m", "sixin.cli.main", "serve", *flags, "--origins", self._origins]
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
