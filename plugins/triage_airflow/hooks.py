"""Airflow connections of our own types, turned into sources; the test button asks the service who we are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from triage.sources.base import Credentials


class SourceHook(BaseHook):
    """Base of the hooks: reads credentials out of a connection, and tests it."""

    conn_name_attr = "conn_id"
    conn_type = ""
    hook_name = ""
    default_conn_name = ""

    def __init__(self, conn_id: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id or self.default_conn_name

    def credentials(self) -> Credentials:
        """What the connection holds. Raises Fatal naming the connection when there is none."""
        from triage_airflow.connections import credentials_of

        return credentials_of(self.conn_id, expected=self.conn_type)

    def get_conn(self) -> Any:
        """The source, able to ask its service; of triage.yaml only the prices are applied."""
        from triage.config import SourceQuota, load
        from triage.ops.sources import build
        from triage.sources.base import SourceSettings

        quota = load().triage.quota.get(self.conn_type, SourceQuota())
        settings = SourceSettings(account=self.conn_id, prices=quota.prices)
        return build(self.conn_type, settings, self.credentials())

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's test button: True and who we are, or False and the mend."""
        try:
            return True, str(self.get_conn().whoami())
        except Exception as error:  # the form shows the sentence, whatever went wrong
            return False, str(error)


class GmailHook(SourceHook):
    """A Gmail mailbox."""

    conn_type = "gmail"
    hook_name = "Gmail (inbox-triage)"
    default_conn_name = "gmail_default"


class XHook(SourceHook):
    """An account on X."""

    conn_type = "x"
    hook_name = "X (inbox-triage)"
    default_conn_name = "x_default"


class BlueskyHook(SourceHook):
    """An account on Bluesky."""

    conn_type = "bluesky"
    hook_name = "Bluesky (inbox-triage)"
    default_conn_name = "bluesky_default"


class MastodonHook(SourceHook):
    """An account at a Mastodon server."""

    conn_type = "mastodon"
    hook_name = "Mastodon (inbox-triage)"
    default_conn_name = "mastodon_default"
