"""Surge detection against the rules people use, on real streams, on a public benchmark and on injected surges.

python -m benchmarks surge [-- --only real nab injected rough day burst] [--number 200]

Real streams and NAB's series are read from a folder beside the checkout, which is not part of the project
(SURGE_DATA names another); without it those tables are left out and said to be.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from benchmarks import surge_burst, surge_injected, surge_nab, surge_real, surge_volume
from benchmarks.kit import show
from tests.builders import ROOT
from triage.core.types import NOT_CRISIS

DATA = Path(os.environ.get("SURGE_DATA") or ROOT.parent / "shared" / "data" / "surges")
NAB_SCORE, NAB_ALARMS = 75.0, 0.15
"""What must be shown: the score, and false alarms a day and series."""


def real(_: int) -> bool:
    """Curated onsets."""
    if not DATA.exists():
        print(f"no real streams: {DATA.name} is not there; SURGE_DATA names the folder")
        return True
    late, elsewhere = surge_real.tables(surge_real.read(DATA))
    show("Real streams: GT11 Southwest, GT12 United, GT02 and GT05 Free, GT18 Comcast", late)
    show("Real streams: alarms at other times, whether or not something happened", elsewhere)
    return True


def nab(_: int) -> bool:
    """NAB's score."""
    if not (DATA / "nab").exists():
        print(f"no NAB series: {DATA.name}/nab is not there; SURGE_DATA names the folder")
        return True
    rows = surge_nab.table(surge_nab.read(DATA / "nab"))
    show("NAB, five Twitter volumes, standard profile", rows)
    return rows[0]["NAB score"] >= NAB_SCORE and rows[0]["false alarms a day"] <= NAB_ALARMS


def _injected(process: surge_injected.Process) -> Callable[[int], bool]:
    def part(number: int) -> bool:
        quiet, late, good = surge_injected.table(process, number)
        show(f"Quiet streams: {process.name}", quiet)
        show(f"{number} injected surges each: median delay at equal false alarms", late)
        return good

    return part


def day(_: int) -> bool:
    """What a bin costs."""
    rows = surge_volume.busy_day()
    show("10,000 messages an hour for a day", rows)
    return rows[-1]["state, bytes"] < 1.5 * rows[0]["state, bytes"]


def burst(_: int) -> bool:
    """Bursts of mail, noticed and named."""
    rows = surge_burst.table()
    show(
        f"{len(rows)} bursts of {surge_burst.SIZE:,} mails in {surge_burst.LASTS // 60} min, simulated", rows
    )
    crises = [row for row in rows if row["topic"] != NOT_CRISIS]
    named = sum(row["right"] for row in crises)
    print(f"named rightly within {surge_burst.LATE_NAME // 60} minutes: {named} of {len(crises)} crises; by counting "
          f"decisions {sum(row['counting right'] for row in crises)}; of {len(rows) - len(crises)} bursts of harmless "
          f"news {sum(row['right'] for row in rows) - named} stay without a name")  # fmt: skip
    print(f"volume alarms after {max(row['alarm, s'] for row in rows):.0f} s at most")
    print(f"words of the recall: {surge_burst.words()}")
    late = max(row["alarm, s"] for row in rows) > surge_burst.LATE_ALARM
    return named == len(crises) and not late


PARTS: dict[str, Callable[[int], bool]] = {
    "real": real, "nab": nab, "injected": _injected(surge_injected.PLAIN), "rough": _injected(surge_injected.ROUGH),
    "day": day, "burst": burst,
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when something that must be shown is not."""
    parser = argparse.ArgumentParser(description="Surge detection beside the rules people use.")
    parser.add_argument("--only", nargs="+", choices=sorted(PARTS), default=list(PARTS), metavar="PART")
    parser.add_argument("--number", type=int, default=200, help="injected surges of each kind")
    args = parser.parse_args(argv)
    missed = [name for name in args.only if not PARTS[name](args.number)]
    for name in missed:
        print(f"{name}: not what must be shown")
    return int(bool(missed))


if __name__ == "__main__":
    raise SystemExit(main())
