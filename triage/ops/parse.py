"""`triage parse`: mails as JSON lines, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from triage.core.errors import ConfigError
from triage.sources import mail, mail_header


def parse_file(path: Path | str) -> dict[str, Any]:
    """One mail as the contract of `triage parse` has it (DESIGN.md section 7), plus `automatic_reason`.

    Whatever bytes the file holds give a result. Raises ConfigError when the file itself cannot be read.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); name a file with one mail") from None
    return {"file": mail_header.clean(str(path))} | as_json(mail.parse(raw))


def as_json(parsed: mail.Parsed) -> dict[str, Any]:
    """A parsed mail in JSON's types; addresses as `Name <address>`, times as ISO 8601 in UTC."""
    return {
        "message_id": parsed.message_id,
        "in_reply_to": parsed.in_reply_to,
        "references": list(parsed.references),
        "from": _address(parsed.sender),
        "to": [_address(pair) for pair in parsed.to],
        "subject": parsed.subject,
        "sent_at": parsed.sent_at.isoformat() if parsed.sent_at else None,
        "text": parsed.text,
        "full_text": parsed.full_text,
        "automatic": bool(parsed.automatic),
        "automatic_reason": parsed.automatic,
        "attachments": [{"name": a.name, "type": a.type, "bytes": a.bytes} for a in parsed.attachments],
        "defects": list(parsed.defects),
    }


def _address(pair: tuple[str, str]) -> str:
    name, address = pair
    return f"{name} <{address}>" if name else address
