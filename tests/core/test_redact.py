"""Logs hold no words of people and no addresses, however these get into them; what mends need stays."""

from __future__ import annotations

import io
import logging

import pytest

from tests.builders import message
from triage.core.redact import HIDDEN, Redact, redacted, scrub

OURS = frozenset({"care@volmera.example", "@volmera"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jane.doe+x@post.example wrote", "[address] wrote"),
        ("<jane@post.example>, care@volmera.example", "<[address]>, care@volmera.example"),
        ("@janeq and @volmera.", "[address] and @volmera."),
        ("at did:plc:ewvi7nxzyoun6zhxrhs64oiz/post", "at [address]/post"),
        ("Message(author='jane', text='It\\'s hot', lang='en')", f"Message(author={HIDDEN}, text={HIDDEN}, lang='en')"),
        ('{"subject": "my \\"thumb\\"", "id": 7}', f'{{"subject": {HIDDEN}, "id": 7}}'),
        ("{'to': ['a b', 'c'], 'n': 1}", f"{{'to': {HIDDEN}, 'n': 1}}"),
        ("collect care: read 3, kept 3, quota 60, 0.20 s", "collect care: read 3, kept 3, quota 60, 0.20 s"),
        ("`triage label care`, context=1", "`triage label care`, context=1"),
    ],
)  # fmt: skip
def test_by_name_and_by_shape(text: str, said: str) -> None:
    assert scrub(text, OURS) == said


def test_what_the_database_quotes() -> None:
    """A row with line breaks in it, the statement, a value; the constraint's name stays."""
    error = (
        'new row for relation "message" violates check constraint "message_check"\n'
        "DETAIL:  Failing row contains (7, gmail, my left thumb\nwas crushed\n\n-- \nJane).\n"
        "CONTEXT:  COPY message, line 3: left thumb\n"
    )
    said = scrub(
        f"{error}\nThe above exception was the direct cause of the following exception:\nFatal: stop"
    )
    assert "message_check" in said
    assert [word for word in ("thumb", "crushed", "Jane", "gmail") if word in said] == []
    assert said.endswith("Fatal: stop")
    said = scrub("syntax error at or near \"x\"\nLINE 1: VALUES ('my left thumb')\n                ^\nmore")
    assert "thumb" not in said
    assert said.endswith("more")
    assert "thumb" not in scrub('invalid input syntax for type json: "my left thumb"')


def test_values_of_any_depth() -> None:
    whole = {"author": "jane", "labels": ["INBOX", "jane@post.example"]}
    event = {"event": "kept", "count": 3, "message": whole, "text": "", "url": "https://x.com/janeq"}
    hidden = {"author": HIDDEN, "labels": ["INBOX", "[address]"]}
    assert redacted(event) == {"event": "kept", "count": 3, "message": hidden, "text": "", "url": HIDDEN}


def test_a_handler_writes_nothing_of_it() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(Redact(lambda: OURS))
    log = logging.Logger("test")
    log.addHandler(handler)
    log.warning(
        "%s: kept %r", "care@volmera.example", message("m1", text="my left thumb", author="jane@post.example")
    )
    told = "\n".join(("DETAIL:  my left thumb", "of jane@post.example"))
    try:
        raise ValueError(told)
    except ValueError:
        log.exception("cannot store 'subject': 'left thumb'")
    said = written.getvalue()
    assert "care@volmera.example: kept Message(key=MessageKey(source='gmail'" in said
    assert "ValueError" in said
    assert [word for word in ("thumb", "jane") if word in said] == []


def test_an_event_of_structlog_with_its_exception() -> None:
    process = Redact(lambda: OURS)
    try:
        raise ValueError("jane@post.example is unknown")
    except ValueError as error:
        given = [
            {"event": "failed", "exc_info": raised} for raised in (True, error, (type(error), error, None))
        ]
        said = [process(None, "error", event) for event in given]
    assert all("[address] is unknown" in event["exception"] and "exc_info" not in event for event in said)
