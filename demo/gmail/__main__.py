"""`python -m demo.gmail`: the Gmail stand-in as a process."""

from __future__ import annotations

import argparse
import sqlite3
import sys

from demo.common.serving import HOST, run
from demo.gmail.app import make_app
from demo.gmail.hub import Hub


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.gmail", description="A strict local stand-in for Gmail."
    )
    parser.add_argument("--port", type=int, default=8101, help="port to listen on (default 8101)")
    parser.add_argument("--host", default=HOST, help=f"address to listen on (default {HOST})")
    parser.add_argument("--state", default=":memory:", help="SQLite file that keeps the mailboxes")
    options = parser.parse_args(arguments)
    try:
        hub = Hub(options.state)
    except sqlite3.Error as error:
        print(
            f"The state file {options.state} cannot be used: {error}. Choose another --state.",
            file=sys.stderr,
        )
        return 2
    return run(make_app(hub), options.port, "Gmail stand-in", on_stop=hub.close, host=options.host)


if __name__ == "__main__":
    sys.exit(main())
