"""How long a text is, by each platform's own rules: worked by hand."""

from __future__ import annotations

import pytest

from triage.core.length import Length, at_x, graphemes, length, links

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Hello", 5),
        ("é" * 10, 10),
        ("e\u0301" * 10, 10),  # X composes first
        ("日本", 4),
        ("’ « à »", 7),
        ("…", 2),
        ("\U0001f44d", 2),
        ("\U0001f44d\U0001f3fd", 2),  # with a skin tone
        (FAMILY, 2),
        ("\U0001f1eb\U0001f1f7", 2),  # a flag
        ("1\ufe0f\u20e3", 2),  # a keycap
        ("https://example.com/" + "a" * 90, 23),
        ("see volmera.com.", 4 + 23 + 1),
        ("care@volmera.com", 16),  # no link
        ("(https://a.example/x), then", 1 + 23 + 1 + 6),
        ("a\r\nb", 4),
    ],
)
def test_x_counts_links_as_23_and_heavy_characters_twice(text: str, count: int) -> None:
    assert at_x(text) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("abc", 3), ("e\u0301", 1), (FAMILY, 1), ("\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea", 2), ("a\r\nb", 3),
     ("\u0928\u093f", 1), ("\u0301", 1)],
)  # fmt: skip
def test_a_reader_sees_one_character_where_marks_and_emoji_are_joined(text: str, count: int) -> None:
    assert graphemes(text) == count


def test_each_channel_has_its_limit_and_mail_has_none() -> None:
    link = "https://example.com/" + "a" * 90
    assert length("gmail", "a" * 10_000) is None
    assert length("x", "a" * 280) == Length(count=280, most=280, soft=True)
    assert length("bluesky", link) == Length(count=110, most=300)
    assert length("mastodon", f"{link} ok") == Length(count=26, most=500, soft=True)
    assert [measured.fits for n in (300, 301) if (measured := length("bluesky", "a" * n))] == [True, False]


def test_what_stands_behind_a_link_is_not_of_it() -> None:
    text = "Look: https://a.example/b?c=(d), or www.volmera.fr!"
    assert [text[start:end] for start, end in links(text)] == ["https://a.example/b?c=(d", "www.volmera.fr"]
