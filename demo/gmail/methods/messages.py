"""users.messages, but for send."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Any

from demo.gmail import mime
from demo.gmail.call import Call, well_formed
from demo.gmail.errors import GoogleError, invalid, not_found
from demo.gmail.mailbox import HIDDEN, Mailbox, Stored
from demo.gmail.pages import make_token, page_size, read_token
from demo.gmail.search import Search

METADATA_SCOPE = "https://www.googleapis.com/auth/gmail.metadata"
MOST_IDS = 1000


def found(call: Call, before: tuple[int, int] | None = None) -> Iterator[Stored]:
    """The messages that `q`, `labelIds` and `includeSpamTrash` ask for, newest first, as far as they are taken."""
    if "q" in call.params and metadata_only(call):
        raise GoogleError(403, "Metadata scope does not support 'q' parameter", "forbidden")
    search = Search(call.params.get("q", ""), call.box)
    wanted = set(call.params.get("labelIds", []))
    if wanted - set(call.box.labels.names()):
        raise invalid("Invalid label: " + ", ".join(sorted(wanted - set(call.box.labels.names()))))
    everywhere = search.everywhere or call.params["includeSpamTrash"] or wanted & set(HIDDEN)
    return (
        message
        for message in call.box.newest(before)
        if wanted <= set(message.labels)
        and (everywhere or not set(message.labels) & set(HIDDEN))
        and search(message)
    )


def metadata_only(call: Call) -> bool:
    """Whether the token may read headers but no bodies."""
    reading = {scope.rsplit("/", 1)[-1] for scope in call.scopes} & {"gmail.modify", "gmail.readonly", ""}
    return METADATA_SCOPE in call.scopes and not reading


def question(call: Call) -> list[Any]:
    """What a page token of a list is tied to."""
    return [call.params.get("q"), call.params.get("labelIds"), call.params["includeSpamTrash"]]


def list_messages(call: Call) -> dict[str, Any]:
    """One page of ids, newest first; arrivals between two pages shift nothing."""
    size, before = page_size(call.params), None
    if "pageToken" in call.params:
        date, seq = read_token(call.params["pageToken"], question(call))
        before = date, seq
    messages = list(islice(found(call, before), size + 1))
    page = messages[:size]
    answer: dict[str, Any] = {"messages": [item.brief for item in page]} if page else {}
    if len(messages) > size:
        answer["nextPageToken"] = make_token([page[-1].date, page[-1].seq], question(call))
    return answer | {"resultSizeEstimate": len(messages)}


def show(box: Mailbox, message: Stored, form: str, only: list[str]) -> dict[str, Any]:
    """A message in one of the formats."""
    answer = message.labelled | {
        "snippet": message.snippet,
        "sizeEstimate": message.size,
        "historyId": str(message.history),
        "internalDate": str(message.date),
    }
    if form == "raw":
        answer["raw"] = base64.urlsafe_b64encode(box.raw(message)).decode()
    elif form == "full":
        answer["payload"] = mime.payload(mime.parse(box.raw(message)), message.id)
    elif form == "metadata":
        mail = mime.parse(box.raw(message))
        wanted = {name.lower() for name in only}
        kept = [(name, value) for name, value in mime.headers(mail) if not wanted or name.lower() in wanted]
        payload: dict[str, Any] = {"mimeType": mail.get_content_type()}
        if kept:
            payload["headers"] = [{"name": name, "value": value} for name, value in kept]
        answer["payload"] = payload
    return answer


def checked_format(call: Call) -> str:
    """The format asked for, unless the token may see headers only."""
    form = str(call.params["format"])
    if form in ("full", "raw") and metadata_only(call):
        raise GoogleError(403, f"Metadata scope doesn't allow format {form.upper()}", "forbidden")
    return form


def get(call: Call) -> dict[str, Any]:
    """One message."""
    return show(call.box, call.message(), checked_format(call), call.params.get("metadataHeaders", []))


def get_attachment(call: Call) -> dict[str, Any]:
    """The bytes of one attachment."""
    message = call.box.message(well_formed(call.path["messageId"]))
    data = None if message is None else mime.attachment(call.box.raw(message), message.id, call.path["id"])
    if data is None:
        raise not_found()
    return {"size": len(data), "data": base64.urlsafe_b64encode(data).decode()}


def modify(call: Call) -> dict[str, Any]:
    """Change the labels of one message."""
    plus, minus = call.label_change()
    return call.box.change_labels(call.message(), plus, minus).labelled


def _ids(call: Call) -> list[str]:
    ids = [well_formed(item) for item in call.body.get("ids") or []]
    if not ids:
        raise invalid("No message ids specified")
    if len(ids) > MOST_IDS:
        raise invalid(f"Too many message ids: at most {MOST_IDS} may be given at once.")
    return ids


def batch_modify(call: Call) -> None:
    """Change the labels of many messages; ids of no message are passed over."""
    ids = _ids(call)
    plus, minus = call.label_change()
    for message in map(call.box.message, dict.fromkeys(ids)):
        if message is not None:
            call.box.change_labels(message, plus, minus)


def batch_delete(call: Call) -> None:
    """Delete many messages; ids of no message are passed over."""
    for message in map(call.box.message, dict.fromkeys(_ids(call))):
        if message is not None:
            call.box.remove(message)


def trash(call: Call) -> dict[str, Any]:
    """Move a message to the trash."""
    return call.box.change_labels(call.message(), ["TRASH"], []).labelled


def untrash(call: Call) -> dict[str, Any]:
    """Take a message out of the trash."""
    return call.box.change_labels(call.message(), [], ["TRASH"]).labelled


def delete(call: Call) -> None:
    """Delete a message for good."""
    call.box.remove(call.message())
