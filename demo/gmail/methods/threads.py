"""users.threads."""

from __future__ import annotations

from typing import Any

from demo.gmail.call import Call
from demo.gmail.mailbox import Stored
from demo.gmail.methods.messages import checked_format, found, question, show
from demo.gmail.pages import make_token, page_size, read_token


def list_threads(call: Call) -> dict[str, Any]:
    """One page of threads, the one with the newest matching message first."""
    size = page_size(call.params)
    newest: dict[str, Stored] = {}
    for message in found(call):
        newest.setdefault(message.thread, message)
    threads = list(newest.values())
    total = len(threads)
    if "pageToken" in call.params:
        date, seq = read_token(call.params["pageToken"], question(call))
        threads = [item for item in threads if (item.date, item.seq) < (date, seq)]
    page = threads[:size]
    answer: dict[str, Any] = {"threads": [_brief(call, item.thread) for item in page]} if page else {}
    if len(threads) > size:
        answer["nextPageToken"] = make_token([page[-1].date, page[-1].seq], question(call))
    return answer | {"resultSizeEstimate": total}


def _brief(call: Call, thread: str) -> dict[str, Any]:
    messages = call.box.thread(thread)
    return {"id": thread, "snippet": messages[-1].snippet, "historyId": _history(messages)}


def _history(messages: list[Stored]) -> str:
    return str(max(message.history for message in messages))


def get(call: Call) -> dict[str, Any]:
    """A thread with its messages, oldest first."""
    messages, form, only = call.thread(), checked_format(call), call.params.get("metadataHeaders", [])
    shown = [show(call.box, message, form, only) for message in messages]
    return {"id": messages[0].thread, "historyId": _history(messages), "messages": shown}


def _change(call: Call, plus: list[str], minus: list[str]) -> dict[str, Any]:
    messages = [call.box.change_labels(message, plus, minus) for message in call.thread()]
    return {"id": messages[0].thread, "messages": [message.labelled for message in messages]}


def modify(call: Call) -> dict[str, Any]:
    """Change the labels of every message of a thread; later messages do not inherit them."""
    plus, minus = call.label_change()
    return _change(call, plus, minus)


def trash(call: Call) -> dict[str, Any]:
    """Move a thread to the trash."""
    return _change(call, ["TRASH"], [])


def untrash(call: Call) -> dict[str, Any]:
    """Take a thread out of the trash."""
    return _change(call, [], ["TRASH"])


def delete(call: Call) -> None:
    """Delete a thread for good."""
    for message in call.thread():
        call.box.remove(message)
