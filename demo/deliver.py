"""`python -m demo.deliver`: play the story on stand-ins that run already (the compose file's profile demo)."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo import stage, story
from demo.act import Play
from demo.common.serving import ControlFailed, call_control

ANSWER_WITHIN = 120


class Diary:
    """What was delivered, so that a restart delivers nothing twice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: list[str] = json.loads(path.read_text()) if path.exists() else []

    def note(self, name: str) -> None:
        """Write down that `name` was delivered."""
        self.done.append(name)
        self.path.write_text(json.dumps(self.done))


def main(given: list[str] | None = None) -> int:
    """Deliver the quiet days, then the storm, then the encore step by step; return when told to stop or at the end."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.deliver", description="Play the story on the stand-ins."
    )
    parser.add_argument("--gmail", default="http://127.0.0.1:8101", help="address of the Gmail stand-in")
    parser.add_argument("--x", default="http://127.0.0.1:8102", help="address of the X stand-in")
    parser.add_argument(
        "--diary", type=Path, default=Path("delivered.json"), help="file that keeps what was delivered"
    )
    parser.add_argument(
        "--storm-after", type=float, default=90.0, help="seconds between the quiet days and the recall"
    )
    parser.add_argument("--every", type=float, default=20.0, help="seconds between the steps of the encore")
    args = parser.parse_args(given)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for url in (args.gmail, args.x):
        if not _answers(url, stop):
            print(f"the stand-in at {url} does not answer; start it first", file=sys.stderr)
            return 1
    _play(args, stop)
    return 0


def _answers(url: str, stop: threading.Event) -> bool:
    for _ in range(ANSWER_WITHIN):
        try:
            call_control(url, "health")
        except (OSError, ControlFailed):
            if stop.wait(1.0):
                return False
        else:
            return True
    return False


def _play(args: argparse.Namespace, stop: threading.Event) -> None:
    diary = Diary(args.diary)
    play = Play.story()
    mailbox = play.addresses[0]
    stage.prepare(args.gmail, args.x, play.addresses)
    for number, (name, steps) in enumerate(play.acts):
        if name in diary.done:
            continue
        if number and stop.wait(args.storm_after):
            return
        stage.deliver(args.gmail, args.x, mailbox, steps)
        diary.note(name)
        print(f"{name}: {len(steps)} messages delivered", flush=True)
    paths = story.files(encore=True)
    for number, step in enumerate(story.steps(paths, datetime.now(UTC))):
        name = f"encore-{number}"
        if name in diary.done:
            continue
        if stop.wait(args.every):
            return
        now = story.at_moment(step, datetime.now(UTC) - timedelta(seconds=1), paths)
        stage.deliver(args.gmail, args.x, mailbox, [now])
        diary.note(name)
        print(f"encore: {story.sender(now)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
