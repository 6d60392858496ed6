"""From credentials to a connection that is known to work, and the lines that name it in triage.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from triage.config import Account, Settings, SourceQuota
from triage.core.errors import ConfigError
from triage.core.finding import Finding
from triage.ops.connections import Held
from triage.ops.doctor import checkup
from triage.sources.base import Credentials, Now, SourceSettings, utc_now

CAN_WAIT = frozenset({"clock", "credits", "token"})
"""Findings that say nothing against the credentials themselves."""


def key_file(text: str) -> Mapping[str, Any]:
    """A service account's key, checked. Raises ConfigError."""
    try:
        key = json.loads(text)
        if key["type"] == "service_account" and all(
            key[n] for n in ("client_email", "private_key", "client_id")
        ):
            return dict(key)
    except (ValueError, KeyError, TypeError):
        pass
    raise ConfigError(
        "the file is not a service account's key; make one in the Google Cloud console under IAM, Service Accounts, "
        "Keys"
    )


WRITE_KEYS = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")


def write_keys(text: str) -> Mapping[str, str]:
    """The keys that an account on X writes with, checked. Raises ConfigError."""
    try:
        given = json.loads(text)
        keys = {name: str(given[name]).strip() for name in WRITE_KEYS}
        if all(keys.values()):
            return keys
    except (ValueError, KeyError, TypeError):
        pass
    raise ConfigError(
        f"the file does not hold {', '.join(WRITE_KEYS)} as JSON; copy them from Keys and tokens in X's developer "
        "console"
    )


def verify(
    source: str,
    name: str,
    credentials: Credentials,
    settings: Settings,
    *,
    known: Account | None = None,
    now: Now = utc_now,
) -> tuple[Finding, ...]:
    """What the service says to these credentials: the doctor's checkup, of an account that may not be there yet."""
    quota = settings.triage.quota.get(source, SourceQuota())
    asked = SourceSettings(account=name, addresses=known.addresses if known else (), prices=quota.prices)
    return checkup(source, asked, credentials, now=now).findings


def works(findings: tuple[Finding, ...]) -> bool:
    """Whether the connection may be stored. Another mailbox than was asked for is as wrong as none."""
    return not any(f.name == "addresses" or (f.state == "bad" and f.name not in CAN_WAIT) for f in findings)


def address_of(source: str, credentials: Credentials, findings: tuple[Finding, ...]) -> str:
    """The account's own address, as triage.yaml wants it: what the service says, else what was typed."""
    said = next((f.text for f in findings if f.name == "auth" and f.state == "ok"), "")
    name = re.split(r"[ ,]", said, maxsplit=1)[0]
    if source == "mastodon" and name.count("@") == 1:
        login = credentials.login
        return f"{name}@{urlsplit(login if '://' in login else f'https://{login}').hostname}"
    return name or credentials.login


def account_name(address: str) -> str:
    """A name for triage.yaml made of an address: `care` of care@volmera.example, `volmera` of @volmera."""
    address = (urlsplit(address).hostname or address) if "://" in address else address
    name = re.sub(r"[^a-z0-9]+", "_", address.lstrip("@").split("@")[0].lower()).strip("_")
    return name if re.match(r"[a-z]", name) else f"account_{name}".rstrip("_")


def account_of(settings: Settings, conn_id: str) -> Account | None:
    """The account that uses a connection, if there is one."""
    return next((a for a in settings.triage.accounts if a.connection == conn_id), None)


def yaml_lines(name: str, held: Held, address: str) -> str:
    """What to add below `accounts` in triage.yaml."""
    return (
        f"  - name: {name}\n    source: {held.conn_type}\n    connection: {held.conn_id}\n"
        f'    addresses: ["{address}"]\n'
    )
