"""Packing tracked terms into as few search queries as fit."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from triage.core.errors import ConfigError
from triage.sources.x_query import QUERY_LIMIT, WITHOUT_RETWEETS, pack, query, quotes_of, term, terms, without

untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""In a fresh checkout the first text drawn waits seconds for Hypothesis to build its table of Unicode."""

LETTERS = st.text(alphabet="abcdefghijklmnopqrstuvwxyzéèàç0123456789_", min_size=1, max_size=60)
TRACKED = st.one_of(
    LETTERS,
    LETTERS.map(lambda word: f"#{word}"),
    st.lists(LETTERS, min_size=2, max_size=4).map(" ".join),
    st.text(min_size=1, max_size=40).filter(lambda text: any(c.isalnum() for c in text)),
).filter(lambda text: any(c.isalnum() for c in text))


def queries_of(track: list[str]) -> list[str]:
    return [query(group) for group in pack(terms(track))]


def parts(query: str) -> list[str]:
    """The terms of a query, taken apart again without any code of ours."""
    assert query.endswith(WITHOUT_RETWEETS)
    inner = query.removesuffix(WITHOUT_RETWEETS)
    found = re.findall(r'"[^"]*"|[^\s()"]+', inner.removeprefix("(").removesuffix(")"))
    assert all(joint == "OR" for joint in found[1::2])
    return found[::2]


def first_fit(terms: list[str]) -> int:
    """How many queries plain first-fit in the given order needs."""
    bins: list[int] = []
    for one in terms:
        size = len(one.encode("utf-16-le")) // 2
        for index, used in enumerate(bins):
            if used + 4 + size <= QUERY_LIMIT - 2 - len(WITHOUT_RETWEETS):
                bins[index] += 4 + size
                break
        else:
            bins.append(size)
    return len(bins)


@untimed
@given(st.lists(TRACKED, max_size=60))
def test_every_term_is_in_exactly_one_query_and_the_queries_are_few(track: list[str]) -> None:
    queries = queries_of(track)
    found = [one for query in queries for one in parts(query)]
    wanted = {t.casefold(): t for t in map(term, track)}
    assert sorted(one.casefold() for one in found) == sorted(wanted)
    assert all(len(query) <= QUERY_LIMIT for query in queries)
    assert len(queries) <= first_fit(terms(track))
    room = QUERY_LIMIT - len(WITHOUT_RETWEETS) - 2 + 4
    assert len(queries) >= math.ceil(sum(len(one) + 4 for one in found) / room)


@pytest.mark.parametrize(
    ("tracked", "asked"),
    [
        ("#Volmera", "#Volmera"),
        ("#Électroménager", "#Électroménager"),
        ("volmera", "volmera"),
        ("@volmera", "@volmera"),
        ("Duo 7", '"Duo 7"'),
        ('  "Duo   7" ', '"Duo 7"'),
        ("or", '"or"'),
        ("AND", '"AND"'),
        ("from:rival", '"from:rival"'),
        ("-is:reply", '"-is:reply"'),
        ("(a) OR b", '"(a) OR b"'),
        ('a" OR from:rival "b', '"a OR from:rival b"'),
        ("volmera.example", '"volmera.example"'),
        ("🧈", '"🧈"'),
    ],
)
def test_nothing_in_a_term_is_taken_for_an_operator(tracked: str, asked: str) -> None:
    assert term(tracked) == asked


def test_a_word_in_two_spellings_is_asked_for_once() -> None:
    assert queries_of(["#Duo7", "#duo7", "#DUO7"]) == ["#Duo7 -is:retweet"]


def test_the_order_of_terms_does_not_change_a_query() -> None:
    assert query(["#b", "#a"]) == query(["#a", "#b"]) == "(#a OR #b) -is:retweet"


def test_quotes_of_eleven_posts_fit_in_a_query() -> None:
    ids = [quotes_of(str(2124657467747991552 + n)) for n in range(33)]
    assert [len(group) for group in pack(ids)] == [11, 11, 11]
    beside = without(["volmera"])
    groups = pack(ids, beside=beside)
    assert sum(map(len, groups)) == 33
    assert all(len(query(group, beside=beside)) <= QUERY_LIMIT for group in groups)


def test_a_term_added_at_the_end_changes_one_query_only() -> None:
    track = [f"#recall{n:03}" for n in range(60)]
    before, after = queries_of(track), queries_of([*track, "#one_that_is_longer_than_the_others"])
    assert before[:-1] == after[: len(before) - 1]
    assert len(before) > 1


def test_long_and_short_terms_that_only_fit_together_when_the_long_go_first() -> None:
    """In order 200, 200, 280, 280 first-fit needs three queries; two hold them."""
    track = ["a" * 200, "b" * 200, "c" * 280, "d" * 280]
    assert [sorted(map(len, parts(q))) for q in queries_of(track)] == [[200, 280], [200, 280]]


@pytest.mark.parametrize("tracked", ["!!!", "", "  ", '""'])
def test_a_term_without_anything_to_search_for_is_refused(tracked: str) -> None:
    with pytest.raises(ConfigError, match="remove it"):
        queries_of([tracked])


def test_a_term_longer_than_a_query_is_refused_with_its_beginning() -> None:
    with pytest.raises(ConfigError, match=r"aaaa.*shorten it"):
        queries_of(["a" * 600])
