"""HAProxy for the tests, with a configuration of theirs."""

import socket
import subprocess
from pathlib import Path

from tests.services.server import Server


class Haproxy(Server):
    """One HAProxy. `configuration`: with `{port}` where it listens."""

    def __init__(self, program: Path, configuration: str) -> None:
        super().__init__("haproxy")
        self._program = program
        (self.folder / "haproxy.cfg").write_text(configuration.replace("{port}", str(self.port)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [self._program, "-db", "-f", self.folder / "haproxy.cfg"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
