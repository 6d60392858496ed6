"""Every benchmark by name; without names all of them, one after the other.

python -m benchmarks [--list] [NAME …] [-- OPTIONS of a single one]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def names() -> list[str]:
    """The benchmarks there are: modules here with a `main`."""
    here = Path(__file__).parent
    return sorted(
        path.stem for path in here.glob("[a-z]*.py") if "\ndef main(" in path.read_text(encoding="utf-8")
    )


def main(argv: list[str]) -> int:
    """Run what is named; the exit code is the worst of theirs."""
    if "--list" in argv or "--help" in argv[:1]:
        print(__doc__, *names(), sep="\n")
        return 0
    cut = argv.index("--") if "--" in argv else len(argv)
    chosen, options = argv[:cut], argv[cut + 1 :]
    if unknown := [name for name in chosen if name not in names()]:
        print(f"no benchmark {', '.join(unknown)}; choose from {', '.join(names())}", file=sys.stderr)
        return 2
    worst = 0
    for name in chosen or names():
        print(f"\n== {name} ==", flush=True)
        worst = max(worst, importlib.import_module(f"benchmarks.{name}").main(options) or 0)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
