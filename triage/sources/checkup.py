"""What the checkups of all sources share."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from triage.core.finding import Finding, bad, ok, warn

NOTICEABLE = timedelta(seconds=10)
"""Below this the age of the answer and the Date header's whole seconds say more than our clock."""

HARMFUL = timedelta(minutes=2)
"""Signed assertions, search windows and leases go wrong from a few minutes on."""


def clock(service: str, date: str | None, now: datetime) -> tuple[Finding, ...]:
    """Our clock against the Date header of an answer that has just arrived; nothing when there is none."""
    try:
        ahead = now - parsedate_to_datetime(date or "")
    except (ValueError, TypeError):
        return ()
    seconds = abs(int(ahead.total_seconds()))
    if abs(ahead) < NOTICEABLE:
        return (ok("clock", f"within {seconds + 1} s of {service}'s"),)
    text = (
        f"this machine's clock is {seconds} s {'ahead of' if ahead > timedelta(0) else 'behind'} {service}'s"
    )
    make = bad if abs(ahead) >= HARMFUL else warn
    return (
        make("clock", text, "set the clock: let the machine keep time by NTP (timedatectl set-ntp true)"),
    )
