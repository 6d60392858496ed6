"""What X costs, kept to the cent beside the stand-in's bill; the cap; resting visibly; counting instead of reading."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection

import demo.x
from demo.common.serving import Server
from tests.builders import one, table
from tests.ops.x_brand import Brand
from triage.core.errors import Fatal
from triage.ops import spend
from triage.store import db, quota


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.x.serve() as running:
        yield running


@pytest.fixture
def brand(server: Server, connection: Connection) -> Brand:
    return Brand(server, connection)


def paused(brand: Brand) -> str:
    rows = table(brand.connection, "SELECT reason FROM triage.pause")
    return rows[0]["reason"] if rows else ""


@pytest.mark.parametrize("names", ["never", "always"])
def test_the_ledger_is_the_bill_to_the_cent_over_days(brand: Brand, names: str) -> None:
    for day in range(3):
        for n in range(12):
            text = f"@volmera {'#Volmera' if n % 2 else ''} {day} {n}"
            brand.world.post(f"d{day}-{n}", f"user{n % 5}", text=text, ago=600 - n)
            brand.world.post(f"t{day}-{n}", f"tag{n}", text=f"#Volmera only {day} {n}", ago=300 - n)
        brand.world.post(f"r{day}", "volmera", text="We look into it.", reply_to=f"d{day}-0", ago=60)
        brand.run(names=names)
        brand.run(names=names)
        assert brand.spent() == brand.world.billed()
        brand.world.to_noon()
    assert len(brand.live()) == 3 * 25
    if names == "never":
        assert brand.spent() == 3 * (12 * 1_000 + 12 * 5_000 + 1_000) + 10_000


def test_a_post_in_both_feeds_is_paid_once_whatever_is_read_again(brand: Brand) -> None:
    for n in range(8):
        brand.world.post(f"b{n}", f"user{n}", text=f"@volmera burns #Volmera {n}", ago=100 - n)
    brand.run(first_sync=timedelta(hours=2))
    brand.run(first_sync=timedelta(hours=2), track=["#Volmera", "#More"])
    assert brand.world.billed() == brand.spent() == 8 * 1_000 + 10_000


@pytest.mark.parametrize("cap", [4_999, 30_000, 73_000, 200_001])
def test_the_cap_holds_to_the_cent_and_the_next_day_goes_on(
    server: Server, connection: Connection, cap: int
) -> None:
    brand = Brand(server, connection, cap=cap)
    world = brand.world
    world.many(20, text="@volmera {}", ago=900)
    world.many(20, text="#Volmera {}", prefix="tags", ago=800)
    before, days = 0, 0
    while days < 12:
        for _ in range(3):
            report = brand.run()
        today = world.billed() - before
        assert today <= cap
        assert brand.today() == today
        if not paused(brand):
            break
        assert paused(brand).startswith("cap: $")
        assert any("cap: $" in note for note in report.notes)
        with pytest.raises(Fatal, match=r"brand rests since .* cap: .*dollars_per_day is raised"):
            spend.report(connection, ["brand"], now=world.now)
        before, days = world.billed(), days + 1
        brand.world.to_noon()
    if cap < 15_000:
        assert brand.live() == {}
        assert world.billed() == 0
    elif cap >= 60_000:
        assert set(brand.live()) == world.live()
        assert paused(brand) == ""


def test_a_cap_that_pays_no_search_page_still_reads_mentions(server: Server, connection: Connection) -> None:
    brand = Brand(server, connection, cap=49_999)
    brand.world.many(12, text="@volmera {}", ago=900)
    brand.world.many(3, text="#Volmera {}", prefix="tags", ago=800)
    brand.run()
    assert len(brand.live()) == 12
    assert paused(brand).startswith("cap:")


def test_used_up_credits_rest_with_the_mend_and_care_alarms(brand: Brand) -> None:
    brand.world.many(15)
    brand.world.server.control("credits", {"dollars": 0})
    report = brand.run()
    assert "credits are used up" in report.notes[0]
    since = table(brand.connection, "SELECT since FROM triage.pause")
    brand.world.sleep_until_later(minutes=10)
    brand.run()
    assert table(brand.connection, "SELECT since FROM triage.pause") == since
    with pytest.raises(Fatal, match=r"brand rests since .* credits: .*add credits"):
        spend.report(brand.connection, ["brand"])
    brand.world.server.control("credits", {"dollars": None})
    brand.run()
    assert paused(brand) == ""
    assert len(spend.report(brand.connection, ["brand"])) == 1
    assert set(brand.live()) == brand.world.live()


def test_an_edited_post_is_one_message_with_the_new_text_waiting_since_the_first(brand: Brand) -> None:
    first = brand.world.post("e", text="@volmera it smkoes", ago=900)
    brand.run()
    before = one(brand.connection, "SELECT waiting_since AS n FROM triage.unanswered_queue")
    second = brand.world.server.control("edit", {"id": "e", "text": "@volmera it smokes"})["id"]
    brand.run()
    brand.run()
    assert brand.live() == {second: "@volmera it smokes"}
    assert first != second
    assert brand.waiting() == ["@volmera it smokes"]
    assert one(brand.connection, "SELECT waiting_since AS n FROM triage.unanswered_queue") == before


def test_an_edit_after_our_answer_asks_nothing_anew(brand: Brand) -> None:
    brand.world.post("e", text="@volmera it smkoes", ago=900)
    brand.world.post("a", "volmera", text="Please unplug it.", reply_to="e", ago=600)
    brand.run()
    brand.world.server.control("edit", {"id": "e", "text": "@volmera it smokes"})
    brand.run()
    assert brand.waiting() == []


def test_a_post_deleted_on_its_day_leaves_and_to_see_that_costs_nothing(brand: Brand) -> None:
    brand.world.post("gone", text="@volmera never mind", ago=900)
    brand.world.post("stays", "bob", text="@volmera where is it", ago=800)
    brand.run()
    paid = brand.world.billed()
    brand.world.server.control("delete", {"id": "gone"})
    brand.run()
    assert brand.waiting() == ["@volmera where is it"]
    assert brand.world.billed() == brand.spent() == paid
    brand.world.to_noon()
    brand.run()
    assert brand.world.billed() == paid, "a post of yesterday is not looked at again: it would cost"


def test_quotes_of_our_posts_wait_for_us(brand: Brand) -> None:
    brand.world.post("ours", "volmera", text="A new mixer!", ago=900)
    early = brand.world.post("early", "bob", text="look at this rubbish", quotes="ours", ago=800)
    brand.world.post("other", "bob", text="unrelated", quotes="early", ago=700)
    brand.run()
    late = brand.world.post("late", "eve", text="still rubbish", quotes="ours", ago=5)
    brand.run()
    assert {early, late} <= set(brand.live())
    assert brand.waiting() == ["look at this rubbish", "still rubbish"]
    assert brand.spent() == brand.world.billed() == 10_000 + 1_000 + 2 * 5_000


def test_tracked_terms_that_are_counted_are_not_read(brand: Brand) -> None:
    brand.world.many(40, text="#Volmera {}", ago=1200)
    asked = brand.world.post("asked", text="@volmera #Volmera help", ago=600)
    brand.run(read="mentions")
    assert set(brand.live()) == {asked}
    source = brand.source(read="mentions")
    assert spend.count(brand.connection, source, "brand", now=brand.world.now) >= 59
    assert one(brand.connection, "SELECT sum(count) AS n FROM triage.volume") == 41
    assert spend.count(brand.connection, source, "brand", now=brand.world.now) == 0
    brand.world.sleep_until_later(minutes=11)
    assert spend.count(brand.connection, source, "brand", now=brand.world.now) in (11, 12)
    assert one(brand.connection, "SELECT count(*) AS n FROM triage.volume") >= 70
    assert brand.spent() == brand.world.billed() == 10_000 + 1_000 + 2 * 5_000


def test_no_count_beyond_the_cap(server: Server, connection: Connection) -> None:
    brand = Brand(server, connection, cap=10_000)
    brand.run(read="mentions")
    before = brand.world.server.control("stats")["requests"]
    assert spend.count(connection, brand.source(read="mentions"), "brand", now=brand.world.now) >= 59
    brand.cap = 4_999
    brand.world.sleep_until_later(minutes=11)
    assert spend.count(connection, brand.source(read="mentions"), "brand", now=brand.world.now) == 0
    assert brand.world.server.control("stats")["requests"] == before + 1


def test_the_day_s_sums_follow_whoever_spends_and_outlive_what_is_pruned(connection: Connection) -> None:
    with db.transaction(connection):
        quota.spend(connection, "care", {"messages.get": 20})
        quota.spend(connection, "care", {"messages.get": 40, "history.list": 2})
        quota.release(connection, quota.reserve(connection, "care", 500))
        quota.prune(connection, keep=timedelta(0))
    sums = table(connection, "SELECT method, units FROM triage.spend_day ORDER BY method")
    assert [(row["method"], row["units"]) for row in sums] == [("history.list", 2), ("messages.get", 60)]


def overview(connection: Connection) -> dict[str, Any]:
    with db.transaction(connection):
        (row,) = spend.spend.overview(connection, ["volmera_x"])
    return row


def test_dollars_and_a_forecast_that_says_what_it_rests_on(connection: Connection) -> None:
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.account SET created_at = now() - interval '30 minutes'")
        spend.spend.spend(connection, "volmera_x", {"mention": 1_500_000}, now(connection))
    thin = overview(connection)
    assert (float(thin["today"]), float(thin["this_month"]), thin["day_forecast"]) == (1.5, 1.5, None)
    assert "no forecast" in spend.report(connection, ["volmera_x"])[0]
    with db.transaction(connection):
        db.execute(connection, "UPDATE triage.account SET created_at = now() - interval '3 days'")
    full = overview(connection)
    left = one(
        connection, "SELECT extract(epoch FROM date_trunc('day', now()) + '1 day' - now()) / 3600 AS n"
    )
    assert float(full["an_hour"]) == 0.25
    assert float(full["day_forecast"]) == pytest.approx(1.5 + 0.25 * float(left), abs=0.02)
    assert full["month_forecast"] >= full["day_forecast"]
    assert "$1.500 today" in spend.report(connection, ["volmera_x"])[0]


def now(connection: Connection) -> Any:
    return one(connection, "SELECT now() AS n")


def test_what_was_billed_is_forgotten_when_its_day_is_long_over(brand: Brand) -> None:
    brand.world.many(3, ago=100)
    brand.run()
    brand.world.to_noon()
    spend.report(brand.connection, ["brand"], now=brand.world.now)
    assert one(brand.connection, "SELECT count(*) AS n FROM triage.billed") == 4
    brand.world.to_noon()
    spend.report(brand.connection, ["brand"], now=brand.world.now)
    assert one(brand.connection, "SELECT count(*) AS n FROM triage.billed") == 0
    assert brand.spent() == brand.world.billed()
