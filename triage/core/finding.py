"""What a check of the installation found, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from triage.core.errors import Retry, TriageError

State = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check's result. `bad`: something does not work; `warn`: it works, and somebody should look.

    `name` is the check's, stable for scripts; `mend` what to do, empty when all is well; `account` empty when the
    check is about none.
    """

    name: str
    state: State
    text: str
    mend: str = ""
    account: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkup:
    """What only a source can know about its account, and what asking cost, in the source's own units."""

    findings: tuple[Finding, ...]
    units: Mapping[str, int] = field(default_factory=dict)


def ok(name: str, text: str) -> Finding:
    """All is well."""
    return Finding(name=name, state="ok", text=text)


def warn(name: str, text: str, mend: str) -> Finding:
    """Somebody should look."""
    return Finding(name=name, state="warn", text=text, mend=mend)


def bad(name: str, text: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(name=name, state="bad", text=text, mend=mend)


def refused(name: str, error: TriageError) -> Finding:
    """An error as a finding: our errors are one sentence, the thing before the semicolon and the mend after it."""
    text, _, mend = str(error).partition("; ")
    later = "look at the network and at the service's own status, then try again"
    return bad(name, text, mend or (later if isinstance(error, Retry) else "mend what it names"))
