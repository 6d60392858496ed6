"""Stand-ins of all four services with one account each, and the connections that open them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import demo.bluesky
import demo.gmail
import demo.mastodon
import demo.x
from demo.common.serving import Server
from tests.builders import ROOT
from triage.sources.base import Credentials, SourceSettings

CARE = "care@volmera.example"
ADDRESSES = {
    "gmail": (CARE,),
    "x": ("@volmera",),
    "bluesky": ("@volmera.example",),
    "mastodon": ("@volmera",),
}
PRICES = {
    "gmail": {"getProfile": 1, "labels.list": 1, "messages.modify": 5},
    "x": {"mention": 1000, "post": 5000, "user": 10000},
}


def triage_yaml(**accounts: str) -> str:
    """A triage.yaml with these accounts, name to source; the connection of each is `<source>_<name>`."""
    listed = [
        {
            "name": name,
            "source": source,
            "connection": f"{source}_{name}",
            "addresses": list(ADDRESSES[source]),
        }
        for name, source in accounts.items()
    ]
    quota: dict[str, Any] = {source: {"prices": PRICES.get(source, {})} for source in ADDRESSES}
    limits = {"gmail": {"units_per_minute": 6000}, "x": {"dollars_per_day": 10}}
    quota = {source: {**held, **limits.get(source, {})} for source, held in quota.items()}
    firm = {"brand": "Volmera", "hub": {"address": "https://volmera.example/help/", "target": "hub"}}
    gets = {"alarms": True, "incidents": True, "weekly": "mon 09:00"}
    told = {"crisis": {"kind": "apprise", "connection": "apprise_crisis", **gets}}
    return json.dumps({"version": 1, **firm, "accounts": listed, "quota": quota, "notify": told})


def desk_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder with topics and plans, and no Airflow: what a command finds where it runs."""
    (folder / "topics.yaml").write_text((ROOT / "config" / "topics.yaml").read_text())
    (folder / "plan").mkdir()
    for shipped in (ROOT / "config" / "plan").glob("*.md"):
        text = shipped.read_text(encoding="utf-8").replace('name: ""', "name: Ana Roy")
        text = re.sub(r"reviewed_on: .*", f"reviewed_on: {datetime.now(UTC):%Y-%m-%d}", text)
        (folder / "plan" / shipped.name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("TRIAGE_CONFIG", str(folder))
    held = {"conn_type": "apprise", "extra": {"config": [{"path": "json://phones.example"}]}}
    monkeypatch.setenv("AIRFLOW_CONN_APPRISE_CRISIS", json.dumps(held))
    monkeypatch.delenv("AIRFLOW_HOME", raising=False)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@dataclass(frozen=True, kw_only=True)
class Services:
    """The four servers."""

    gmail: Server
    x: Server
    bluesky: Server
    mastodon: Server

    def credentials(self, source: str) -> Credentials:
        """What opens the account there."""
        extra: dict[str, Any] = {"api_endpoint": getattr(self, source).url}
        if source == "gmail":
            extra |= {"client_id": "client-id", "client_secret": "client-secret", "refresh_token": f"refresh-{CARE}",
                      "token_uri": f"{self.gmail.url}/token"}  # fmt: skip
        login = {"gmail": CARE, "mastodon": "https://mastodon.example"}.get(source, ADDRESSES[source][0])
        return Credentials(login=login, password="" if source == "gmail" else f"s3cret-{source}", extra=extra)

    def open_account(self, source: str) -> None:
        """Make our account there."""
        path, account = {
            "gmail": ("mailboxes", {"address": CARE}),
            "x": ("users", {"handle": "volmera", "name": "Volmera", "app_tokens": ["s3cret-x"]}),
            "bluesky": ("accounts", {"handle": "volmera.example", "password": "s3cret-bluesky"}),
            "mastodon": ("accounts", {"acct": "volmera", "name": "Volmera", "token": "s3cret-mastodon"}),
        }[source]
        getattr(self, source).control(path, account)

    def begin_again(self, source: str) -> None:
        """Back to an empty service with our account."""
        getattr(self, source).control("reset", {})
        self.open_account(source)

    def settings(self, source: str) -> SourceSettings:
        """The account as triage.yaml would have it."""
        return SourceSettings(account="care", addresses=ADDRESSES[source], prices=PRICES.get(source, {}))


@contextmanager
def serving() -> Iterator[Services]:
    """The services, with their accounts."""
    with (
        demo.gmail.serve() as gmail,
        demo.x.serve() as x,
        demo.bluesky.serve() as bluesky,
        demo.mastodon.serve() as mastodon,
    ):
        services = Services(gmail=gmail, x=x, bluesky=bluesky, mastodon=mastodon)
        for source in ADDRESSES:
            services.open_account(source)
        yield services


def service_account(token_uri: str) -> tuple[dict[str, str], str]:
    """A key file as Google's console gives it, and the public half in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    email = "triage@volmera.iam.gserviceaccount.example"
    held = {"type": "service_account", "client_email": email, "client_id": "1234567890", "private_key": private,
            "private_key_id": "k1", "token_uri": token_uri, "project_id": "volmera"}  # fmt: skip
    return held, public
