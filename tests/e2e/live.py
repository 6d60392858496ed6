"""A running demo: the process, its state, and what it shows."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from demo.airflow import CHECKOUT
from demo.common.serving import call_control
from demo.postgres import free_port
from demo.scene import postgres_base


@dataclass
class Demo:
    """`python -m demo` in a process of its own."""

    state: Path
    ui: int = field(default_factory=free_port)
    gmail: int = field(default_factory=free_port)
    x: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)
    printed: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    _lines: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def start(self, *arguments: str) -> None:
        """Start it; its lines are collected in `printed`."""
        ports = ["--port", str(self.ui), "--gmail-port", str(self.gmail), "--x-port", str(self.x),
                 "--mail-port", str(self.smtp)]  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--state", str(self.state), *ports, *arguments],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line.rstrip())
            self._lines.put(line)
        self._lines.put(None)

    @property
    def text(self) -> str:
        """Everything printed so far."""
        return "\n".join(self.printed)

    def until(self, words: str, seconds: float) -> None:
        """Wait for a line with these words; fail when the process ends before."""
        end = time.monotonic() + seconds
        while words not in self.text:
            try:
                line = self._lines.get(timeout=max(0.1, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {words!r} within {seconds:.0f} s:\n{self.text}") from None
            assert line is not None or words in self.text, self.text

    def finish(self, seconds: float) -> int:
        """Wait for its end."""
        assert self.process is not None
        return self.process.wait(seconds)

    def family(self) -> list[psutil.Process]:
        """The process and everything it started that still runs; PostgreSQL is a family of its own."""
        assert self.process is not None
        tops = [psutil.Process(self.process.pid)]
        postmaster = postgres_base(self.state / "story") / "cluster" / "data" / "postmaster.pid"
        if postmaster.exists():
            tops.append(psutil.Process(int(postmaster.read_text().split()[0])))
        return [process for top in tops for process in (top, *top.children(recursive=True))]

    def mail(self, path: str, body: Any = None, *, verb: str | None = None) -> Any:
        """A control call to the Gmail stand-in."""
        return call_control(f"http://127.0.0.1:{self.gmail}", path, body, verb=verb)

    def api(self, path: str) -> Any:
        """Airflow's REST API, as the UI asks it."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.ui}/api/v2/{path}", timeout=30) as response:
            return json.load(response)


@contextmanager
def demo(state: Path) -> Iterator[Demo]:
    """A demo that is gone at the end, whatever happened."""
    running = Demo(state=state)
    try:
        yield running
    finally:
        if running.process is not None and running.process.poll() is None:
            family = running.family()
            running.process.terminate()
            _, alive = psutil.wait_procs(family, timeout=60)
            for process in alive:
                process.kill()


def connections(process: psutil.Process) -> list[Any]:
    """Its TCP sockets; none when it has just ended."""
    try:
        return list(process.net_connections(kind="tcp"))
    except psutil.NoSuchProcess:
        return []


def eventually(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Look every half second until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)
