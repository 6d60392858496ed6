"""Serving a stand-in on 127.0.0.1: in a thread for tests, or as a process that ends cleanly on SIGTERM."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"
START_SECONDS = 10.0


class PortBusy(Exception):
    """The port is taken by another process."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} is already in use: stop what listens there or choose another with --port."
        )


class ControlFailed(Exception):
    """A control call was refused; the text is the stand-in's own sentence."""


class _Protocol(H11Protocol):
    """HTTP/1.1 that lets a response break its own connection."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Uvicorn(uvicorn.Server):
    """A server for which SIGTERM and Ctrl-C are a normal end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the usual signals, and do not raise them again afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(port: int, host: str = HOST) -> socket.socket:
    """A listening socket, on loopback if nothing else is said; port 0 takes a free one."""
    # asyncio turns Nagle's delay off only for sockets that name their protocol: 40 ms a reply otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortBusy(port) from error
    return listener


def _server(app: ASGIApp) -> _Uvicorn:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=60,
        server_header=False,
    )
    return _Uvicorn(config)


class Server:
    """A stand-in running in a thread of this process."""

    def __init__(self, app: ASGIApp, port: int = 0, on_stop: Callable[[], None] | None = None) -> None:
        self._socket = listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        self._uvicorn = _server(app)
        self._on_stop = on_stop
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), daemon=True)

    def start(self) -> Server:
        """Start, and return once connections are served."""
        self._thread.start()
        end = time.monotonic() + START_SECONDS
        while not self._uvicorn.started:
            if time.monotonic() > end or not self._thread.is_alive():
                raise RuntimeError("The stand-in did not start.")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Stop, and return once the thread has ended."""
        self._uvicorn.should_exit = True
        self._thread.join(START_SECONDS)
        self._socket.close()
        if self._on_stop is not None:
            self._on_stop()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def control(self, path: str, body: Any = None, *, verb: str | None = None) -> Any:
        """Call `/control/<path>`: POST when there is a body, else GET."""
        return call_control(self.url, path, body, verb=verb)


def call_control(url: str, path: str, body: Any = None, *, verb: str | None = None) -> Any:
    """Call the control API of a stand-in and return its JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{url}/control/{path}",
        data=data,
        method=verb or ("GET" if body is None else "POST"),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise ControlFailed(json.loads(error.read())["error"]) from error


def run(
    app: ASGIApp, port: int, name: str, on_stop: Callable[[], None] | None = None, *, host: str = HOST
) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit code of the process."""
    try:
        listener = listen(port, host)
    except PortBusy as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{name} on http://{host}:{listener.getsockname()[1]}", flush=True)
    _server(app).run([listener])
    if on_stop is not None:
        on_stop()
    return 0
