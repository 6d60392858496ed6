"""Who we are to Gmail, and which server Gmail is."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from triage.core.errors import ConfigError
from triage.sources.base import Credentials

SCOPE = "https://www.googleapis.com/auth/gmail.modify"
PUSH_SCOPE = "https://www.googleapis.com/auth/pubsub"
TOKEN_URI = "https://oauth2.googleapis.com/token"


def load_credentials(held: Credentials, *, scope: str = SCOPE) -> Any:
    """google-auth credentials: a refresh token, else a service account acting for `login`, else a fixed token.

    For Pub/Sub the service account acts for itself: it is what the subscription admits.
    """
    extra = held.extra
    if extra.get("refresh_token"):
        return user_credentials.Credentials(  # type: ignore[no-untyped-call]
            token=None,
            refresh_token=extra["refresh_token"],
            client_id=extra.get("client_id"),
            client_secret=extra.get("client_secret"),
            token_uri=extra.get("token_uri") or TOKEN_URI,
        )
    if extra.get("keyfile_dict"):
        key = extra["keyfile_dict"]
        try:
            info = json.loads(key) if isinstance(key, str) else key
            made = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
                info, scopes=[scope], subject=held.login if scope == SCOPE and held.login else None
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigError(
                "keyfile_dict of the Gmail connection is not a service account key; paste the JSON file as it is"
            ) from None
        return made
    if extra.get("token"):
        return user_credentials.Credentials(token=extra["token"])  # type: ignore[no-untyped-call]
    raise ConfigError(
        "the Gmail connection holds no credentials; fill in refresh_token, client_id and client_secret, or keyfile_dict"
    )


def discovery_document(endpoint: str) -> dict[str, Any]:
    """The description that the client library ships, pointed at another server when one is named.

    `client_options.api_endpoint` would leave batches with Google, hence the document itself is changed.
    """
    file = resources.files("googleapiclient") / "discovery_cache" / "documents" / "gmail.v1.json"
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if endpoint:
        root = endpoint.rstrip("/") + "/"
        document |= {"rootUrl": root, "baseUrl": root, "mtlsRootUrl": root}
    return document
