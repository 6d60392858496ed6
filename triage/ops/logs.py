"""Our own addresses, which logs may hold, and the terminal's log lines without anybody else's."""

from __future__ import annotations

import logging
import sys
import traceback
from functools import lru_cache
from types import TracebackType

from triage.config import config_dir, load
from triage.core.errors import ConfigError
from triage.core.redact import Redact, scrub


def ours() -> frozenset[str]:
    """Addresses of triage.yaml in small letters: accounts, groups, and whom we notify. None while it cannot be read."""
    path = config_dir() / "triage.yaml"
    try:
        return _addresses(str(path), path.stat().st_mtime_ns)
    except (ConfigError, OSError):
        return frozenset()


@lru_cache(maxsize=4)
def _addresses(path: str, changed: int) -> frozenset[str]:
    triage = load().triage
    named = [
        *(address for account in triage.accounts for address in account.addresses),
        *triage.groups,
        *(address for entry in triage.notify.values() for address in entry.addresses),
    ]
    return frozenset(address.lower() for address in named)


def terminal() -> None:
    """From here on a traceback and what libraries log to standard error are looked through."""
    if logging.lastResort and not any(isinstance(f, Redact) for f in logging.lastResort.filters):
        logging.lastResort.addFilter(Redact(ours))
    sys.excepthook = _told


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(scrub("".join(traceback.format_exception(kind, error, trace)), ours()), end="", file=sys.stderr)
