"""`sixin bench`: offer load to a server, measure what it does with it, and check that it kept what it acknowledged."""

import argparse
import asyncio
import os
import resource
import shlex
import sys
from pathlib import Path
from typing import Any

from sixin.bench.fleet import RunFailed
from sixin.bench.report import DURABILITY, Report, markdown
from sixin.bench.scenarios import SCENARIOS, Asked, Bench
from sixin.bench.scenarios import run as run_scenario
from sixin.bench.spawn import NotStarted, Running, Spawned, Target

try:
    from uvloop import new_event_loop
except ImportError:  # not on every platform; asyncio's own loop does the same, more slowly
    from asyncio import new_event_loop  # type: ignore[assignment]


def add_parser(subparsers: Any) -> None:
    """Add the command."""
    parser = subparsers.add_parser("bench", help="measure a server under load", description=__doc__)
    parser.add_argument("url", nargs="?", metavar="URL", help="a server that runs; else one is started for the run")
    parser.add_argument("--secret", default=os.environ.get("SIXIN_SECRET", ""), help="that server's [SIXIN_SECRET]")
    parser.add_argument(
        "--server-pid",
        type=int,
        action="append",
        default=[],
        metavar="PID",
        help="what to account for, besides a started server: its own process, or a database's",
    )
    parser.add_argument("--store", default="sqlite", help="sqlite, memory or a postgresql:// URL, for a started server")
    parser.add_argument("--serve", default="", metavar="FLAGS", help="further flags of a started server, in one word")
    parser.add_argument("--scenario", choices=SCENARIOS, default="send", help="[send]")
    defaults = Asked()
    for name, kind, text in (
        ("connections", int, "connections to open"),
        ("rate", float, "requests a second to offer whatever comes back; 0: each connection waits for its answers"),
        ("window", int, "requests of one connection under way, where it waits"),
        ("seconds", float, "measured seconds"),
        ("warmup_s", float, "seconds before them"),
        ("workers", int, "processes of the load generator"),
        ("text_bytes", int, "length of each message"),
        ("contacts", int, "contacts of each user"),
        ("messages", int, "messages to prepare for reads; how far `growth` goes"),
        ("conversations", int, "conversations of the user who catches up"),
    ):
        flag = "--warmup" if name == "warmup_s" else "--" + name.replace("_", "-")
        default = getattr(defaults, name)
        parser.add_argument(flag, dest=name, type=kind, default=default, help=f"{text} [{default:g}]")
    parser.add_argument("--no-verify", dest="verify", action="store_false", help="do not check what was acknowledged")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print, and say by the exit code whether the verdict is clean."""
    raise_file_limit()
    asked = Asked(**{name: getattr(args, name) for name in Asked.__struct_fields__})
    if args.url and not args.secret:
        print(
            "sixin: --secret, or SIXIN_SECRET, has to be the server's: it signs the tokens of the run", file=sys.stderr
        )
        return 2
    bench = Bench(asked, server_of(args), report_of(args), say_nothing if args.quiet else say)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            report = runner.run(run_scenario(args.scenario, bench))
    except (RunFailed, NotStarted, OSError) as failed:
        print(f"sixin: {failed}", file=sys.stderr)
        return 1
    print(markdown(report), end="")
    if args.json:
        report.save(args.json)
    return 0 if report.sound else 1


def server_of(args: argparse.Namespace) -> Spawned | Running:
    """The server to measure."""
    if args.url:
        return Running(Target(args.url, args.secret, args.server_pid))
    return Spawned(store=args.store, settings=tuple(shlex.split(args.serve)), pids=tuple(args.server_pid))


def report_of(args: argparse.Namespace) -> Report:
    """An empty report, with what is known before the run."""
    store = "of the running server" if args.url else args.store.partition(":")[0]
    shown = [word for word in sys.argv[1:] if word != args.secret and word != str(args.json)]
    return Report(
        scenario=args.scenario,
        store=store,
        durability=DURABILITY.get(store, "as that server was set up"),
        command="sixin " + " ".join(shown),
        settings={name: getattr(args, name) for name in Asked.__struct_fields__},
    )


def raise_file_limit() -> None:
    """A connection is an open file at both ends."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def say(line: str) -> None:
    """Progress goes to standard error: standard output holds the result."""
    print(line, file=sys.stderr, flush=True)


def say_nothing(line: str) -> None:
    """For a script."""
