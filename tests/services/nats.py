"""A throw-away NATS server, with a name and a password."""

import socket
import subprocess
from pathlib import Path

from tests.services.server import Server


class NatsServer(Server):
    """One node of core NATS on loopback. It keeps no data, so `kill` and `stop` differ only in the goodbye."""

    def __init__(self, program: Path) -> None:
        super().__init__("nats")
        self._program = program

    @property
    def url(self) -> str:
        return f"nats://sixin:{self.password}@127.0.0.1:{self.port}"

    @property
    def settings(self) -> str:
        """What is in its configuration file."""
        return f"listen: 127.0.0.1:{self.port}\nauthorization {{ user: sixin, password: {self.password!r} }}\n"

    def _launch(self) -> subprocess.Popen[bytes]:
        config = self.folder / "nats.conf"
        config.write_text(self.settings)
        with self.log_file.open("ab") as log:
            # A session of its own: an interrupt typed at the tests is theirs, and they stop the server in good order.
            return subprocess.Popen(
                [self._program, "--config", config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as link:
                return link.recv(4) == b"INFO"
        except OSError:
            return False
