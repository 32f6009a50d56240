"""A throw-away PostgreSQL cluster that is as strict about durability as a real one."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.services.cluster import give, new_cluster
from tests.services.server import Server, ServerBroken

_END_THE_OTHERS: Final = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)

_CLEAR: Final = """
DO $$
DECLARE
    of_table text;
BEGIN
    FOR of_table IN
        SELECT t.tablename FROM pg_tables AS t WHERE t.schemaname = 'sixin' AND t.tablename NOT IN ('levels', 'slots')
    LOOP
        EXECUTE format('DELETE FROM sixin.%I', of_table);
    END LOOP;
    IF to_regclass('sixin.slots') IS NOT NULL THEN
        UPDATE sixin.slots SET last_tick = 0 WHERE last_tick <> 0;
    END IF;
END
$$
"""
"""TRUNCATE would make thirty files anew, which takes three times as long."""

_AS_WE_USE_IT: Final = """
CREATE ROLE sixin CREATEDB;
ALTER DATABASE postgres RENAME TO sixin;
ALTER DATABASE sixin OWNER TO sixin;
ALTER DATABASE template0 IS_TEMPLATE false;
DROP DATABASE template0;
"""
"""Line by line. Each database less is 300 files less to copy."""


class PostgresServer(Server):
    """A cluster with one login, `sixin`, which is no superuser and may make databases of its own."""

    stop_signal = signal.SIGINT  # PostgreSQL's fast stop; SIGTERM would wait for clients to leave

    def __init__(self, programs: Path) -> None:
        super().__init__("postgres")
        self._programs = programs
        self._user = _unprivileged_user()
        if self._user:
            shutil.chown(self.folder, self._user)
        self._data = self.folder / "data"
        self._emptied: list[str] = []
        self._cleared: list[str] = []

    @property
    def url(self) -> str:
        """The database `sixin`, which every cluster starts with."""
        return self.url_of("sixin")

    def url_of(self, database: str) -> str:
        return f"postgresql://sixin:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Make an empty database that belongs to `sixin`, and give its URL."""
        self._execute(f'CREATE DATABASE "{name}" OWNER sixin')
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, also under the feet of clients that are still connected."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def lend_database(self) -> str:
        """Give the name of an empty database that nobody else has, until it is taken back."""
        if self._emptied:
            return self._emptied.pop()
        name = f"test_{secrets.token_hex(6)}"
        self.create_database(name)
        return name

    def take_back(self, name: str) -> None:
        """Make a database as it was, also under the feet of clients that are still connected.

        To drop it and to make a new one for the next test would take longer than most tests.
        """
        as_new = (
            f'DROP OWNED BY sixin CASCADE; ALTER DATABASE "{name}" RESET ALL; GRANT ALL ON DATABASE "{name}" TO sixin'
        )
        self._execute(f"{_END_THE_OTHERS}; {as_new}", database=name)
        self._emptied.append(name)

    def lend_cleared(self) -> str:
        """Give the name of a database in which nothing was said, until it is cleared; whether it has Sixin's tables
        already is chance."""
        return self._cleared.pop() if self._cleared else self.lend_database()

    def clear(self, name: str) -> None:
        """Take it back, with its tables as a migration leaves them: to make them anew takes longer than most tests."""
        self._execute(f"{_END_THE_OTHERS}; {_CLEAR}", database=name)
        self._cleared.append(name)

    def start(self) -> None:
        is_new = not self._data.exists()
        if is_new:
            new_cluster(self._programs, self._data, self._create_cluster)
            if self._user:
                give(self._data, self._user)
        super().start()
        if is_new:
            self._execute(f"ALTER ROLE sixin LOGIN PASSWORD '{self.password}'")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Its folder goes with it: nobody has to wait until everything is written there.
        self.stop_signal = signal.SIGQUIT
        super().__exit__(kind, error, trace)

    def _create_cluster(self) -> None:
        # Without --no-sync initdb takes thrice as long; from its first start on, the server syncs everything. The
        # socket lies in a folder that is nobody else's; whoever comes through the port needs a password.
        self._run(
            "initdb",
            f"--pgdata={self._data}",
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        self._run("postgres", "--single", "-D", str(self._data), "-c", "fsync=off", "template1", said=_AS_WE_USE_IT)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            # After a kill, one sync of the file system instead of one of each file: 0.4 s instead of 4.6 s.
            "recovery_init_sync_method": "syncfs",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self.log_file.open("ab") as log:
            # A session of its own: an interrupt typed at the tests is theirs, and they stop the server in good order.
            return subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment(),
                user=self._user,
                group=_group_of(self._user),
                extra_groups=[] if self._user else None,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except ServerBroken:
            return False

        return True

    def _execute(self, statement: str, database: str = "sixin") -> None:
        where = [f"--host={self.folder}", f"--port={self.port}", "--username=postgres", f"--dbname={database}"]
        self._run("psql", *where, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--command={statement}")

    def _run(self, program: str, *options: str, said: str = "") -> None:
        done = subprocess.run(
            [self._programs / program, *options],
            input=said,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=self._environment(),
            user=self._user,
            group=_group_of(self._user),
            extra_groups=[] if self._user else None,
            check=False,
        )
        if done.returncode != 0:
            raise ServerBroken(f"{program}: {done.stdout}")

    def _environment(self) -> dict[str, str]:
        """Nothing of the developer's own PG… variables."""
        return {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "TZ": "UTC",
            "PGCONNECT_TIMEOUT": "5",
            # A test may have made its database read-only.
            "PGOPTIONS": "-c default_transaction_read_only=off",
        }


def _unprivileged_user() -> str | None:
    """Name whom to run as: PostgreSQL refuses to run as root, everybody else runs it as himself."""
    if os.geteuid() != 0:
        return None

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _group_of(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None
