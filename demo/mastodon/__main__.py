"""`python -m demo.mastodon`: the Mastodon stand-in as a process."""

from __future__ import annotations

import argparse
import sys

from demo.common.serving import run
from demo.mastodon import make_api

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m demo.mastodon", description="A local stand-in for Mastodon."
    )
    parser.add_argument("--port", type=int, default=8104, help="port on 127.0.0.1 (default 8104)")
    sys.exit(run(make_api().app(), parser.parse_args().port, "Mastodon stand-in"))
