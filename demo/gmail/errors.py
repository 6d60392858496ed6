"""Errors in Google's own JSON."""

from __future__ import annotations

from typing import Any

STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}
REASONS = {
    400: "invalidArgument",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "aborted",
    429: "rateLimitExceeded",
    500: "backendError",
    501: "notImplemented",
    502: "backendError",
    503: "backendError",
}
CREDENTIAL_HELP = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
QUOTA_MESSAGE = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' "
    "of service 'gmail.googleapis.com' for consumer 'project_number:100000000001'."
)


class GoogleError(Exception):
    """An error answer of the API."""

    def __init__(
        self,
        code: int,
        message: str,
        reason: str | None = None,
        *,
        domain: str = "global",
        detail: str | None = None,
        location: tuple[str, str] | None = None,
        details: list[dict[str, Any]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, "backendError")
        self.domain = domain
        self.detail = detail or message
        self.location = location
        self.details = details
        self.headers = headers or {}

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        entry = {"message": self.detail, "domain": self.domain, "reason": self.reason}
        if self.location is not None:
            entry["location"], entry["locationType"] = self.location
        error: dict[str, Any] = {"code": self.code, "message": self.message, "errors": [entry]}
        if self.code in STATUS_NAMES:
            error["status"] = STATUS_NAMES[self.code]
        if self.details is not None:
            error["details"] = self.details
        return {"error": error}


def invalid(message: str) -> GoogleError:
    """400: a value that the API refuses."""
    return GoogleError(400, message)


def not_found() -> GoogleError:
    """404: no such message, thread, label or history."""
    return GoogleError(404, "Requested entity was not found.")


def bad_request(violations: list[tuple[str, str]]) -> GoogleError:
    """400: what the API front end says of unknown or ill-typed parameters and fields."""
    message = "\n".join(text for _, text in violations)
    fields = [
        {"field": field, "description": text} if field else {"description": text}
        for field, text in violations
    ]
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}]
    return GoogleError(400, message, "invalid", details=details)


def login_required() -> GoogleError:
    """401: no token at all."""
    return GoogleError(
        401,
        f"Request is missing required authentication credential. {CREDENTIAL_HELP}",
        "required",
        detail="Login Required.",
        location=("Authorization", "header"),
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'},
    )


def invalid_credentials() -> GoogleError:
    """401: an unknown or expired token."""
    return GoogleError(
        401,
        f"Request had invalid authentication credentials. {CREDENTIAL_HELP}",
        detail="Invalid Credentials",
        location=("Authorization", "header"),
        headers={"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/", error="invalid_token"'},
    )


def insufficient_scope() -> GoogleError:
    """403: the token is good, its scopes do not cover the method."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
        "metadata": {"service": "gmail.googleapis.com"},
    }
    return GoogleError(
        403,
        "Request had insufficient authentication scopes.",
        "insufficientPermissions",
        detail="Insufficient Permission",
        details=[info],
    )


def over_quota(form: str) -> GoogleError:
    """The three ways in which Google says that the minute's units are spent."""
    if form == "429":
        return GoogleError(429, "Resource has been exhausted (e.g. check quota).")
    if form == "403user":
        return GoogleError(403, "User Rate Limit Exceeded", "userRateLimitExceeded", domain="usageLimits")
    return GoogleError(403, QUOTA_MESSAGE, "rateLimitExceeded", domain="usageLimits")
