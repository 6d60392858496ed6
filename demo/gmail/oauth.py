"""Google's consent screen without a screen, the code for tokens, and service accounts with delegation.

The person in front of the browser is a setting (`POST /control/oauth`): GET /o/oauth2/auth answers at once with
the redirect that their click would cause.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from demo.common.web import ControlError, Fields
from demo.common.wire import Reply

CODE_SECONDS = 600
AUDIENCE = "https://oauth2.googleapis.com/token"
"""What google-auth writes into an assertion, whatever the token endpoint's address."""

LONGEST_ASSERTION = 3600
SKEW_SECONDS = 300


class TokenRefusal(Exception):
    """An OAuth error answer."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True, kw_only=True)
class Client:
    """An OAuth client, and what the person at its consent screen does. `testing_seconds`: what an app in the
    state Testing gives a refresh token to live.
    """

    secret: str
    mailbox: str
    grants: tuple[str, ...] | None
    denies: bool
    testing_seconds: int | None


@dataclass(frozen=True, kw_only=True)
class Code:
    """A code that waits to be exchanged, once."""

    client_id: str
    redirect_uri: str
    scopes: str
    offline: bool
    challenge: str
    until: float


@dataclass(frozen=True, kw_only=True)
class ServiceAccount:
    """A service account: its key's public half, and the scopes an administrator delegated to it."""

    key: RSAPublicKey
    scopes: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What a token answer is made of."""

    mailbox: str
    scopes: str
    offline: bool = False
    client_id: str = ""


@dataclass
class OAuth:
    """Clients, codes and service accounts; kept in memory only."""

    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    accounts: dict[str, ServiceAccount] = field(default_factory=dict)

    def add_client(self, fields: Fields, full_names: Any) -> str:
        """A client from a control request."""
        client_id: str = fields.text("client_id")
        grants = fields.texts("grants", None)
        self.clients[client_id] = Client(
            secret=fields.text("client_secret"), mailbox=fields.text("mailbox").lower(),
            grants=None if grants is None else tuple(full_names(grants)), denies=fields.take("denies", bool, False),
            testing_seconds=fields.integer("testing_seconds", None, low=0),
        )  # fmt: skip
        return client_id

    def add_account(self, fields: Fields, full_names: Any) -> str:
        """A service account from a control request."""
        email: str = fields.text("email")
        try:
            key = load_pem_public_key(fields.text("public_key").encode())
        except ValueError:
            raise ControlError("The field 'public_key' must be a public key in PEM.") from None
        if not isinstance(key, RSAPublicKey):
            raise ControlError("The field 'public_key' must be an RSA key.")
        self.accounts[email] = ServiceAccount(key=key, scopes=frozenset(full_names(fields.texts("scopes"))))
        return email

    def consent(self, query: str, now: float) -> Reply:
        """GET /o/oauth2/auth: back to the client with a code, or with what the person said; else an error page."""
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        client = self.clients.get(asked.get("client_id", ""))
        back = urlsplit(asked.get("redirect_uri", ""))
        if client is None:
            return _page("Error 401: invalid_client. The OAuth client was not found.", 401)
        if back.scheme != "http" or back.hostname not in ("localhost", "127.0.0.1"):
            return _page("Error 400: redirect_uri_mismatch", 400)
        if asked.get("response_type") != "code" or not asked.get("scope"):
            return _page("Error 400: invalid_request. Missing required parameter.", 400)
        if asked.get("code_challenge_method", "S256") != "S256":
            return _page("Error 400: invalid_request. Use S256.", 400)
        answer = {"state": asked["state"]} if "state" in asked else {}
        if client.denies:
            return _redirect(asked["redirect_uri"], {**answer, "error": "access_denied"})
        scopes = asked["scope"] if client.grants is None else " ".join(client.grants)
        code = "4/" + secrets.token_urlsafe(24)
        self.codes[code] = Code(
            client_id=asked["client_id"], redirect_uri=asked["redirect_uri"], scopes=scopes, until=now + CODE_SECONDS,
            offline=asked.get("access_type") == "offline", challenge=asked.get("code_challenge", ""),
        )  # fmt: skip
        return _redirect(asked["redirect_uri"], {**answer, "code": code, "scope": scopes})

    def exchange(self, form: dict[str, str], now: float) -> Granted:
        """A code for what the person granted. Raises TokenRefusal."""
        client = self.clients.get(form.get("client_id", ""))
        if client is None:
            raise TokenRefusal("invalid_client", "The OAuth client was not found.", 401)
        if form.get("client_secret") != client.secret:
            raise TokenRefusal("invalid_client", "Unauthorized", 401)
        code = self.codes.pop(form.get("code", ""), None)
        if code is None or code.until <= now or code.client_id != form["client_id"]:
            raise TokenRefusal("invalid_grant", "Malformed auth code.")
        if form.get("redirect_uri") != code.redirect_uri:
            raise TokenRefusal("redirect_uri_mismatch", "Bad Request")
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if code.challenge and code.challenge != base64.urlsafe_b64encode(digest).decode().rstrip("="):
            raise TokenRefusal("invalid_grant", "Invalid code verifier.")
        return Granted(
            mailbox=client.mailbox, scopes=code.scopes, offline=code.offline, client_id=form["client_id"]
        )

    def assertion(self, form: dict[str, str], mailboxes: list[str], now: float) -> Granted:
        """A signed assertion for an access token of the mailbox it acts for. Raises TokenRefusal."""
        try:
            head, body, signature = form["assertion"].split(".")
            header, claims = json.loads(_bytes(head)), json.loads(_bytes(body))
            account = self.accounts[claims["iss"]]
            wanted, issued, ends = str(claims["scope"]), int(claims["iat"]), int(claims["exp"])
            account.key.verify(_bytes(signature), f"{head}.{body}".encode(), PKCS1v15(), SHA256())
        except (KeyError, ValueError, TypeError):
            raise TokenRefusal("invalid_grant", "Invalid grant: account not found") from None
        except InvalidSignature:
            raise TokenRefusal("invalid_grant", "Invalid JWT Signature.") from None
        if header.get("alg") != "RS256" or claims.get("aud") != AUDIENCE:
            raise TokenRefusal("invalid_grant", "Invalid JWT: wrong algorithm or audience.")
        if not issued - SKEW_SECONDS <= now < ends or ends - issued > LONGEST_ASSERTION:
            raise TokenRefusal(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
            )
        if claims.get("sub") not in mailboxes:
            raise TokenRefusal("invalid_grant", "Invalid email or User ID")
        if not set(wanted.split()) <= account.scopes:
            raise TokenRefusal(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for "
                "any of the scopes requested.",
                401,
            )
        return Granted(mailbox=claims["sub"], scopes=wanted)


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _page(text: str, status: int) -> Reply:
    return Reply(status=status, body=text.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def _redirect(uri: str, answer: dict[str, str]) -> Reply:
    return Reply(status=302, headers={"Location": f"{uri}?{urlencode(answer)}"})
