"""Every benchmark by name; without names all that end within the hour, and docs/benchmarks.md is written anew.

python -m benchmarks [--list] [--full] [--keep] [NAME …] [-- OPTIONS of a single one]

`--full` measures at the sizes that the goals name (one to three hours by machine, and 12 GB of disk). What is measured
is kept in benchmarks/results, one file each with its command, date and machine: without names always, else with
`--keep`. The page is then written anew.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks import kept, report

REDUCED = {
    "throughput": ["--mails", "1000", "10000"],
    "store": ["--rows", "20000"],
    "queue_page": ["--rows", "20000", "--times", "50"],
    "latency": ["--messages", "15", "--window", "120"],
}
"""Options of those that take longest, unless `--full`."""

FULL = {"throughput": ["--mails", "1000", "10000", "100000"], "store": ["--rows", "1000000"]}


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
    flags = {word for word in argv[:cut] if word in ("--full", "--keep")}
    chosen, options = [word for word in argv[:cut] if word not in flags], argv[cut + 1 :]
    if unknown := [name for name in chosen if name not in names()]:
        print(f"no benchmark {', '.join(unknown)}; choose from {', '.join(names())}", file=sys.stderr)
        return 2
    sizes = FULL if "--full" in flags else REDUCED
    keep, worst = not chosen or "--keep" in flags, 0
    for name in chosen or [*(name for name in names() if name != "report"), "report"]:
        print(f"\n== {name} ==", flush=True)
        given = options if chosen else sizes.get(name, [])
        run = importlib.import_module(f"benchmarks.{name}").main
        ended = kept.run(name, run, given) if keep and name != "report" else run(given)
        worst = max(worst, ended or 0)
    if keep:
        report.write()
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
