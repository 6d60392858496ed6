"""What logs never hold: what people wrote, and who they are. One list of fields, and the shapes that addresses have.

Logs are for counts, ids and reasons. Text gets into them by accident: in an error of the database, which quotes the
row, or in a value that is printed whole. So whatever is logged is looked through; our own addresses stay, for mends
name them.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any

FIELDS = frozenset(
    "author author_name body cc email evidence excerpt from full_text handle person question quoted raw recipients "
    "sender snippet subject text to url".split()
)
"""Names of values that hold a person's words, names or addresses."""

HIDDEN = "[redacted]"
_QUOTED = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_FIELD = re.compile(
    rf"(?P<before>\b(?:{'|'.join(sorted(FIELDS))})=|[\"'](?:{'|'.join(sorted(FIELDS))})[\"']: ?)"
    rf"(?:{_QUOTED}|[\[(](?:{_QUOTED}(?:, ?)?)*[\])])",
    re.DOTALL,
)
"""A field with its value, as Python and JSON write them: in a dataclass, a dictionary, a list of either."""

_DATABASE = re.compile(
    r"(?P<before>\b(?:DETAIL|CONTEXT|QUERY|STATEMENT):).*?"
    r"(?=\b(?:DETAIL|CONTEXT|QUERY|STATEMENT|HINT):|^(?:The above exception|During handling)|\Z)"
    r"|(?P<line>\bLINE \d+:)[^\n]*(?:\n[ \t]*\^)?|(?P<value>\binvalid [^\"\n]*: )\"[^\n]*",
    re.MULTILINE | re.DOTALL,
)
"""Where PostgreSQL quotes the row, the value or the statement that it refused; a row may have many lines."""

_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w@/.])@[A-Za-z]\w[\w.]*|\bdid:[a-z]+:[\w.:%-]+")


def scrub(text: str, ours: Collection[str] = ()) -> str:
    """The text without people's words and addresses, as far as name or shape show them. `ours` (small letters) stay."""

    def address(found: re.Match[str]) -> str:
        return found[0] if found[0].lower().rstrip(".") in ours else "[address]"

    text = _DATABASE.sub(lambda m: f"{m['before'] or m['line'] or m['value']} {HIDDEN}\n", text)
    return _ADDRESS.sub(address, _FIELD.sub(rf"\g<before>{HIDDEN}", text))


def redacted(value: Any, ours: Collection[str] = ()) -> Any:
    """The same for a value of any depth: a field of the list goes whatever it holds."""
    if isinstance(value, str):
        return scrub(value, ours)
    if isinstance(value, Mapping):
        return {k: HIDDEN if k in FIELDS and v else redacted(v, ours) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(one, ours) for one in value]
    return value


class Redact(logging.Filter):
    """A filter for handlers of the standard library, and (called) a processor for structlog.

    `ours` gives our own addresses, asked each time: the configuration may change.
    """

    def __init__(self, ours: Callable[[], Collection[str]] = frozenset) -> None:
        super().__init__()
        self._ours = ours

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps every record, without what must not be in it."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        record.msg, record.args, record.exc_info, record.exc_text = scrub(text, self._ours()), (), None, None
        return True

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """A structlog event without it; an exception that is not rendered yet is rendered here."""
        if raised := event.pop("exc_info", None):
            event["exception"] = _rendered(raised)
        found: dict[str, Any] = redacted(event, self._ours())
        return found


def _rendered(raised: Any) -> str:
    if isinstance(raised, BaseException):
        return "".join(traceback.format_exception(raised)).rstrip()
    if isinstance(raised, tuple):
        return "".join(traceback.format_exception(*raised)).rstrip()
    return traceback.format_exc().rstrip()
