"""What each source finds out about its account: one ailment at a time, with what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from demo.bluesky.api import MAIN_PASSWORD
from tests.ops.services import CARE, Services, service_account, serving
from triage.core.finding import Finding
from triage.ops import doctor
from triage.sources.base import Credentials, utc_now

SOURCES = ("gmail", "x", "bluesky", "mastodon")
DAY = 86_400


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    with serving() as services:
        yield services


@pytest.fixture
def services(running: Services) -> Iterator[Services]:
    """The services as they were made; what a test breaks is mended after it."""
    yield running
    running.gmail.control("faults", verb="DELETE")
    running.gmail.control("mailboxes", {"address": CARE})
    running.x.control("faults", verb="DELETE")
    running.mastodon.control("accounts", {"acct": "volmera", "token": "s3cret-mastodon"})
    running.bluesky.control("accounts", {"handle": "volmera.example", "password": "s3cret-bluesky"})


def examined(
    services: Services, source: str, held: Credentials | None = None, *, late: float = 0
) -> dict[str, Finding]:
    """Findings of the checkup by name; `late` is how many seconds our clock is ahead."""
    made = doctor.checkup(
        source, services.settings(source), held or services.credentials(source),
        now=lambda: utc_now() + timedelta(seconds=late),
    )  # fmt: skip
    return {finding.name: finding for finding in made.findings}


def with_extra(held: Credentials, **extra: Any) -> Credentials:
    return replace(held, extra={**held.extra, **extra})


@pytest.mark.parametrize("source", SOURCES)
def test_a_healthy_account_is_good_throughout(services: Services, source: str) -> None:
    found = examined(services, source)
    assert {f.name: f.text for f in found.values() if f.state != "ok"} == {}
    assert "volmera" in found["auth"].text
    assert not any(f.mend for f in found.values())
    rights = {
        "gmail": {"scopes", "labels", "token"}, "x": {"mentions", "search"}, "bluesky": {"scopes", "notifications"},
        "mastodon": {"read:notifications", "read:statuses"},
    }  # fmt: skip
    assert set(found) == {"auth", "clock"} | rights[source]


def test_asking_costs_little_and_is_told(services: Services) -> None:
    spent = {s: doctor.checkup(s, services.settings(s), services.credentials(s)).units for s in SOURCES}
    assert spent["gmail"] == {"getProfile": 1, "labels.list": 1, "messages.modify": 5}
    assert spent["x"] == {"user": 10000}
    assert sum(spent["bluesky"].values()) == 2
    assert sum(spent["mastodon"].values()) == 3


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("late", "state"), [(40, "warn"), (600, "bad"), (-600, "bad")])
def test_a_wrong_clock_is_seen_in_any_answer(
    services: Services, source: str, late: float, state: str
) -> None:
    found = examined(services, source, late=late)["clock"]
    assert found.state == state
    assert ("ahead of" if late > 0 else "behind") in found.text
    assert "NTP" in found.mend


def scoped(services: Services, *scopes: str, **more: Any) -> Credentials:
    """A refresh token with these scopes in place of the usual one."""
    token = {"token": "refresh-scoped", "scopes": list(scopes), **more}
    services.gmail.control("mailboxes", {"address": CARE, "refresh_tokens": [token]})
    return with_extra(services.credentials("gmail"), refresh_token="refresh-scoped")


def revoked(services: Services) -> Credentials:
    services.gmail.control("tokens/revoke", {"token": f"refresh-{CARE}"})
    return services.credentials("gmail")


def broken(services: Services, **fault: Any) -> Credentials:
    services.gmail.control("faults", {"kind": "status", "times": 0, **fault})
    return services.credentials("gmail")


def delegated(services: Services, *scopes: str, login: str = CARE) -> Credentials:
    key, public = service_account(f"{services.gmail.url}/token")
    services.gmail.control(
        "service_accounts", {"email": key["client_email"], "public_key": public, "scopes": list(scopes)}
    )
    extra = {"api_endpoint": services.gmail.url, "keyfile_dict": json.dumps(key)}
    return Credentials(login=login, extra=extra)


@dataclass(frozen=True)
class Ailment:
    """How an account falls ill, and what the doctor shall say: check, state, words of the text, words of the mend."""

    source: str
    fall_ill: Callable[[Services], Credentials]
    name: str
    state: str
    text: str
    mend: str


AILMENTS = {
    "gmail revoked": Ailment("gmail", revoked, "auth", "bad", "expired or was revoked", "triage connect gmail care"),
    "gmail secret": Ailment(
        "gmail", lambda s: with_extra(s.credentials("gmail"), client_secret="other"),
        "auth", "bad", "secret is another (invalid_client)", "triage connect gmail care --replace",
    ),
    "gmail half": Ailment(
        "gmail", lambda s: with_extra(s.credentials("gmail"), client_secret=None),
        "auth", "bad", "lacks client_id or client_secret", "triage connect gmail care",
    ),
    "gmail nothing": Ailment(
        "gmail", lambda s: Credentials(login=CARE), "auth", "bad", "holds no credentials", "fill in refresh_token",
    ),
    "gmail read only": Ailment(
        "gmail", lambda s: scoped(s, "gmail.readonly"), "scopes", "bad", "gmail.modify is missing", "box ticked",
    ),
    "gmail cannot label": Ailment(
        "gmail", lambda s: scoped(s, "gmail.readonly"), "labels", "bad", "lacks the scope", "connect the mailbox again",
    ),
    "gmail too much": Ailment(
        "gmail", lambda s: scoped(s, "https://mail.google.com/"), "scopes", "warn", "delete mail", "triage connect",
    ),
    "gmail testing": Ailment(
        "gmail", lambda s: scoped(s, "gmail.modify", expires_in=3 * DAY), "token", "warn", "in Testing", "publish",
    ),
    "gmail testing ends": Ailment(
        "gmail", lambda s: scoped(s, "gmail.modify", expires_in=DAY // 2), "token", "bad", "in Testing", "publish",
    ),
    "gmail testing by note": Ailment(
        "gmail", lambda s: with_extra(s.credentials("gmail"), refresh_token_ends="2031-01-01T00:00:00+00:00"),
        "token", "warn", "2031-01-01", "publish",
    ),
    "gmail fixed token": Ailment(
        "gmail", lambda s: Credentials(extra={"api_endpoint": s.gmail.url, "token": f"token-{CARE}"}),
        "token", "warn", "ends within the hour", "triage connect",
    ),
    "gmail undelegated": Ailment(
        "gmail", lambda s: delegated(s, "gmail.readonly"), "auth", "bad", "unauthorized_client",
        "Domain-wide delegation",
    ),
    "gmail nobody": Ailment(
        "gmail", lambda s: delegated(s, "gmail.modify", login="no@volmera.example"),
        "auth", "bad", "assertion for no@volmera.example", "check the mailbox address",
    ),
    "gmail no token": Ailment(
        "gmail", lambda s: broken(s, method="token", status=503), "auth", "bad", "out of order", "gone in an hour",
    ),
    "gmail disabled": Ailment(
        "gmail", lambda s: broken(s, method="getProfile", status=403, reason="accessNotConfigured"),
        "auth", "bad", "accessNotConfigured", "enable the API",
    ),
    "x token": Ailment(
        "x", lambda s: replace(s.credentials("x"), password="other"), "auth", "bad", "refuses the bearer token",
        "new one",
    ),
    "x no token": Ailment(
        "x", lambda s: replace(s.credentials("x"), password=""), "auth", "bad", "no usable bearer token",
        "put the app's",
    ),
    "bluesky password": Ailment(
        "bluesky", lambda s: replace(s.credentials("bluesky"), password="other"), "auth", "bad", "does not let us in",
        "new app password",
    ),
    "mastodon token": Ailment(
        "mastodon", lambda s: replace(s.credentials("mastodon"), password="other"), "auth", "bad",
        "refuses the access token", "make a new one",
    ),
}  # fmt: skip


@pytest.mark.parametrize("ailment", AILMENTS.values(), ids=AILMENTS)
def test_an_ailment_is_named_with_its_mend(services: Services, ailment: Ailment) -> None:
    found = examined(services, ailment.source, ailment.fall_ill(services))[ailment.name]
    assert found.state == ailment.state
    assert ailment.text in found.text
    assert ailment.mend in found.mend
    assert "s3cret" not in found.text + found.mend


def test_another_mailbox_than_configured_is_told(services: Services) -> None:
    services.gmail.control("mailboxes", {"address": "other@volmera.example"})
    held = with_extra(services.credentials("gmail"), refresh_token="refresh-other@volmera.example")
    found = examined(services, "gmail", held)
    assert found["addresses"].state == "warn"
    assert "other@volmera.example, which is not among" in found["addresses"].text


def test_a_service_account_opens_the_mailbox_and_is_tried_for_its_rights(services: Services) -> None:
    found = examined(services, "gmail", delegated(services, "gmail.modify"))
    assert {name: f.state for name, f in found.items()} == dict.fromkeys(
        ("auth", "clock", "labels", "token"), "ok"
    )
    assert CARE in found["auth"].text
    assert "nothing that expires" in found["token"].text


def test_trying_to_label_changes_nothing(services: Services) -> None:
    before = services.gmail.control(f"mailboxes/{CARE}/snapshot")
    examined(services, "gmail")
    assert services.gmail.control(f"mailboxes/{CARE}/snapshot") == before


def test_x_without_credits_is_told_apart_from_a_bad_token(services: Services) -> None:
    services.x.control("faults", {"kind": "credits", "times": 0})
    found = examined(services, "x")
    assert set(found) == {"credits"}
    assert "credits are used up" in found["credits"].text


def test_x_that_may_not_search_is_told(services: Services) -> None:
    services.x.control("faults", {"kind": "status", "status": 403, "method": "search.recent", "times": 0})
    found = examined(services, "x")
    assert {name: f.state for name, f in found.items()} == {
        "auth": "ok", "clock": "ok", "mentions": "ok", "search": "bad",
    }  # fmt: skip
    assert "project with read access" in found["search"].mend


def test_the_main_password_of_bluesky_is_told(services: Services) -> None:
    services.bluesky.control("accounts", {"handle": "volmera.example", "password": MAIN_PASSWORD})
    found = examined(services, "bluesky", replace(services.credentials("bluesky"), password=MAIN_PASSWORD))
    assert found["scopes"].state == "warn"
    assert "own password" in found["scopes"].text


def test_a_missing_right_at_mastodon_is_named(services: Services) -> None:
    scopes = ["read:accounts", "read:notifications"]
    services.mastodon.control("accounts", {"acct": "volmera", "token": "s3cret-mastodon", "scopes": scopes})
    found = examined(services, "mastodon")
    assert found["read:notifications"].state == "ok"
    assert found["read:statuses"].state == "bad"
    assert "read:statuses" in found["read:statuses"].mend
