"""What benchmarks measured, kept as JSON: each with its command, date and machine."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from benchmarks import kit

FOLDER = Path(__file__).with_name("results")


class _Tee(io.TextIOBase):
    """Prints, and remembers what was printed."""

    def __init__(self, out: TextIO) -> None:
        self.out, self.seen = out, io.StringIO()

    def write(self, text: str) -> int:
        self.seen.write(text)
        return self.out.write(text)

    def flush(self) -> None:
        self.out.flush()


def run(name: str, main: Callable[[list[str]], int], options: list[str], *, folder: Path = FOLDER) -> int:
    """Run a benchmark; keep its tables, or what it printed, and how it ended. One that breaks off keeps nothing."""
    kit.SHOWN.clear()
    tee, began = _Tee(sys.stdout), time.monotonic()
    with contextlib.redirect_stdout(tee):
        ended = main(options) or 0
    told: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks", name, *(["--", *options] if options else [])]),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "seconds": round(time.monotonic() - began),
        "reached": ended == 0,
        "tables": [{"title": title, "rows": rows} for title, rows in kit.SHOWN],
        "printed": "" if kit.SHOWN else tee.seen.getvalue(),
    }
    folder.mkdir(exist_ok=True)
    text = json.dumps(told, ensure_ascii=False, indent=1, default=str)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return ended


def all_kept(folder: Path = FOLDER) -> dict[str, dict[str, Any]]:
    """By benchmark."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def machine() -> str:
    """What it was measured on: processors, memory, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, Python {platform.python_version()}"


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
