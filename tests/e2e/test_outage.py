"""The network is gone for six hours of simulated time, and comes back."""

from __future__ import annotations

from datetime import timedelta

from benchmarks.outage import run


def test_everything_arrives_the_urgent_first_and_no_limit_is_passed() -> None:
    minutes, told = run(500, 40, tried=timedelta(hours=2))
    assert told["failed cycles in the outage"] == 6
    assert (told["stored"], told["posts stored"]) == (told["mails"], told["posts"]) == (505, 45)
    assert told["conversations"] == 550
    assert told["before the last urgent"] == told["urgent"] == 12
    assert told["refusals for rates"] == 0
    assert len(minutes) == 2, "5,400 units a minute read 270 mails; 505 take two"
