"""Airflow connections of our own types, turned into sources; the test button asks the service who we are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from triage.sources.base import Credentials, SourceSettings


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

    def settings(self) -> SourceSettings:
        """Of triage.yaml only the prices: a connection does not know which account uses it."""
        from triage.config import SourceQuota, load
        from triage.sources.base import SourceSettings

        quota = load().triage.quota.get(self.conn_type, SourceQuota())
        return SourceSettings(account=self.conn_id, prices=quota.prices)

    def get_conn(self) -> Any:
        """The source, able to ask its service."""
        from triage.ops.sources import build

        return build(self.conn_type, self.settings(), self.credentials())

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's test button: True and what the doctor found (who we are first), or False and the mends."""
        from triage.ops.doctor import checkup

        try:
            found = checkup(self.conn_type, self.settings(), self.credentials()).findings
        except Exception as error:  # the form shows the sentence, whatever went wrong
            return False, str(error)
        wrong = [finding for finding in found if finding.state == "bad"]
        return not wrong, "; ".join(
            f"{finding.text} ({finding.mend})" if finding.mend else finding.text for finding in wrong or found
        )


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
