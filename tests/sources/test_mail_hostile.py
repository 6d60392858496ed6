"""Mails that should not exist: none breaks the parser, none makes it work without bound, each cut is named."""

from __future__ import annotations

import base64
import json
import sys
import tracemalloc
from collections.abc import Callable
from email import message_from_bytes
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.mail_mutants import HEAD, hostile, mutants, seeds
from triage.ops.parse import as_json
from triage.sources import mail, mail_parts

SIZE = 1_200_000
MOST_CALLS = 2_000_000
"""Calls of functions, Python's own included: those of a hostile mail take a third of a second."""
SHAPES = hostile(SIZE)
CUTS = {
    "base64 text": "text cut after 200000 characters",
    "plain lines": "new text looked for in 5000 lines",
    "HTML": "HTML beyond 10000 tags is not laid out",
    "fifty HTML parts": "HTML beyond 10000 tags is not laid out",
    "HTML of <": "HTML cut after 500000 characters",
    "slow charset": "text cut after 1000000 bytes",
    "10,000 parts": "more than 500 parts",
    "10,000 attachments": "more than 500 parts",
    "header lines": "header cut after",
    "one header": "header cut after 200000 bytes",
    "nested mails": "nested deeper than 30 levels",
    "almost boundaries": "too many things like boundaries",
}


def calls(work: Callable[[], Any]) -> int:
    """How many functions were called."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def sound(raw: bytes) -> dict[str, Any]:
    """What `triage parse` prints of it, which must be JSON without control characters that break a reader."""
    found = as_json(mail.parse(raw))
    json.dumps(found, ensure_ascii=False).encode("utf-8")
    assert "\x00" not in found["text"] + found["full_text"] + found["subject"]
    assert "\n" not in found["subject"] + found["from"]
    assert all(a["bytes"] >= 0 and "\n" not in a["name"] + a["type"] for a in found["attachments"])
    return found


@given(st.one_of(mutants(), mutants(), mutants(), st.binary(max_size=2000)))
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_no_bytes_break_it(raw: bytes) -> None:
    sound(raw)


@given(mutants())
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_the_same_bytes_give_the_same(raw: bytes) -> None:
    assert mail.parse(raw) == mail.parse(raw)


@pytest.mark.parametrize("name", SHAPES)
def test_hostile_shapes_are_bounded_work(name: str) -> None:
    raw = SHAPES[name]()
    assert calls(lambda: sound(raw)) < MOST_CALLS
    if name in CUTS:
        assert any(defect.startswith(CUTS[name]) for defect in mail.parse(raw).defects)


@pytest.mark.parametrize("name", ["attachment of base64", "plain lines", "header lines", "quoted-printable"])
def test_work_does_not_grow_with_the_mail(name: str) -> None:
    once, four_times = SHAPES[name](), hostile(4 * SIZE)[name]()
    mail.parse(once)
    assert calls(lambda: mail.parse(four_times)) <= 1.01 * calls(lambda: mail.parse(once)) + 50


def test_a_large_attachment_is_neither_copied_nor_decoded() -> None:
    raw = hostile(20_000_000)["attachment of base64"]()
    tracemalloc.start()
    parsed = mail.parse(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert parsed.attachments[0].bytes == 20_000_000 * 3 // 4 // 256 * 256
    assert (parsed.text, parsed.defects) == ("Hello", ())
    assert peak < 200_000


class TestBrokenStructure:
    """What people's mail programs get wrong, and what is saved of it."""

    @pytest.mark.parametrize(
        ("kind", "content", "text"),
        [
            (b"multipart/mixed", b"Hello", "Hello"),
            (
                b"multipart/mixed; boundary=q",
                b"--r\r\nContent-Type: text/plain\r\n\r\nHello\r\n--r--",
                "Hello",
            ),
            (b"multipart/mixed", b"--r\r\nContent-Type: text/plain\r\n\r\nHello\r\n--r--", "Hello"),
            (b"multipart/mixed; boundary=q", b"--q\r\n\r\nHello", "Hello"),
            (b'multipart/mixed; boundary="a\r\n b"', b"--a b\r\n\r\nHello\r\n--a b--", "Hello"),
            (b"multipart/mixed; boundary=q", b"before\r\n--q\r\n\r\nHello\r\n--q--\r\nafter", "Hello"),
            (b"multipart/mixed; boundary=q", b"--q\r\n\r\nHello\r\n--qq\r\n--q--", "Hello\n--qq"),
            (b"multipart/mixed; boundary=q", b"--q  \t\n\nHello\n--q--\n", "Hello"),
            (b"multipart/mixed; boundary=q", b"--q\r\rHello\r--q--\r", "Hello"),
            (b"multipart/mixed; boundary=q", b"--q--\r\n", ""),
            (b"multipart/alternative; boundary=q", b"--q\r\n\r\n \r\n--q\r\n\r\nHello\r\n--q--", "Hello"),
            (b"multipart/nonsense; boundary=q", b"--q\r\n\r\nHello\r\n--q--", "Hello"),
            (b"nonsense", b"Hello", "Hello"),
            (b"text/plain; charset=", b"Hello", "Hello"),
        ],
    )
    def test_text_is_saved(self, kind: bytes, content: bytes, text: str) -> None:
        assert mail.parse(HEAD + b"Content-Type: " + kind + b"\r\n\r\n" + content).full_text == text

    @pytest.mark.parametrize("newline", [b"\r\n", b"\n", b"\r", b"\r\r\n"])
    def test_all_line_ends(self, newline: bytes) -> None:
        raw = (
            HEAD
            + b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nX: y\r\n\r\nHello\r\nyou\r\n--q--\r\n"
        )
        parsed = mail.parse(raw.replace(b"\r\n", newline))
        assert (parsed.subject, parsed.text) == ("Leak", "Hello\nyou")

    def test_a_byte_order_mark_before_the_header(self) -> None:
        assert mail.parse(b"\xef\xbb\xbf" + HEAD + b"\r\nHello").subject == "Leak"

    def test_no_blank_line_after_the_header(self) -> None:
        parsed = mail.parse(HEAD + b"Hello, my parcel is lost.\r\n")
        assert (parsed.subject, parsed.text) == ("Leak", "Hello, my parcel is lost.")
        assert parsed.defects == ("no blank line between header and text",)

    def test_text_below_a_header_that_is_cut(self) -> None:
        parsed = mail.parse(HEAD + b"X: y\r\n" * 60_000 + b"\r\nHello")
        assert (parsed.subject, parsed.text) == ("Leak", "Hello")

    def test_headers_folded_over_lines(self) -> None:
        raw = b"From: Ana\r\n Sorel\r\n\t<ana@example.org>\r\nSubject: a\r\n b\r\n\r\nHello"
        parsed = mail.parse(raw)
        assert (parsed.sender, parsed.subject) == (("Ana Sorel", "ana@example.org"), "a b")

    @pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
    def test_plain_text_that_claims_an_encoding(self, encoding: str) -> None:
        raw = HEAD + f"Content-Transfer-Encoding: {encoding}\r\n\r\nHello, I am: «plain» (really)!".encode()
        assert mail.parse(raw).text == "Hello, I am: «plain» (really)!"

    def test_base64_without_its_end(self) -> None:
        half = base64.b64encode("C'est cassé depuis hier".encode())[:-5]
        parsed = mail.parse(HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + half)
        assert parsed.text.startswith("C'est cassé depuis")

    @pytest.mark.parametrize(
        ("encoding", "content", "size"),
        [
            (b"base64", b"QUJD\r\nREU=\r\n", 5),
            (b"quoted-printable", b"=E9t=E9 et=\r\n hiver", 12),
            (b"8bit", b"\xe9t\xe9", 3),
            (b"x-uuencode", b"begin 644 x\r\n", 11),
        ],
    )
    def test_sizes_are_counted_without_decoding(self, encoding: bytes, content: bytes, size: int) -> None:
        part = (
            b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: "
            + encoding
            + b"\r\n\r\n"
            + content
        )
        raw = HEAD + b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n" + part + b"\r\n--q--\r\n"
        assert [a.bytes for a in mail.parse(raw).attachments] == [
            size + (2 if encoding == b"x-uuencode" else 0)
        ]


class TestOutOfTheOrdinary:
    def test_a_mail_nested_in_base64(self) -> None:
        inner = base64.encodebytes(b"Subject: inner\r\n\r\nInner words")
        raw = HEAD + b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
        assert mail.parse(raw).text == "Inner words"

    def test_a_digest(self) -> None:
        raw = (
            HEAD
            + b"Content-Type: multipart/digest; boundary=q\r\n\r\n--q\r\n\r\nSubject: a\r\n\r\nOne\r\n--q--"
        )
        parsed = mail.parse(raw)
        assert (parsed.text, parsed.attachments[0].type) == ("One", "message/rfc822")

    def test_winmail_is_listed(self) -> None:
        part = b"Content-Type: application/ms-tnef; name=winmail.dat\r\n"
        part += b"Content-Transfer-Encoding: base64\r\n\r\neJ8+Ig=="
        raw = (
            HEAD
            + b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nHello\r\n--q\r\n"
            + part
            + b"\r\n--q--"
        )
        parsed = mail.parse(raw)
        assert [(a.name, a.bytes) for a in parsed.attachments] == [("winmail.dat", 4)]
        assert (parsed.text, parsed.defects) == ("Hello", ("winmail.dat (TNEF) is listed, not opened",))

    def test_an_invitation_alone_is_read_and_beside_text_is_not(self) -> None:
        calendar = (
            b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nDTSTART:1970\r\n"
            b"END:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY;LANGUAGE=fr:R\xc3\xa9union\\, rappel des mix\r\n eurs\r\n"
            b"DTSTART;TZID=Europe/Paris:20261103T100000\r\nDESCRIPTION:Ligne 1\\nLigne 2\r\nEND:VEVENT\r\nEND:VCALENDAR"
        )
        alone = mail.parse(HEAD + calendar)
        assert alone.text == "Réunion, rappel des mixeurs\n20261103T100000\nLigne 1\nLigne 2"
        assert [a.type for a in alone.attachments] == ["text/calendar"]
        both = (
            b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nCome!\r\n--q\r\n"
            + calendar
            + b"\r\n--q--"
        )
        assert mail.parse(HEAD + both).text == "Come!"

    @pytest.mark.parametrize("date", [b"", b"Date: yesterday\r\n"])
    def test_without_a_date_the_time_of_receipt_counts(self, date: bytes) -> None:
        received = b"Received: from a by b;\r\n Tue, 3 Nov 2026 10:00:05 +0100\r\n"
        received += b"Received: from c by a; Mon, 2 Nov 2026 01:00:00 +0000\r\n"
        parsed = mail.parse(received + b"From: a@b.c\r\n" + date + b"\r\nHello")
        assert parsed.sent_at is not None
        assert parsed.sent_at.isoformat() == "2026-11-03T09:00:05+00:00"
        assert parsed.defects == ("no readable date, time of receipt taken",)
        assert mail.parse(b"From: a@b.c\r\n" + date + b"\r\nHello").sent_at is None

    def test_html_beside_plain_text_is_not_laid_out(self) -> None:
        html = b"Content-Type: text/html\r\n\r\n" + b"<p>x</p>" * 50_000
        raw = (
            HEAD
            + b"Content-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\n\r\nHello\r\n--q\r\n"
            + html
            + b"\r\n--q--"
        )
        parsed = mail.parse(raw)
        assert (parsed.full_text, parsed.attachments, parsed.defects) == ("Hello", (), ())


def test_the_tree_is_that_of_the_standard_parser_when_nothing_is_broken() -> None:
    for raw in seeds():
        defects: list[str] = []
        ours = [part.kind for part in mail_parts.read(raw, defects).walk()]
        assert defects == []
        if b"delivery-status" not in raw:  # whose blocks the standard parser takes for parts
            assert ours == [part.get_content_type() for part in message_from_bytes(raw).walk()]
