"""What the demo printed, as a picture for the README: `make demo ARGS=--once | python -m demo.picture OUT.svg`."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 150


def draw(printed: str) -> str:
    """An SVG of the last act: from the last progress line to the ledger and the labels."""
    start = printed.index("Who is waiting")
    shown = re.sub(r"Airflow UI:.*", "", printed[start:], flags=re.DOTALL).rstrip()
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(shown))
    return console.export_svg(title="make demo", unique_id="demo")


def main() -> int:
    """Read what was printed, write the picture."""
    Path(sys.argv[1]).write_text(draw(sys.stdin.read()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
