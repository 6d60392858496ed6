"""users.settings: the addresses a mailbox may send from."""

from __future__ import annotations

from typing import Any

from demo.gmail.call import Call


def list_send_as(call: Call) -> dict[str, Any]:
    """The mailbox's own address, and its aliases."""
    primary = {
        "sendAsEmail": call.box.address, "displayName": "", "replyToAddress": "", "signature": "",
        "isPrimary": True, "isDefault": True,
    }  # fmt: skip
    aliases = [
        {
            "sendAsEmail": alias, "displayName": "", "replyToAddress": "", "signature": "", "treatAsAlias": True,
            "verificationStatus": "accepted",
        }
        for alias in call.box.aliases
    ]  # fmt: skip
    return {"sendAs": [primary, *aliases]}
