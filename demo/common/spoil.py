"""What a fault rule does to a request and to its reply; the error's own JSON is the stand-in's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from demo.common.faults import FaultBook, Rule
from demo.common.wire import Reply

Refuse = Callable[[Rule], Reply | None]
Left = Callable[[], Awaitable[bool]]


async def before(book: FaultBook, rule: Rule | None, left: Left, refuse: Refuse) -> Reply | None:
    """What a fault answers in place of the work; None lets the work be done.

    `refuse` gives the error reply of a rule, or None for kinds that answer no error; `left` says whether
    the client has gone away while the request was held.
    """
    if rule is None or rule.when == "after":
        return None
    if rule.kind == "hang":
        await book.hold(rule.seconds)
        return Reply(cut="drop") if await left() else None
    return Reply(cut="drop") if rule.kind == "drop" else refuse(rule)


async def after(book: FaultBook, rule: Rule | None, reply: Reply, refuse: Refuse) -> Reply:
    """The reply as a fault leaves it, once the work is done."""
    if rule is None or rule.when == "before":
        return reply
    if rule.kind == "hang":
        await book.hold(rule.seconds)
    elif rule.kind == "truncated":
        reply.cut = "truncated"
    elif rule.kind == "malformed":
        reply.body = reply.body[: len(reply.body) // 2] + b'"}{'
    elif rule.kind == "drop":
        return Reply(cut="drop")
    return refuse(rule) or reply
