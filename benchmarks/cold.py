"""From nothing to a triaged inbox and to green tests: where the first minutes on a fresh machine go.

python -m benchmarks cold [-- --tests] [-- --keep-cache]

What is committed is cloned into an empty folder and run with an empty home and pip's cache turned off, with the
README's two commands. `make install` is timed apart, since both begin with it; the demo's seconds are its own lines.
`--tests` runs the whole suite too, which takes a quarter of an hour.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.kit import show
from demo.postgres import free_port
from tests.builders import ROOT

CLOCK = re.compile(r"^ *(\d+):(\d\d)  (.*)")
PHASES = (
    ("starting", "PostgreSQL, the stand-ins and Airflow come up"),
    ("two quiet days", "mails and posts are delivered, Airflow gets ready"),
    ("Airflow is up", "the pipeline collects, decides, queues and labels"),
    ("stopping", "everything is stopped"),
)
"""How a line of the demo begins, and what goes on from there to the next of these."""


def environment(home: Path, *, cached: bool) -> dict[str, str]:
    """Nothing that an earlier run left behind is found."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("AIRFLOW", "PYTHON", "VIRTUAL_ENV", "TRIAGE"))
    }
    return {**kept, "HOME": str(home), **({} if cached else {"PIP_NO_CACHE_DIR": "1"})}


def phases(lines: Sequence[str], end: float) -> Iterator[dict[str, Any]]:
    """Seconds of each part of the demo, from the times that its lines begin with; `end` is when the process ended."""
    began: list[tuple[str, float]] = []
    for line in lines:
        found = CLOCK.match(line)
        for words, what in PHASES if found else ():
            if found and found[3].startswith(words) and what not in dict(began):
                began.append((what, int(found[1]) * 60 + int(found[2])))
    for (what, first), (_, last) in pairwise([*began, ("", end)]):
        yield {"command": "make demo", "what": what, "seconds": last - first}


def run(command: Sequence[str], folder: Path, surroundings: dict[str, str]) -> tuple[float, list[str]]:
    """Seconds that it took and the lines it printed; a command that fails is told with its last lines."""
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return time.monotonic() - began, done.stdout.splitlines()


def measured(*, tests: bool, cached: bool) -> Iterator[dict[str, Any]]:
    """A row for each part."""
    base = Path(tempfile.mkdtemp(prefix="triage-cold-"))
    base.chmod(0o755)
    try:
        clone, home = base / "inbox-triage", base / "home"
        home.mkdir()
        surroundings = environment(home, cached=cached)
        run(["git", "clone", "--quiet", str(ROOT), str(clone)], base, surroundings)
        took, _ = run(["make", "install"], clone, surroundings)
        yield {"command": "both", "what": "packages are fetched and unpacked", "seconds": took}
        ports = [f"--{name}port {free_port()}" for name in ("", "gmail-", "x-", "mail-")]
        took, lines = run(["make", "demo", f"ARGS=--once {' '.join(ports)}"], clone, surroundings)
        yield from phases(lines, took)
        if tests:
            took, lines = run(["make", "test"], clone, surroundings)
            yield {"command": "make test", "what": lines[-1].strip("= "), "seconds": took}
    finally:
        shutil.rmtree(base, ignore_errors=True)


def main(argv: list[str] | None = None) -> int:
    """Print where the time goes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks cold", description=__doc__.split("\n")[0])
    parser.add_argument("--tests", action="store_true", help="run the whole suite too")
    parser.add_argument("--keep-cache", action="store_true", help="packages may come from pip's cache")
    args = parser.parse_args(argv)
    show("From an empty folder", list(measured(tests=args.tests, cached=args.keep_cache)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
