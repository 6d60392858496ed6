"""When the event trigger calls."""

from __future__ import annotations

from triage.core.bell import GRACE, Bell


class Watch:
    """A bell and a clock."""

    def __init__(self) -> None:
        self.bell = Bell()
        self.now = 1000.0

    def rings(self, waiting: object = None, *, arrived: bool = False, after: float = 0.0) -> bool:
        self.now += after
        return self.bell.rings(arrived=arrived, waiting=waiting, now=self.now)


def test_nothing_to_do_is_never_announced() -> None:
    watch = Watch()
    assert not any(watch.rings(after=GRACE) for _ in range(20))
    assert not watch.rings(arrived=True)


def test_what_arrives_is_announced_at_once_and_once() -> None:
    watch = Watch()
    assert watch.rings("m1", arrived=True)
    assert not any(watch.rings("m1", after=1) for _ in range(int(GRACE) - 1))


def test_more_of_it_is_announced_though_older_work_waits_still() -> None:
    watch = Watch()
    assert watch.rings("m1", arrived=True)
    assert watch.rings("m1", arrived=True, after=5)


def test_work_that_moves_needs_no_second_call() -> None:
    watch = Watch()
    assert watch.rings("m1", arrived=True)
    assert not any(watch.rings(f"m{n}", after=GRACE - 1) for n in range(2, 10))
    assert not watch.rings(None, after=GRACE)
    assert not watch.rings("m10", after=GRACE), "new work that others found is theirs at first"


def test_a_lost_call_heals_and_patience_grows() -> None:
    watch = Watch()
    assert watch.rings("m1", arrived=True)
    rung = [second for second in range(1, 1000) if watch.rings("m1", after=1)]
    assert rung == [GRACE, 3 * GRACE, 7 * GRACE, 15 * GRACE]


def test_what_was_left_before_our_time_is_announced_after_the_grace() -> None:
    watch = Watch()
    assert not watch.rings("m1")
    assert not watch.rings("m1", after=GRACE - 1)
    assert watch.rings("m1", after=1)


def test_after_a_rest_patience_is_short_again() -> None:
    watch = Watch()
    watch.rings("m1", arrived=True)
    assert watch.rings("m1", after=GRACE)
    watch.rings(None)
    assert watch.rings("m2", arrived=True)
    assert watch.rings("m2", after=GRACE)
