"""From a name in config/triage.yaml to a source object. A new channel is one more line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg2.extensions import connection as Connection

from triage.config import Account, Settings, SourceQuota
from triage.core.errors import ConfigError
from triage.sources.base import Credentials, SourceSettings
from triage.store import db, messages


def build(source: str, settings: SourceSettings, credentials: Credentials, **options: Any) -> Any:
    """The source of that name; its client libraries are imported only now."""
    if source == "gmail":
        from triage.sources.gmail import GmailSource

        return GmailSource(settings, credentials, **options)
    if source == "x":
        from triage.sources.x import XSource

        return XSource(settings, credentials, **options)
    if source == "bluesky":
        from triage.sources.bluesky import BlueskySource

        return BlueskySource(settings, credentials, **options)
    if source == "mastodon":
        from triage.sources.mastodon import MastodonSource

        return MastodonSource(settings, credentials, **options)
    raise ConfigError(f"no source {source!r}; choose gmail, x, bluesky or mastodon")


def quota_of(account: Account, settings: Settings) -> SourceQuota:
    """The prices and limits of an account's source."""
    return settings.triage.quota.get(account.source, SourceQuota())


def for_account(
    connection: Connection, account: Account, settings: Settings, credentials: Credentials
) -> Any:
    """The source of a configured account; it asks the store which messages need not be read again."""
    quota = quota_of(account, settings)

    def known(native_ids: Sequence[str]) -> set[str]:
        with db.transaction(connection):
            return messages.known_ids(connection, account.name, native_ids)

    source_settings = SourceSettings(
        account=account.name,
        addresses=account.addresses,
        track=account.track,
        first_sync=account.first_sync,
        units_per_minute=quota.units_per_minute,
        prices=quota.prices,
    )
    return build(account.source, source_settings, credentials, known=known)
