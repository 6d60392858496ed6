"""OAuth 1.0a signatures (RFC 5849, HMAC-SHA1), checked as X checks them."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl, quote, unquote

KEYS = ("consumer_key", "consumer_secret", "token", "token_secret")
HOSTS = ("https://api.twitter.com", "https://api.x.com")
PAIR = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The four secrets of a user's access through one app."""

    consumer_key: str
    consumer_secret: str
    token: str
    token_secret: str


@dataclass(frozen=True)
class Signed:
    """A request as far as its signature covers it; `host` is what the client called, scheme included."""

    authorization: str
    verb: str
    host: str
    path: str
    query: str

    @cached_property
    def claims(self) -> dict[str, str]:
        """The fields of the Authorization header."""
        return {name: unquote(value) for name, value in PAIR.findall(self.authorization)}

    @property
    def claimed_token(self) -> str:
        """The access token that the request names."""
        return self.claims.get("oauth_token", "")

    def matches(self, keys: Keys) -> bool:
        """Whether the signature is right; a client that was sent here may have signed X's own address."""
        if self.claims.get("oauth_consumer_key") != keys.consumer_key:
            return False
        given = self.claims.get("oauth_signature", "")
        return any(hmac.compare_digest(given, self._signature(keys, host)) for host in (*HOSTS, self.host))

    def _signature(self, keys: Keys, host: str) -> str:
        pairs = [
            (name, value) for name, value in self.claims.items() if name not in ("oauth_signature", "realm")
        ]
        pairs += parse_qsl(self.query, keep_blank_values=True)
        encoded = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in pairs)
        parameters = "&".join(f"{name}={value}" for name, value in encoded)
        base = "&".join(quote(part, safe="") for part in (self.verb, host + self.path, parameters))
        secret = f"{quote(keys.consumer_secret, safe='')}&{quote(keys.token_secret, safe='')}"
        return b64encode(hmac.new(secret.encode(), base.encode(), hashlib.sha1).digest()).decode()
