"""Whether a request that failed can have reached the other side."""

from __future__ import annotations

import requests
import urllib3.exceptions


def never_left(error: requests.RequestException) -> bool:
    """True when no connection came about, so that nothing was sent; in doubt False."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
