"""Where the page is in Airflow: its address, and the entry in the navigation.

The entry opens the page as one of its own. Airflow would otherwise lay it in a frame that may open no other page, and
“Open in Gmail” would do nothing. It stands under Browse: at the top level, Airflow 3.3 draws such an entry as a button
that leads nowhere.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

PREFIX = "/triage"


def apps() -> list[dict[str, Any]]:
    """The page, for the API server alone: scheduler and workers load plugins too, and need no web page."""
    if os.environ.get("_AIRFLOW_PROCESS_CONTEXT") != "server":
        return []
    from triage_airflow.page.app import build

    return [{"app": build(), "url_prefix": PREFIX, "name": "inbox-triage queue"}]


def views() -> list[dict[str, Any]]:
    """The navigation entries `Queue` and `Incidents`."""
    from airflow.configuration import conf

    base = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
    return [
        {
            "name": name,
            "href": f"{base}{PREFIX}/{address}",
            "icon": f"{base}{PREFIX}/static/{icon}.svg",
            "destination": "nav",
            "category": "browse",
        }
        for name, address, icon in (("Queue", "", "queue"), ("Incidents", "incidents/", "incident"))
    ]
