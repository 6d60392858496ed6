"""Answer a mail in its thread.

Gmail puts a Message-ID of its own in place of ours, so a mail cannot be found again by that; every mail sent here
carries its key in a header of its own, and is looked for in the thread it went to. httplib2, which reads for us,
repeats a POST whose connection breaks: sending goes through `requests`, which does not.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import google.auth.exceptions
import httplib2
import requests
from google.auth.transport.requests import AuthorizedSession
from googleapiclient.errors import HttpError

from triage.core.errors import Declined, InDoubt, Retry, TriageError
from triage.core.types import Reply, Sent
from triage.sources import mail_header
from triage.sources.base import Credentials, SourceSettings
from triage.sources.gmail_auth import discovery_document, load_credentials
from triage.sources.gmail_http import TIMEOUT_SECONDS, GmailClient, Missing, Refused, Unavailable
from triage.sources.gmail_message import link
from triage.sources.gmail_ours import METHOD as SENDERS
from triage.sources.never_left import never_left

KEY = "X-Triage-Reply"
"""The header that says which reply a mail is."""

SEND, GET, THREAD = "messages.send", "messages.get", "threads.get"
WANTED = ("From", "Reply-To", "To", "Cc", "Delivered-To", "Subject", "Message-ID", "References")
MOST_REFERENCES = 20
_BRACKETED = re.compile(r"<([^<>\s\"(),;:]{1,200}@[^<>\s\"(),;:]{1,250})>")
_ANSWERED = re.compile(r"^\s*(re|aw|sv|antw|rép|réf)\s*(\[\d+\])?\s*:", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a reply needs to know of the mail it answers."""

    thread: str
    headers: Mapping[str, str]

    def addresses(self, *names: str) -> list[str]:
        """Lower-case addresses in these headers."""
        return [a for name in names for _, a in mail_header.addresses(self.headers.get(name, ""))]

    def first(self, name: str) -> tuple[str, str] | None:
        """(name, address) of the first in a header. Gmail gives names decoded: one may look like an address."""
        value = self.headers.get(name, "")
        if found := _BRACKETED.search(value):
            return value[: found.start()].strip(' "'), found[1].lower()
        return next(iter(mail_header.addresses(value)), None)


class GmailReplier:
    """One mailbox as a Replier. The scope that labels need, gmail.modify, is enough."""

    settles = timedelta(minutes=2)

    def __init__(self, settings: SourceSettings, credentials: Credentials) -> None:
        self._account = settings.account
        self._ours = [a.lower() for a in (credentials.login, *settings.addresses) if a]
        self._client = GmailClient(credentials, account=settings.account, prices=settings.prices)
        endpoint = str(credentials.extra.get("api_endpoint") or "")
        self._url = f"{discovery_document(endpoint)['rootUrl']}gmail/v1/users/me/messages/send"
        self._session = AuthorizedSession(load_credentials(credentials))  # type: ignore[no-untyped-call]
        self._session.trust_env = not endpoint
        self._units: Counter[str] = Counter()
        self._senders: list[Mapping[str, Any]] | None = None

    def price(self, reply: Reply) -> Mapping[str, int]:
        """Sending, and reading what is answered; see Replier."""
        return {method: self._client.price(method) for method in (SEND, GET, SENDERS)}

    def owed(self) -> dict[str, int]:
        """Units by method; see Replier."""
        self._units.update(self._client.take_units())
        owed = dict(self._units)
        self._units.clear()
        return owed

    def send(self, reply: Reply) -> Sent:
        """Send it in the thread of what it answers; see Replier."""
        asked = self._asked(reply)
        if asked is None:
            raise Declined(
                "the mail it answers is not in the mailbox any more; write to the person from Gmail"
            )
        raw = base64.urlsafe_b64encode(self._mail(reply, asked).as_bytes()).decode()
        body = {"raw": raw, "threadId": asked.thread}
        self._units[SEND] += self._client.price(SEND)
        try:
            answer: requests.Response = self._session.request(  # type: ignore[no-untyped-call]
                "POST", self._url, json=body, timeout=TIMEOUT_SECONDS, allow_redirects=False
            )
        except google.auth.exceptions.RefreshError as error:
            raise self._client.refresh_failed(error) from None
        except google.auth.exceptions.TransportError:
            raise Retry(f"{self._account}: Google's token endpoint could not be reached") from None
        except requests.RequestException as error:
            raise self._lost(error) from None
        if not answer.ok:
            raise self._refusal(answer)
        try:
            return self._sent(answer.json()["id"])
        except (ValueError, KeyError, TypeError):
            raise InDoubt(f"Gmail's answer was unreadable ({len(answer.content)} bytes)") from None

    def find(self, reply: Reply) -> Sent | None:
        """The mail of that key in the thread; see Replier."""
        asked = self._asked(reply)
        if asked is None:
            raise InDoubt("the mail it answers is not in the mailbox any more, nor can its thread be found")
        request = self._client.users.threads().get(
            userId="me", id=asked.thread, format="metadata", metadataHeaders=[KEY],
            fields="messages(id,payload/headers)",
        )  # fmt: skip
        try:
            thread = self._client.call(THREAD, request)
        except Missing:
            return None
        ids = [m["id"] for m in thread.get("messages", ()) if _headers(m).get(KEY) == reply.key]
        return self._sent(ids[0]) if ids else None

    def _sent(self, native_id: str) -> Sent:
        return Sent(native_id=native_id, url=link(native_id, self._ours))

    def _asked(self, reply: Reply) -> Asked | None:
        if reply.to is None:
            raise Declined("a mail answers somebody, and here is nobody to send it to")
        request = self._client.users.messages().get(
            userId="me", id=reply.to, format="metadata", metadataHeaders=list(WANTED), fields="threadId,payload/headers"
        )  # fmt: skip
        try:
            found = self._client.call(GET, request)
        except Missing:
            return None
        except Refused as error:
            raise Declined(str(error)) from None
        return Asked(thread=found["threadId"], headers=_headers(found))

    def _mail(self, reply: Reply, asked: Asked) -> EmailMessage:
        to = asked.first("Reply-To") or asked.first("From")
        if to is None:
            raise Declined("the mail it answers names nobody to answer")
        subject = mail_header.one_line(mail_header.decode_words(asked.headers.get("Subject", "")))
        mail = EmailMessage(policy=SMTP)
        if sender := self._sender(asked.addresses("To", "Cc", "Delivered-To")):
            mail["From"] = sender
        mail["To"] = _address(*to)  # one: whoever wrote must not make us write to a crowd
        mail["Subject"] = subject if _ANSWERED.match(subject) else f"Re: {subject}".strip()
        own = mail_header.message_ids(asked.headers.get("Message-ID", ""))[:1]
        above = mail_header.message_ids(asked.headers.get("References", ""))
        if own:
            mail["In-Reply-To"] = own[0]
            mail["References"] = " ".join((*above[:1], *above[1:][-MOST_REFERENCES:], *own))
        mail[KEY] = reply.key
        mail.set_content(reply.text.replace("\r\n", "\n").rstrip() + "\n")
        return mail

    def _sender(self, written_to: Sequence[str]) -> Address | None:
        """The address it was written to, if the mailbox may send from it; None: whichever Gmail takes by itself."""
        if self._senders is None:
            request = self._client.users.settings().sendAs().list(
                userId="me", fields="sendAs(sendAsEmail,displayName,isPrimary,verificationStatus)"
            )  # fmt: skip
            self._senders = self._client.call(SENDERS, request).get("sendAs", [])
        usable = {
            str(s["sendAsEmail"]).lower(): str(s.get("displayName") or "")
            for s in self._senders
            if s.get("isPrimary") or s.get("verificationStatus") == "accepted"
        }
        return next((_address(usable[a], a) for a in written_to if a in usable), None)

    def _lost(self, error: requests.RequestException) -> TriageError:
        what = type(error).__name__
        if never_left(error):
            return Retry(f"{self._account}: Gmail could not be reached ({what})")
        return InDoubt(f"Gmail's answer was lost ({what})")

    def _refusal(self, answer: requests.Response) -> Exception:
        """A refusal as what happens next, in Google's words where they are about this mail."""
        response = httplib2.Response({**answer.headers, "status": str(answer.status_code)})
        named = self._client.named(SEND, HttpError(response, answer.content))
        if isinstance(named, Unavailable):
            return InDoubt(f"Gmail answered {answer.status_code}")
        if isinstance(named, Refused | Missing):
            self._units[SEND] -= self._client.price(SEND)
            return Declined(f"Gmail refuses it ({answer.status_code}): {_words(answer)}")
        return named


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    """The first value of each header, unfolded, under the name we asked for it by."""
    found: dict[str, str] = {}
    names = {name.lower(): name for name in (*WANTED, KEY)}
    for header in message.get("payload", {}).get("headers", ()):
        found.setdefault(names.get(header["name"].lower(), ""), mail_header.unfold(header["value"]))
    return found


def _address(name: str, address: str) -> Address:
    """A header's address; one that cannot be written down is refused."""
    try:
        return Address(display_name=mail_header.one_line(name), addr_spec=address)
    except (ValueError, IndexError):
        raise Declined(f"{address!r} is no address that can be answered") from None


def _words(answer: requests.Response) -> str:
    try:
        return mail_header.one_line(str(answer.json()["error"]["message"]))[:300]
    except (ValueError, KeyError, TypeError):
        return "no reason given"
