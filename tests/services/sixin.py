"""A Sixin of the tests' own, in demo mode, as a process."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

from tests.services.server import Server


class SixinServer(Server):
    """`sixin demo` with a data folder of its own, which it keeps through every restart."""

    def __init__(self) -> None:
        super().__init__("demo")

    @property
    def url(self) -> str:
        """Where a browser goes."""
        return f"http://127.0.0.1:{self.port}"

    def call(self, uid: str, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        """An operation of a demo user, from another device of his."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/v1/{operation}",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token(uid)}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - our own server
            return dict(json.load(response))

    def _token(self, uid: str) -> str:
        with urllib.request.urlopen(f"{self.url}/demo.json", timeout=10) as response:  # noqa: S310 - our own server
            users = json.load(response)["users"]
        return next(str(user["token"]) for user in users if user["uid"] == uid)

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "sixin.cli.main", "demo", "--port", str(self.port), "--data", str(self.folder)]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as response:  # noqa: S310 - our own server
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
