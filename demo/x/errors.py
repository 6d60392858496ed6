"""Errors in X's own problem JSON.

Texts and shapes are X's as published in issue threads and logs of clients (2022 to 2026); where none could
be found the README lists the guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PROBLEMS = "https://api.x.com/2/problems/"
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
AUTH_NAMES = {
    "app": "OAuth 2.0 Application-Only",
    "oauth1": "OAuth 1.0a User Context",
    "user": "OAuth 2.0 User Context",
}
NOT_SUMMONED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged "
    "by the author of the post you are replying to."
)
DUPLICATE = "You are not allowed to create a Tweet with duplicate content."
REPLY_TO_NOTHING = "You attempted to reply to a Tweet that is deleted or not visible to you."
NOT_YOURS = "You are not authorized to delete this Tweet."
TOO_LONG = (
    "Your Tweet text is too long. For more information on how Twitter determines text length see "
    "https://github.com/twitter/twitter-text."
)


class XError(Exception):
    """An error answer of the API."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(body.get("detail") or body.get("title"))
        self.status = status
        self.body = dict(body)


def plain(status: int, detail: str | None = None) -> XError:
    """A problem without a type of its own: 401, 403 policies, 429, 5xx."""
    title = TITLES.get(status, "Error")
    return XError(
        status, {"title": title, "detail": detail or title, "type": "about:blank", "status": status}
    )


def invalid_request(faults: list[tuple[dict[str, list[str]], str]]) -> XError:
    """400: parameters that X refuses, each with what was sent and a message."""
    errors = [{"parameters": sent, "message": message} for sent, message in faults]
    return XError(
        400,
        {
            "errors": errors,
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": PROBLEMS + "invalid-request",
        },
    )


def invalid(name: str, value: str, message: str) -> XError:
    """400: one parameter that X refuses."""
    return invalid_request([({name: [value]}, message)])


def unsupported_authentication(used: str, allowed: list[str]) -> XError:
    """403: a good token of a kind that the endpoint does not take."""
    kinds = [kind for kind in ("oauth1", "user", "app") if ("app" if kind == "app" else "user") in allowed]
    names = ", ".join(AUTH_NAMES[kind] for kind in kinds)
    return XError(
        403,
        {
            "title": "Unsupported Authentication",
            "detail": f"Authenticating with {AUTH_NAMES[used]} is forbidden for this endpoint.  "
            f"Supported authentication types are [{names}].",
            "type": PROBLEMS + "unsupported-authentication",
            "status": 403,
        },
    )


def credits_depleted(status: int, account: str) -> XError:
    """402: the prepaid credits are used up (403 where an enrolment says the same)."""
    return XError(
        status,
        {
            "account_id": account,
            "title": "CreditsDepleted",
            "detail": f"Your enrolled account [{account}] does not have any credits to fulfill this request.",
            "type": PROBLEMS + "credits",
        },
    )


def missing(kind: str, parameter: str, value: str) -> dict[str, str]:
    """The entry of the `errors` array for a post or user that is not there; the request itself is a 200."""
    return {
        "value": value,
        "detail": f"Could not find {kind} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": kind,
        "parameter": parameter,
        "resource_id": value,
        "type": PROBLEMS + "resource-not-found",
    }
