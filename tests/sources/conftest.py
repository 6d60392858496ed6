"""Stand-in servers that several test modules share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import demo.gmail
from demo.common.serving import Server


@pytest.fixture(scope="session")
def gmail_server() -> Iterator[Server]:
    """One Gmail stand-in; each harness resets it."""
    with demo.gmail.serve() as running:
        yield running
