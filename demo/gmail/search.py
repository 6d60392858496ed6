"""The `q` parameter: Gmail's search language, as far as the stand-in speaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from demo.gmail.errors import GoogleError, invalid
from demo.gmail.mailbox import HIDDEN, Mailbox, Stored

Test = Callable[[Stored], bool]
TOKEN = re.compile(r'''\s*(?:(?P<close>[)}])|(?P<minus>-?)(?:(?P<operator>\w+):)?
    (?:(?P<open>[({])|"(?P<quoted>[^"]*)"|(?P<bare>[^\s"(){}]+)))''', re.VERBOSE)  # fmt: skip
CLOSING = {"(": ")", "{": "}"}
GMAIL_DAY = ZoneInfo("America/Los_Angeles")
SPAN = re.compile(r"(\d+)([hdmy])")
SPAN_DAYS = {"h": 1 / 24, "d": 1, "m": 30, "y": 365}
PLACES = {
    "inbox": "INBOX",
    "sent": "SENT",
    "spam": "SPAM",
    "trash": "TRASH",
    "draft": "DRAFT",
    "drafts": "DRAFT",
}
STATES = {"unread": "UNREAD", "starred": "STARRED", "important": "IMPORTANT", "sent": "SENT"}


class Search:
    """A parsed query: terms are all wanted; `OR` joins its two neighbours, `{ }` wants any of its terms, `( )` all.

    An operator before a group is meant for each of its terms: `subject:{dinner film}`.
    """

    def __init__(self, text: str, box: Mailbox) -> None:
        self.box = box
        self.text = text
        self.everywhere = False
        self._read_last = (0, "")
        self._tokens = self._read(text.strip())
        self.test = self._sequence("", "")

    def __call__(self, message: Stored) -> bool:
        return self.test(message)

    def _read(self, text: str) -> Iterator[re.Match[str]]:
        position = 0
        while position < len(text):
            token = TOKEN.match(text, position)
            if token is None:
                raise self._unreadable()
            position = token.end()
            yield token

    def _sequence(self, close: str, operator: str) -> Test:
        """The terms up to the closing bracket, or to the end."""
        terms: list[list[Test]] = []
        joined = closed = False
        for token in self._tokens:
            if token["close"]:
                closed = token["close"] == close
                if not closed:
                    raise self._unreadable()
                break
            word = "" if token["minus"] or token["operator"] else token["bare"]
            if word == "OR":
                if joined or not terms:
                    raise self._unreadable()
                joined = True
            elif word != "AND":
                test = self._one(token, operator)
                terms[-1].append(test) if joined else terms.append([test])
                joined = False
        if joined or (close and not (closed and terms)):
            raise self._unreadable()
        wanted = [_any(tests) for tests in terms]
        return _any(wanted) if close == "}" else lambda message: all(test(message) for test in wanted)

    def _one(self, token: re.Match[str], operator: str) -> Test:
        operator = (token["operator"] or operator).lower()
        if not token["open"]:
            return self._term(bool(token["minus"]), operator, token["quoted"] or token["bare"] or "")
        test = self._sequence(CLOSING[token["open"]], operator)
        return (lambda message: not test(message)) if token["minus"] else test

    def _unreadable(self) -> GoogleError:
        return invalid(f"The stand-in cannot read the search {self.text!r}.")

    def _term(self, minus: bool, operator: str, value: str) -> Test:
        makers: dict[str, Callable[[str], Test]] = {
            "": self._words,
            "after": lambda text: self._date(text, newer=True),
            "newer": lambda text: self._date(text, newer=True),
            "before": lambda text: self._date(text, newer=False),
            "older": lambda text: self._date(text, newer=False),
            "newer_than": lambda text: self._age(text, newer=True),
            "older_than": lambda text: self._age(text, newer=False),
            "in": self._place,
            "is": self._state,
            "label": self._label,
            "from": lambda text: lambda message: text.lower() in message.sender.lower(),
            "to": lambda text: lambda message: text.lower() in message.recipients.lower(),
            "subject": lambda text: lambda message: text.lower() in message.subject.lower(),
            "has": self._has,
            "rfc822msgid": lambda text: lambda message: message.message_id.strip("<>") == text.strip("<>"),
        }
        if operator not in makers:
            raise invalid(f"The stand-in does not understand the search operator {operator + ':'!r}.")
        test = makers[operator](value)
        if minus:
            return lambda message: not test(message)
        return test

    def _words(self, text: str) -> Test:
        wanted = text.casefold()

        def test(message: Stored) -> bool:
            head = f"{message.subject} {message.sender} {message.recipients}".casefold()
            return wanted in head or wanted in self._said(message)

        return test

    def _said(self, message: Stored) -> str:
        """Its words, fetched once however many are looked for."""
        if self._read_last[0] != message.seq:
            self._read_last = message.seq, self.box.words(message)
        return self._read_last[1]

    def _date(self, text: str, *, newer: bool) -> Test:
        if re.fullmatch(r"\d{5,}", text):
            seconds = int(text)
            if newer:
                return lambda message: message.date > seconds * 1000
            return lambda message: message.date < seconds * 1000
        try:
            day = datetime.strptime(text.replace("-", "/"), "%Y/%m/%d").replace(tzinfo=GMAIL_DAY)
        except ValueError as error:
            raise invalid(f"Invalid date in the search: {text!r}.") from error
        start = day.timestamp() * 1000
        if newer:
            return lambda message: message.date >= start
        return lambda message: message.date < start

    def _age(self, text: str, *, newer: bool) -> Test:
        found = SPAN.fullmatch(text)
        if found is None:
            raise invalid(f"Invalid age in the search: {text!r}.")
        span = timedelta(days=int(found[1]) * SPAN_DAYS[found[2]])
        limit = (self.box.clock.now() - span.total_seconds()) * 1000
        return (lambda message: message.date >= limit) if newer else (lambda message: message.date < limit)

    def _place(self, text: str) -> Test:
        if text.lower() == "anywhere":
            self.everywhere = True
            return lambda message: True
        label = PLACES.get(text.lower())
        if label is None:
            return self._label(text)
        self.everywhere = self.everywhere or label in HIDDEN
        return lambda message: label in message.labels

    def _state(self, text: str) -> Test:
        if text.lower() == "read":
            return lambda message: "UNREAD" not in message.labels
        label = STATES.get(text.lower())
        if label is None:
            raise invalid(f"The stand-in does not understand the search 'is:{text}'.")
        return lambda message: label in message.labels

    def _label(self, text: str) -> Test:
        wanted = {id_ for id_, name in self.box.labels.names().items() if _plain(name) == _plain(text)}
        self.everywhere = self.everywhere or bool(wanted & set(HIDDEN))
        return lambda message: bool(wanted & set(message.labels))

    @staticmethod
    def _has(text: str) -> Test:
        if text.lower() != "attachment":
            raise invalid(f"The stand-in does not understand the search 'has:{text}'.")
        return lambda message: message.attached


def _any(tests: Sequence[Test]) -> Test:
    return lambda message: any(test(message) for test in tests)


def _plain(name: str) -> str:
    """A label's name as a search writes it: spaces and slashes become hyphens."""
    return re.sub(r"[\s/&()]", "-", name).casefold()
