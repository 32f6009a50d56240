"""The fixtures that lend real servers to tests, and the rule that a machine that judges skips nothing."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.services.nats import NatsServer
from tests.services.postgres import PostgresServer
from tests.services.programs import CHROMIUM, NATS, POSTGRES, Program, in_ci


def found(program: Program) -> Path:
    """Give the program, or skip the test that asked."""
    path = program.find()
    if path is None:
        pytest.skip(f"no {program.name} here: make services")

    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The cluster that this test process shares. Leave it running: whoever kills takes `postgres_of_my_own`."""
    with PostgresServer(found(POSTGRES)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """One database, shared by all the tests of this process."""
    return postgres_server.url


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database for this test alone."""
    name = postgres_server.lend_database()
    yield postgres_server.url_of(name)
    postgres_server.take_back(name)


@pytest.fixture
def cleared_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database for this test alone in which nobody has said anything: a store opens it sooner than an empty one,
    because it may have the tables already. Change nothing in it but rows."""
    name = postgres_server.lend_cleared()
    yield postgres_server.url_of(name)
    postgres_server.clear(name)


@pytest.fixture
def postgres_of_my_own() -> Iterator[PostgresServer]:
    """A cluster for this test alone: to be stopped, killed and started again."""
    with PostgresServer(found(POSTGRES)) as server:
        yield server


@pytest.fixture(scope="session")
def nats_url() -> Iterator[str]:
    """The NATS server that this test process shares; a test keeps to subjects of its own."""
    with NatsServer(found(NATS)) as server:
        yield server.url


@pytest.fixture
def nats_of_my_own() -> Iterator[NatsServer]:
    """A NATS server for this test alone: to be stopped, killed and started again."""
    with NatsServer(found(NATS)) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's path. Start it with `--headless`, as root also with `--no-sandbox`."""
    return found(CHROMIUM)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A laptop may lack something and says so; a machine that judges must have it."""
    expected_to_fail = hasattr(report, "wasxfail")
    if report.skipped and in_ci() and not expected_to_fail:
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing is: {report.longrepr}"
