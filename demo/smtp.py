"""A mail server that takes every mail and passes none on: each becomes a file in a folder, to be looked at."""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class Folder:
    """What the server does with mail. `refused` are addresses that it does not know."""

    path: Path
    refused: Collection[str] = ()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """One recipient."""
        if address.lower() in self.refused:
            return f"550 5.1.1 <{address}>: no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """One mail; its file appears whole."""
        with self._lock:
            number = len(list(self.path.glob("*.eml"))) + 1
            fresh = self.path / f".{number:04}.new"
            fresh.write_bytes(envelope.original_content)
            fresh.rename(self.path / f"{number:04}.eml")
        return "250 taken"

    def mails(self) -> list[EmailMessage]:
        """What came, in its order."""
        return [
            message_from_bytes(file.read_bytes(), _class=EmailMessage, policy=policy.default)
            for file in sorted(self.path.glob("*.eml"))
        ]


@contextmanager
def serve(path: Path, *, port: int = 0, refused: Collection[str] = ()) -> Iterator[tuple[Folder, int]]:
    """The folder and the port on 127.0.0.1, until the end."""
    path.mkdir(parents=True, exist_ok=True)
    folder = Folder(path, refused)
    controller = Controller(folder, hostname="127.0.0.1", port=port or _free())
    controller.start()
    try:
        yield folder, controller.port
    finally:
        controller.stop()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m demo.smtp", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    args = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with serve(args.folder, port=args.port):
        stop.wait()


if __name__ == "__main__":
    main()
