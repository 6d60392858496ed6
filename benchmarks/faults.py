"""The fault table: what is done to each service, what was lost or came twice, and what a person then finds.

python -m benchmarks faults

Runs the inherited contract of every source (tests/sources/contract.py): each fault is injected by the stand-in in
the first pull and in a later one.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter, defaultdict
from typing import Any

import pytest

from benchmarks.kit import show
from tests.builders import ROOT
from tests.sources import gmail_faults, social_faults, x_faults

TABLES = {
    "Gmail": gmail_faults.GMAIL, "X": x_faults.X,
    "Bluesky": social_faults.BLUESKY, "Mastodon": social_faults.MASTODON,
}  # fmt: skip
"""Source to its faults, by name."""

WANTED = {"Gmail": 20, "X": 12, "Bluesky": 8, "Mastodon": 8}
FILES = ("gmail", "x_contract", "bluesky", "mastodon")


class Tally:
    """A pytest plugin that keeps what the contract's tests tell."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each phase of a test."""
        match = re.search(r"::Test(\w+)Contract::\w*recovers\w*\[(.+)]$", report.nodeid)
        if match and report.when == "call":
            told = self.found[match[1], match[2]]
            told.update({name: value for name, value in report.user_properties if isinstance(value, int)})
            told["runs"] += 1
            told["failed"] += report.failed


def main(argv: list[str] | None = None) -> int:
    """Print the table; 1 when a run failed or a kind is missing."""
    argparse.ArgumentParser(description="Every fault, and what became of the messages.").parse_args(argv)
    tally = Tally()
    files = [str(ROOT / "tests" / "sources" / f"test_{name}.py") for name in FILES]
    pytest.main([*files, "-k", "recovers", "-q", "--no-header", "--no-summary"], plugins=[tally])
    rows: list[dict[str, Any]] = []
    for source, faults in TABLES.items():
        for name, fault in faults.items():
            told = tally.found[source, name]
            rows.append(
                {"source": source, "what is done": name, "runs": told["runs"], "failed": told["failed"],
                 "lost": told["lost"], "doubled": told["doubled"], "what a person then finds": fault.leaves}
            )  # fmt: skip
    show("Faults", rows)
    kinds = Counter(row["source"] for row in rows if row["runs"])
    show("Kinds", [{"source": s, "kinds": kinds[s], "wanted": n} for s, n in WANTED.items()])
    short = any(kinds[source] < wanted for source, wanted in WANTED.items())
    return int(short or any(row["failed"] or not row["runs"] for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
