"""What a person does in the Gmail web page: answer, label, trash, delete, rename a label."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any

from demo.common.web import ControlError, Fields
from demo.gmail import mime
from demo.gmail.errors import GoogleError
from demo.gmail.hub import Hub
from demo.gmail.mailbox import Mailbox, Stored


def act(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    """Do one action and say what became of it."""
    action = fields.choice("action", tuple(ACTIONS))
    try:
        with hub.store.change():
            return ACTIONS[action](hub, box, fields)
    except GoogleError as error:
        raise ControlError(f"Gmail would refuse that: {error.message}", error.code) from error


def label_ids(box: Mailbox, names: list[str], *, make: bool) -> list[str]:
    """Ids of labels given by name or id; missing user labels are made when asked for."""
    ids = []
    for name in names:
        found = box.labels.find(name)
        if found is None and not make:
            raise ControlError(f"There is no label {name!r} in {box.address}.")
        ids.append(found if found is not None else box.labels.create({"name": name})["id"])
    return ids


def _targets(box: Mailbox, fields: Fields) -> list[Stored]:
    """The messages an action is about: one `message`, or all of a `thread`."""
    message, thread = fields.text("message", None), fields.text("thread", None)
    if (message is None) == (thread is None):
        raise ControlError("The action needs either 'message' or 'thread'.")
    found = [box.message(message)] if message is not None else list(box.thread(thread))
    known = [item for item in found if item is not None]
    if not known:
        raise ControlError(f"There is no such message or thread: {message or thread}.", 404)
    return known


def _shown(messages: list[Stored]) -> dict[str, Any]:
    return {"messages": [message.labelled for message in messages]}


def _reply(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    thread = fields.text("thread")
    text = fields.text("text")
    sender, to = fields.text("from", box.address), fields.text("to", None)
    date = fields.integer("internalDate", None)
    fields.finish()
    messages = box.thread(thread)
    if not messages:
        raise ControlError(f"There is no thread {thread} in {box.address}.", 404)
    answered = next((item for item in reversed(messages) if "SENT" not in item.labels), messages[-1])
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = to or next(iter(mime.addresses(answered.sender)), answered.sender)
    mail["Subject"] = "Re: " + mime.decode_text(answered.subject).removeprefix("Re: ")
    mail["Date"] = formatdate(hub.clock.now() if date is None else date / 1000)
    mail["Message-ID"] = f"<reply-{box.history_id}@mail.gmail.com>"
    if answered.message_id:
        mail["In-Reply-To"] = answered.message_id
        mail["References"] = " ".join(item.message_id for item in messages if item.message_id)
    mail.set_content(text)
    return _shown([box.add(mail.as_bytes(), labels=["SENT"], date=date, key=thread)])


def _label(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    messages = _targets(box, fields)
    add, remove = fields.texts("add", []), fields.texts("remove", [])
    fields.finish()
    plus, minus = label_ids(box, add, make=False), label_ids(box, remove, make=False)
    box.labels.check_change(plus, minus)
    return _shown([box.change_labels(message, plus, minus) for message in messages])


def _trash(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    messages = _targets(box, fields)
    fields.finish()
    return _shown([box.change_labels(message, ["TRASH"], []) for message in messages])


def _untrash(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    messages = _targets(box, fields)
    fields.finish()
    return _shown([box.change_labels(message, ["INBOX"], ["TRASH"]) for message in messages])


def _delete(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    messages = _targets(box, fields)
    fields.finish()
    for message in messages:
        box.remove(message)
    return {"deleted": [message.id for message in messages]}


def _create_label(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    name = fields.text("name")
    fields.finish()
    return box.labels.create({"name": name})


def _rename_label(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    label, name = fields.text("label"), fields.text("name")
    fields.finish()
    return box.labels.change(label_ids(box, [label], make=False)[0], {"name": name})


def _delete_label(hub: Hub, box: Mailbox, fields: Fields) -> dict[str, Any]:
    label, history = fields.text("label"), fields.take("history", bool, False)
    fields.finish()
    (label_id,) = label_ids(box, [label], make=False)
    if history:
        for message in box.messages():
            box.change_labels(message, [], [label_id])
    box.labels.delete(label_id)
    return {"deleted": label}


ACTIONS: dict[str, Callable[[Hub, Mailbox, Fields], dict[str, Any]]] = {
    "reply": _reply,
    "label": _label,
    "trash": _trash,
    "untrash": _untrash,
    "delete": _delete,
    "create_label": _create_label,
    "rename_label": _rename_label,
    "delete_label": _delete_label,
}
