"""The stand-in's consent screen and token endpoint refuse what Google refuses."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from google.auth import crypt, jwt

import demo.gmail
from demo.common.serving import ControlFailed, Server
from tests.ops.services import CARE, service_account

MODIFY = "https://www.googleapis.com/auth/gmail.modify"
BACK = "http://127.0.0.1:47871/"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.gmail.serve() as running:
        running.control("mailboxes", {"address": CARE})
        client = {"client_id": "cid", "client_secret": "s", "mailbox": CARE, "testing_seconds": 3600}
        running.control("oauth", client)
        yield running


def asked(server: Server, **other: str | None) -> requests.Response:
    query = {"response_type": "code", "client_id": "cid", "redirect_uri": BACK, "scope": MODIFY, "state": "st",
             "access_type": "offline", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
             **other}  # fmt: skip
    return requests.get(f"{server.url}/o/oauth2/auth", params=query, allow_redirects=False, timeout=10)


def code_of(server: Server, **other: str | None) -> str:
    location = asked(server, **other).headers["location"]
    answer = parse_qs(urlsplit(location).query)
    assert location.startswith(BACK)
    assert answer["state"] == ["st"]
    return answer["code"][0]


def exchanged(server: Server, code: str, /, **other: str) -> requests.Response:
    form = {"grant_type": "authorization_code", "code": code, "client_id": "cid", "client_secret": "s",
            "redirect_uri": BACK, "code_verifier": VERIFIER, **other}  # fmt: skip
    return requests.post(f"{server.url}/token", data=form, timeout=10)


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"client_id": "nobody"}, 401),
        ({"redirect_uri": "https://evil.example/"}, 400),
        ({"redirect_uri": "http://evil.example/"}, 400),
        ({"response_type": "token"}, 400),
        ({"scope": None}, 400),
        ({"code_challenge_method": "plain"}, 400),
    ],
)
def test_a_wrong_request_is_an_error_page_and_goes_nowhere(
    server: Server, other: dict[str, str | None], status: int
) -> None:
    answer = asked(server, **other)
    assert answer.status_code == status
    assert "location" not in answer.headers


def test_a_code_is_good_once(server: Server) -> None:
    code = code_of(server)
    answer = exchanged(server, code).json()
    assert (answer["scope"], answer["token_type"]) == (MODIFY, "Bearer")
    assert 3590 <= answer["refresh_token_expires_in"] <= 3600
    again = exchanged(server, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_without_offline_access_there_is_no_refresh_token(server: Server) -> None:
    assert "refresh_token" not in exchanged(server, code_of(server, access_type="online")).json()


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"code_verifier": "another"}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:2/"}, "redirect_uri_mismatch"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "another"}, "invalid_client"),
        ({"code": "4/made-up"}, "invalid_grant"),
    ],
)
def test_a_code_is_only_for_whom_it_was_made(server: Server, other: dict[str, str], error: str) -> None:
    assert exchanged(server, code_of(server), **other).json()["error"] == error


def test_the_refresh_token_of_an_app_in_testing_ends() -> None:
    with demo.gmail.serve() as server:
        token = {"token": "r", "expires_in": 604_800}
        server.control("mailboxes", {"address": CARE, "refresh_tokens": [token]})
        form = {"grant_type": "refresh_token", "refresh_token": "r", "client_id": "client-id",
                "client_secret": "client-secret"}  # fmt: skip
        left = requests.post(f"{server.url}/token", data=form, timeout=10).json()["refresh_token_expires_in"]
        assert 604_790 <= left <= 604_800
        server.control("clock", {"advance": 604_801})
        ended = requests.post(f"{server.url}/token", data=form, timeout=10)
        assert (ended.status_code, ended.json()["error"]) == (400, "invalid_grant")


def test_a_client_needs_a_mailbox_that_is_there(server: Server) -> None:
    with pytest.raises(ControlFailed, match="There is no mailbox"):
        server.control("oauth", {"client_id": "x", "client_secret": "s", "mailbox": "no@volmera.example"})


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({}, None),
        ({"sub": "no@volmera.example"}, "invalid_grant"),
        ({"sub": None}, "invalid_grant"),
        ({"scope": "https://mail.google.com/"}, "unauthorized_client"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant"),
        ({"iss": "nobody@example"}, "invalid_grant"),
        ({"iat": 0, "exp": 3600}, "invalid_grant"),
        ({"exp": 99_999_999_999}, "invalid_grant"),
        ({"forged": True}, "invalid_grant"),
    ],
)
def test_an_assertion_is_verified(server: Server, claims: dict[str, Any], error: str | None) -> None:
    key, public = service_account(f"{server.url}/token")
    signer, _ = (key, public) if not claims.get("forged") else service_account("")
    account = {"email": key["client_email"], "public_key": public, "scopes": ["gmail.modify"]}
    server.control("service_accounts", account)
    now = int(server.control("health")["now"])
    payload = {"iss": key["client_email"], "sub": CARE, "scope": MODIFY, "iat": now, "exp": now + 3600,
               "aud": "https://oauth2.googleapis.com/token", **claims}  # fmt: skip
    made = jwt.encode(crypt.RSASigner.from_service_account_info(signer), payload).decode()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": made}
    answer = requests.post(f"{server.url}/token", data=form, timeout=10)
    assert answer.json().get("error") == error, json.dumps(answer.json())
    assert ("access_token" in answer.json()) == (error is None)
