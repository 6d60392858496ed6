"""`python -m demo.bluesky`: the Bluesky stand-in as a process."""

from __future__ import annotations

import argparse
import sys

from demo.bluesky import make_api
from demo.common.serving import run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m demo.bluesky", description="A local stand-in for Bluesky."
    )
    parser.add_argument("--port", type=int, default=8103, help="port on 127.0.0.1 (default 8103)")
    sys.exit(run(make_api().app(), parser.parse_args().port, "Bluesky stand-in"))
