"""What *waiting* means, as properties of core.waiting.judge over made-up conversations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import at
from triage.core.types import Direction, State
from triage.core.waiting import Event, SpellKind, Verdict, judge

LATER = timedelta(days=1)


def event(
    number: int, minute: float = 0, direction: Direction = Direction.INBOUND, **given_: object
) -> Event:
    return Event(id=number, direction=direction, sent_at=at(minute), **given_)  # type: ignore[arg-type]


@st.composite
def histories(draw: st.DrawFn, *, empty: bool = True) -> list[Event]:
    """Conversations of up to eight messages within ten minutes, so that equal times are common."""
    count = draw(st.integers(0 if empty else 1, 8))
    return [
        event(
            number,
            draw(st.integers(0, 10)),
            draw(st.sampled_from(Direction)),
            bare_thanks=draw(st.booleans()),
            deleted=draw(st.sampled_from([False, False, True])),
            covered_as=draw(st.sampled_from([None, None, State.ANSWERED, State.DISMISSED])),
        )
        for number in range(count)
    ]


def end_of(history: list[Event]) -> Event:
    return max(history, key=lambda e: (e.sent_at, e.id))


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(history: list[Event], random: object) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(shuffled) == judge(history)


@given(histories(empty=False))
def test_a_later_human_reply_closes(history: list[Event]) -> None:
    reply = Event(id=99, direction=Direction.OUTBOUND, sent_at=end_of(history).sent_at + LATER)
    asked = any(e.direction is Direction.INBOUND for e in history)
    assert judge([*history, reply]).state is (State.ANSWERED if asked else State.NOBODY)


@given(histories(), st.integers(0, 10))
def test_automatic_mail_changes_nothing(history: list[Event], minute: int) -> None:
    machine = event(99, minute, Direction.AUTOMATIC, bare_thanks=True)
    assert judge([*history, machine]) == judge(history)


@given(histories(empty=False))
def test_a_new_message_after_our_reply_opens_a_spell_with_its_own_clock(history: list[Event]) -> None:
    reply = Event(id=98, direction=Direction.OUTBOUND, sent_at=end_of(history).sent_at + LATER)
    question = Event(id=99, direction=Direction.INBOUND, sent_at=reply.sent_at + LATER)
    verdict = judge([*history, reply, question])
    assert verdict == Verdict(
        state=State.WAITING, since=question.sent_at, kind=SpellKind.REPLY, open=(question.id,)
    )


@given(histories(empty=False))
def test_thanks_after_an_answer_are_a_check(history: list[Event]) -> None:
    asked = event(97, 0)
    reply = Event(id=98, direction=Direction.OUTBOUND, sent_at=end_of(history).sent_at + LATER)
    thanks = Event(id=99, direction=Direction.INBOUND, sent_at=reply.sent_at + LATER, bare_thanks=True)
    assert judge([asked, *history, reply, thanks]).kind is SpellKind.CHECK
    question = Event(id=100, direction=Direction.INBOUND, sent_at=thanks.sent_at + LATER)
    assert judge([asked, *history, reply, thanks, question]).kind is SpellKind.REPLY


@given(histories())
def test_the_clock_starts_at_the_earliest_open_message(history: list[Event]) -> None:
    verdict = judge(history)
    opened = [e for e in history if e.id in verdict.open]
    assert (verdict.state is State.WAITING) == bool(opened)
    if opened:
        assert verdict.since == min(e.sent_at for e in opened)
        assert all(
            e.direction is Direction.INBOUND and not e.deleted and e.covered_as is None for e in opened
        )


@given(histories())
def test_nobody_who_asked_is_left_out_of_the_ledger(history: list[Event]) -> None:
    asked = any(e.direction is Direction.INBOUND for e in history)
    assert (judge(history).state is State.NOBODY) == (not asked)


@given(histories(empty=False), st.sampled_from([State.ANSWERED, State.DISMISSED]))
def test_settling_what_waits_closes_it_as_said(history: list[Event], said: State) -> None:
    waiting = judge(history)
    settled = [replace(e, covered_as=said) if e.id in waiting.open else e for e in history]
    after = judge(settled)
    assert after.state is not State.WAITING
    unanswered = [e for e in settled if e.direction is Direction.INBOUND]
    if waiting.open and end_of(unanswered).id in waiting.open:
        assert after.state is said


@given(histories(empty=False))
def test_deleting_every_question_leaves_nobody_waiting(history: list[Event]) -> None:
    verdict = judge([replace(e, deleted=True) for e in history])
    assert verdict.state is not State.WAITING


def test_a_deleted_question_that_nobody_answered_counts_as_dismissed() -> None:
    assert judge([event(1, deleted=True)]).state is State.DISMISSED


def test_deleting_one_of_two_questions_moves_the_clock_to_the_other() -> None:
    verdict = judge([event(1, 0, deleted=True), event(2, 5)])
    assert verdict == Verdict(state=State.WAITING, since=at(5), kind=SpellKind.REPLY, open=(2,))


def test_a_message_after_a_dismissal_waits_anew() -> None:
    verdict = judge([event(1, 0, covered_as=State.DISMISSED), event(2, 5)])
    assert (verdict.state, verdict.since, verdict.open) == (State.WAITING, at(5), (2,))


def test_a_first_message_of_thanks_is_not_a_check() -> None:
    assert judge([event(1, bare_thanks=True)]).kind is SpellKind.REPLY


@pytest.mark.parametrize(("minute", "state"), [(5, State.WAITING), (6, State.ANSWERED), (4, State.WAITING)])
def test_a_reply_answers_only_what_was_sent_before_it(minute: float, state: State) -> None:
    assert judge([event(1, 5), event(2, minute, Direction.OUTBOUND)]).state is state


def test_a_conversation_without_a_persons_question_is_nobodys() -> None:
    assert judge([]).state is State.NOBODY
    assert judge(
        [event(1, direction=Direction.OUTBOUND), event(2, direction=Direction.AUTOMATIC)]
    ) == Verdict(state=State.NOBODY)
