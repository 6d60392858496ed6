"""Two hundred letters that say the same: an association proposed the words, each owner sends them."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from demo import story

LETTERS = 200
SUBJECT = "Is my Duo 7 part of the recall?"
FIRST = (
    "Ada",
    "Bilal",
    "Chloe",
    "Dmitri",
    "Esme",
    "Farid",
    "Grace",
    "Hugo",
    "Imani",
    "Jonas",
    "Kirsty",
    "Leila",
)
LAST = ("Okafor", "Lindqvist", "Moreau", "Patel", "Sato", "Ferreira", "Novak", "Haddad", "Byrne", "Castillo")
LETTER = """Hello,

The consumer association says that the head of the Volmera Duo 7 mixer can drop while it is running, and that owners
should write to you. I have this mixer. Is mine part of the recall? What am I to do with it, and will it be repaired,
replaced or refunded?

{name}
"""


def letters(now: datetime) -> list[story.Mail]:
    """Two hundred people send the letter that an association proposed, each from their own address."""
    found = []
    for number in range(LETTERS):
        name = f"{FIRST[number % len(FIRST)]} {LAST[number // len(FIRST) % len(LAST)]}"
        mail = EmailMessage()
        mail["From"] = f"{name} <owner{number}@letters.example>"
        mail["To"] = story.MAILBOX
        mail["Subject"] = SUBJECT
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<letter.{number}@letters.example>"
        mail.set_content(LETTER.format(name=name))
        found.append(
            story.Mail(
                at=now - timedelta(milliseconds=250 * (LETTERS - number)), thread=f"letter-{number}",
                raw=mail.as_bytes().replace(b"\n", b"\r\n"), labels=("INBOX", "UNREAD"), who=str(mail["From"]),
                subject=SUBJECT,
            )
        )  # fmt: skip
    return found
