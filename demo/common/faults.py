"""Fault rules: which request goes wrong, how, and how many times.

A rule names the requests it applies to (API method, path pattern, account, inside or outside a batch),
lets the first `skip` of them pass, spoils the next `times` (0: all that follow), and then rests.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from demo.common.web import ControlError, Fields

KINDS = ("status", "truncated", "malformed", "drop", "hang")
AFTER_BY_NATURE = ("truncated", "malformed")


@dataclass
class Rule:
    """One fault and the count of what it saw and spoiled."""

    id: int
    kind: str
    method: str | None = None
    path: str | None = None
    account: str | None = None
    where: str = "any"
    when: str = "before"
    skip: int = 0
    times: int = 1
    status: int = 500
    reason: str | None = None
    message: str | None = None
    retry_after: int | None = None
    seconds: float = 60.0
    seen: int = 0
    done: int = 0
    pattern: re.Pattern[str] | None = field(default=None, repr=False)

    def applies(self, method: str, path: str, account: str | None, where: str) -> bool:
        """Whether the rule is about this request at all, counts aside."""
        return (
            (self.method is None or self.method == method)
            and (self.pattern is None or self.pattern.search(path) is not None)
            and (self.account is None or self.account == account)
            and self.where in ("any", where)
        )

    def as_json(self) -> dict[str, Any]:
        """The rule as the control API shows it."""
        return {key: value for key, value in asdict(self).items() if key != "pattern" and value is not None}


class FaultBook:
    """The rules in force, and the requests that hang because of them."""

    def __init__(self, *, quirks: Iterable[str] = (), methods: Mapping[str, str] | None = None) -> None:
        """`quirks` are kinds that only this stand-in knows; `methods` maps accepted names to method ids."""
        self.kinds = (*KINDS, *quirks)
        self.methods = methods
        self.rules: list[Rule] = []
        self.holding = 0
        self._last = 0
        self._released = asyncio.Event()

    def add(self, fields: Fields) -> Rule:
        """Make a rule from a control request."""
        kind = fields.choice("kind", self.kinds)
        default_when = "after" if kind in AFTER_BY_NATURE else "before"
        rule = Rule(
            id=self._last + 1,
            kind=kind,
            method=self._method(fields.text("method", None)),
            path=fields.text("path", None),
            account=fields.text("account", None),
            where=fields.choice("where", ("any", "direct", "batch"), "any"),
            when=fields.choice("when", ("before", "after"), default_when),
            skip=fields.integer("skip", 0, low=0),
            times=fields.integer("times", 1, low=0),
            status=fields.integer("status", 500, low=400, high=599),
            reason=fields.text("reason", None),
            message=fields.text("message", None),
            retry_after=fields.integer("retry_after", None, low=0),
            seconds=fields.number("seconds", 60.0),
        )
        fields.finish()
        if kind in AFTER_BY_NATURE and rule.when == "before":
            raise ControlError(f"A {kind} body can only be made after the request is done: leave 'when' out.")
        if rule.path is not None:
            rule.pattern = self._pattern(rule.path)
        self._last = rule.id
        self.rules.append(rule)
        return rule

    def match(self, method: str, path: str, account: str | None, where: str) -> Rule | None:
        """The rule that spoils this request, its counts moved on; the first that fires wins."""
        for rule in self.rules:
            if not rule.applies(method, path, account, where):
                continue
            rule.seen += 1
            if rule.seen > rule.skip and (rule.times == 0 or rule.done < rule.times):
                rule.done += 1
                return rule
        return None

    async def hold(self, seconds: float) -> None:
        """Keep a request waiting until `release`, or for so many seconds."""
        self.holding += 1
        try:
            await asyncio.wait_for(self._released.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            self.holding -= 1

    def release(self) -> int:
        """Let every hanging request go on; returns how many there were."""
        count = self.holding
        self._released.set()
        self._released = asyncio.Event()
        return count

    def clear(self) -> None:
        """Forget all rules and release what hangs."""
        self.rules.clear()
        self.release()

    def _method(self, name: str | None) -> str | None:
        if name is None or self.methods is None:
            return name
        if name not in self.methods:
            raise ControlError(
                f"There is no API method {name!r}: use an id such as {next(iter(self.methods))!r}."
            )
        return self.methods[name]

    @staticmethod
    def _pattern(path: str) -> re.Pattern[str]:
        try:
            return re.compile(path)
        except re.error as error:
            raise ControlError(f"The path {path!r} is not a regular expression: {error}.") from error
