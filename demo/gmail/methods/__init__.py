"""The methods of the Gmail API that the stand-in implements, by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from demo.gmail.call import Call
from demo.gmail.methods import history, labels, messages, send, settings, threads, users

Handler = Callable[[Call], dict[str, Any] | None]

HANDLERS: dict[str, Handler] = {
    "gmail.users.getProfile": users.get_profile,
    "gmail.users.watch": users.watch,
    "gmail.users.stop": users.stop,
    "gmail.users.history.list": history.list_history,
    "gmail.users.settings.sendAs.list": settings.list_send_as,
    "gmail.users.labels.list": labels.list_labels,
    "gmail.users.labels.get": labels.get,
    "gmail.users.labels.create": labels.create,
    "gmail.users.labels.patch": labels.patch,
    "gmail.users.labels.update": labels.update,
    "gmail.users.labels.delete": labels.delete,
    "gmail.users.messages.list": messages.list_messages,
    "gmail.users.messages.get": messages.get,
    "gmail.users.messages.attachments.get": messages.get_attachment,
    "gmail.users.messages.modify": messages.modify,
    "gmail.users.messages.batchModify": messages.batch_modify,
    "gmail.users.messages.batchDelete": messages.batch_delete,
    "gmail.users.messages.trash": messages.trash,
    "gmail.users.messages.untrash": messages.untrash,
    "gmail.users.messages.delete": messages.delete,
    "gmail.users.messages.send": send.send,
    "gmail.users.threads.list": threads.list_threads,
    "gmail.users.threads.get": threads.get,
    "gmail.users.threads.modify": threads.modify,
    "gmail.users.threads.trash": threads.trash,
    "gmail.users.threads.untrash": threads.untrash,
    "gmail.users.threads.delete": threads.delete,
}
