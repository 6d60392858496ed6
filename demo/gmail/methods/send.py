"""users.messages.send."""

from __future__ import annotations

import hashlib
from email.message import Message
from email.utils import formatdate
from typing import Any

from demo.gmail import mime
from demo.gmail.call import Call, well_formed
from demo.gmail.errors import invalid, not_found
from demo.gmail.mailbox import Mailbox, Stored
from demo.gmail.schema import decode_base64

NO_RAW = "'raw' RFC822 payload message string or uploading message via /upload/* URL required"


def send(call: Call) -> dict[str, Any]:
    """Send a message: it appears under SENT, and in the mailboxes here that it is for."""
    raw = decode_base64(call.body.get("raw") or "")
    if not raw:
        raise invalid(NO_RAW)
    mail = mime.parse(raw)
    to = [address for name in ("To", "Cc", "Bcc") for address in mime.addresses(mime.header(mail, name))]
    if not to:
        raise invalid("Recipient address required")
    own = _own_copy(call.box, mail)
    key = _thread(call, own)
    sent = call.box.add(own, labels=["SENT"], key=key)
    del mail["Bcc"]
    for address in dict.fromkeys(to):
        call.deliver(address, mail.as_bytes())
    mine = call.box.message(sent.id)
    return (mine or sent).labelled


def _own_copy(box: Mailbox, mail: Message) -> bytes:
    """The mail as Gmail keeps it: sent from an address of the account, under a Message-ID of Gmail's."""
    senders = mime.addresses(mime.header(mail, "From"))
    if not senders or senders[0] not in [box.address, *box.aliases]:
        del mail["From"]
        mail["From"] = box.address
    if mime.header(mail, "Date") == "":
        mail["Date"] = formatdate(box.clock.now())
    digest = hashlib.sha256(f"{box.address}/{box.history_id}".encode()).hexdigest()[:40]
    del mail["Message-ID"]
    mail["Message-ID"] = f"<CA{digest}@mail.gmail.com>"
    return mail.as_bytes()


def _thread(call: Call, raw: bytes) -> str | None:
    """The thread asked for, if the headers and the subject belong to it; a stranger starts its own."""
    wanted = call.body.get("threadId")
    if not wanted:
        return None
    messages = call.box.thread(well_formed(wanted))
    if not messages:
        raise not_found()
    return wanted if _belongs(mime.facts(raw), messages) else None


def _belongs(seen: mime.Facts, messages: list[Stored]) -> bool:
    subjects = {mime.subject_key(message.subject) for message in messages}
    known = {message.message_id for message in messages}
    return mime.subject_key(seen.subject) in subjects and bool(known & set(seen.parents))
