"""`python -m demo`: a crisis inbox triaged on a real Airflow, with local stand-ins for Gmail and X."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import signal
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo import act, airflow, bring, drill, postgres, scene, show
from triage.core.errors import TriageError

STATE = airflow.CHECKOUT / ".demo"


def arguments(given: list[str] | None) -> argparse.Namespace:
    """What `make demo ARGS=…` says."""
    parser = argparse.ArgumentParser(
        prog="make demo",
        description="Run the whole pipeline on this machine: PostgreSQL, stand-ins for Gmail and X, Airflow.",
        epilog="examples: make demo ARGS=--once    make demo ARGS='--mbox Takeout/All.mbox --address me@gmail.com'",
    )
    parser.add_argument("--once", action="store_true", help="stop everything when the inbox is triaged")
    parser.add_argument(
        "--drill", action="store_true",
        help="a crisis breaks out and the plan is carried out to the debrief; approvals come by themselves",
    )  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="forget earlier runs and begin anew")
    parser.add_argument(
        "--mbox", type=Path, help="your own mail instead of the story: an mbox, or a folder of .eml"
    )
    parser.add_argument(
        "--posts", type=Path, help="your own posts instead of the story: JSON lines with `text`"
    )
    parser.add_argument(
        "--address", action="append", default=[], help="with --mbox: an address that is yours"
    )
    parser.add_argument(
        "--encore", type=float, default=20.0, metavar="SECONDS", help="time between live messages, 0: none"
    )
    parser.add_argument("--port", type=int, default=8080, help="port of the Airflow UI (default 8080)")
    parser.add_argument(
        "--gmail-port", type=int, default=8101, help="port of the Gmail stand-in (default 8101)"
    )
    parser.add_argument("--x-port", type=int, default=8102, help="port of the X stand-in (default 8102)")
    parser.add_argument("--mail-port", type=int, default=8103, help="port of the mail server (default 8103)")
    parser.add_argument(
        "--state", type=Path, default=STATE, help=f"folder for everything the demo keeps ({STATE.name})"
    )
    return parser.parse_args(given)


def _input(args: argparse.Namespace) -> tuple[act.Play, str]:
    """What is delivered, and the name of the state it belongs to."""
    if args.drill:
        return act.Play.quiet(), "drill"
    if not args.mbox and not args.posts:
        return act.Play.story(), "story"
    mails = bring.mails(args.mbox, ours=tuple(a.lower() for a in args.address)) if args.mbox else None
    posts = bring.posts(args.posts) if args.posts else []
    named = hashlib.sha256(f"{args.mbox}{args.posts}{args.address}".encode()).hexdigest()[:8]
    return act.Play.brought(mails, posts), f"own-{named}"


def main(given: list[str] | None = None) -> int:
    """Run until the inbox is triaged (`--once`) or until Ctrl-C."""
    args = arguments(given)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        play, name = _input(args)
        state = (args.state / name).resolve()
        if args.fresh:
            _forget(state)
        return _run(args, play, state, stop)
    except (
        drill.DrillFailed,
        airflow.AirflowError,
        postgres.PostgresError,
        bring.InputError,
        TriageError,
        OSError,
    ) as error:
        print(f"make demo: {scene.trouble(error)}", file=sys.stderr)
        return 1


def _forget(state: Path) -> None:
    shutil.rmtree(scene.postgres_base(state), ignore_errors=True)
    shutil.rmtree(state, ignore_errors=True)


def _run(args: argparse.Namespace, play: act.Play, state: Path, stop: threading.Event) -> int:
    began = time.monotonic()
    ports = scene.Ports(ui=args.port, gmail=args.gmail_port, x=args.x_port, mail=args.mail_port)
    show.say(began, "starting PostgreSQL, the stand-ins for Gmail and X, and Airflow …")
    age = datetime.now(UTC) - play.oldest if play.oldest else timedelta()
    with scene.running(state, ports, addresses=play.addresses, first_sync=age) as running:
        director = act.Director(running, play, stop, began)
        director.prepare()
        running.airflow.wait_healthy()
        show.say(began, f"Airflow is up: {running.airflow.url} (no login)")
        triaged = director.perform()
        if args.drill and triaged:
            triaged = drill.Drill(running, director).run()
        good = show.result(running, director, triaged)
        if not (args.once or args.drill) and not stop.is_set():
            show.say(began, f"The demo stays up until Ctrl-C; Airflow: {running.airflow.url}")
            director.encore(args.encore)
        show.say(began, "stopping …")
    show.say(began, "everything is stopped" if good else "stopped, with the trouble named above")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
