"""What X costs, by the stand-in's bill: dollars a collected post beside what cannot be avoided; both feeds; the cap.

python -m benchmarks x_cost [-- --days N --polls N]

Unavoidable is every post once, at the price of the cheapest way to it: $0.001 for a mention and for our own post,
$0.005 for what only a search finds. Everything else (looking up our own id, authors, reading twice) is waste. Posts
arrive over simulated days, are polled, written to PostgreSQL, and now and then searched under changed terms.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import demo.x
from benchmarks.kit import database, show
from demo.common.serving import Server
from tests.ops.x_brand import Brand
from triage.store import db

MENTION, SEARCHED = 1_000, 5_000
A_POLL = {"mention": 18, "both": 8, "tag": 4, "quote": 1, "own": 2}
"""Posts that arrive between two polls, by how they can be found."""

UNAVOIDABLE = {"mention": MENTION, "both": MENTION, "tag": SEARCHED, "quote": SEARCHED, "own": MENTION}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One run over the days, in millionths of a dollar. `worst_day` is the dearest by X's bill."""

    posted: int
    collected: int
    unavoidable: int
    billed: int
    ledger: int
    worst_day: int = 0
    rests: int = 0

    @property
    def ratio(self) -> float:
        """What was paid for one unavoidable dollar."""
        return self.billed / self.unavoidable


@contextmanager
def brand_at(server: Server, cap: int | None = None) -> Iterator[Brand]:
    """Our account at an empty stand-in and an empty database."""
    with database() as dsn, db.connect(dsn) as connection:
        yield Brand(server, connection, cap=cap)


def arrive(brand: Brand, number: int, kinds: dict[str, int]) -> int:
    """What is posted before poll `number`; how many posts."""
    world, count = brand.world, 0
    if number == 0:
        world.post("root", "volmera", text="A new mixer!", ago=900)
        count += 1
    texts = {
        "mention": "@volmera it broke {}",
        "both": "@volmera it broke #Volmera {}",
        "tag": "so sad #Volmera {}",
    }
    for kind, many in kinds.items():
        for n in range(many):
            label, who = f"{kind}-{number}-{n}", f"{kind}{n}"
            if kind == "own":
                world.post(
                    label, "volmera", text="We look into it.", reply_to=f"mention-{number}-{n}", ago=60 - n
                )
            elif kind == "quote":
                world.post(label, who, text=f"look at this {number}", quotes="root", ago=100 - n)
            else:
                world.post(label, who, text=texts[kind].format(label), ago=300 - n)
            count += 1
    return count


def days_of(
    server: Server, days: int, polls: int, *, kinds: dict[str, int], cap: int | None = None, **how: Any
) -> Cost:
    """So many days with so many polls each; under a cap more days without posts, until all is read."""
    with brand_at(server, cap) as brand:
        world, number, posted, worst, rests = brand.world, 0, 0, 0, 0
        day = 0
        while day < days or (cap is not None and len(brand.live()) < posted and day < 60):
            before = world.billed()
            for _ in range(polls):
                if day < days:
                    posted += arrive(brand, number, kinds)
                    number += 1
                rests += any("paused: cap" in note for note in brand.run(**how).notes)
                world.sleep_until_later(minutes=math.floor(600 / polls))
            worst = max(worst, world.billed() - before)
            brand.world.to_noon()
            day += 1
        unavoidable = MENTION + number * sum(UNAVOIDABLE[kind] * many for kind, many in kinds.items())
        return Cost(
            posted=posted, collected=len(brand.live()), unavoidable=unavoidable, billed=world.billed(),
            ledger=brand.spent(), worst_day=worst, rests=rests,
        )  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks x_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--polls", type=int, default=12, help="polls a day")
    options = parser.parse_args(argv if argv is not None else sys.argv[1:])
    with demo.x.serve() as server:
        runs = {
            "all kinds, names: never": days_of(server, options.days, options.polls, kinds=A_POLL),
            "mentions only": days_of(server, options.days, options.polls, kinds={"mention": 24}),
            "in both feeds only": days_of(server, options.days, options.polls, kinds={"both": 24}),
            "all kinds, names: always": days_of(
                server, options.days, options.polls, kinds=A_POLL, names="always"
            ),
        }
        caps = {
            cap: days_of(server, options.days, options.polls, kinds=A_POLL, cap=cap)
            for cap in (333_333, 450_000)
        }
    show("X by the stand-in's bill", [{"run": name, **_row(cost)} for name, cost in runs.items()])
    show("The daily cap", [_cap_row(cap, cost) for cap, cost in caps.items()])
    good = all(c.collected == c.posted and c.ledger == c.billed for c in [*runs.values(), *caps.values()])
    cheap = all(c.ratio <= 1.02 for name, c in runs.items() if "always" not in name)
    return 0 if good and cheap and all(c.worst_day <= cap for cap, c in caps.items()) else 1


def _row(cost: Cost) -> dict[str, Any]:
    return {
        "posts": cost.posted, "collected": cost.collected, "billed $": _dollars(cost.billed),
        "our ledger $": _dollars(cost.ledger), "unavoidable $": _dollars(cost.unavoidable), "ratio": cost.ratio,
        "$ a post": f"{cost.billed / 1e6 / max(1, cost.collected):.5f}",
    }  # fmt: skip


def _cap_row(cap: int, cost: Cost) -> dict[str, Any]:
    return {
        "cap $": _dollars(cap), "dearest day $": _dollars(cost.worst_day),
        "overrun $": _dollars(max(0, cost.worst_day - cap)), "runs that rested": cost.rests, "posts": cost.posted,
        "collected in the end": cost.collected, "ledger - bill $": _dollars(cost.ledger - cost.billed),
    }  # fmt: skip


def _dollars(micros: int) -> str:
    return f"{micros / 1e6:.6f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
