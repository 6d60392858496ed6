"""From a name in config/triage.yaml to a source object. A new channel is one more line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from psycopg2.extensions import connection as Connection

from triage.config import Account, Settings, SourceQuota
from triage.core.errors import ConfigError
from triage.ops import spend
from triage.sources.base import Credentials, Replier, SourceSettings
from triage.store import db, messages

if TYPE_CHECKING:
    from triage.sources.gmail_push import Push


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


class Rates(TypedDict):
    """The limits of a source, as `collect`, `look` and `label` take them."""

    units_per_minute: int | None
    project_units_per_minute: int | None


def limits_of(account: Account, settings: Settings) -> Rates:
    """The limits of an account's source."""
    quota = quota_of(account, settings)
    return {
        "units_per_minute": quota.units_per_minute,
        "project_units_per_minute": quota.project_units_per_minute,
    }


def ours_of(source: str, settings: Settings) -> tuple[str, ...]:
    """The addresses of all our accounts of a source, and our groups: whoever writes from one is no customer."""
    of_accounts = (
        a for account in settings.triage.accounts if account.source == source for a in account.addresses
    )
    return tuple(dict.fromkeys((*of_accounts, *settings.triage.groups)))


def urgent_of(settings: Settings) -> tuple[str, ...]:
    """Phrases whose messages are read first in a backlog: those of triage.yaml, and of topics of severity 1."""
    grave = [topic for topic in settings.topics.topics.values() if topic.severity == 1]
    words = (word for topic in grave for word in (*topic.hashtags, *topic.phrases))
    return tuple(dict.fromkeys((*words, *settings.triage.urgent)))


def push_of(account: Account, credentials: Credentials) -> Push | None:
    """What to wait on between two looks at an account that pushes; None: it does not."""
    if account.push is None:
        return None
    from triage.sources.gmail_push import Push

    return Push(credentials, account.push.subscription, addresses=account.addresses)


def for_account(
    connection: Connection, account: Account, settings: Settings, credentials: Credentials
) -> Any:
    """The source of a configured account; it asks the store what need not be read again, and what first."""
    quota = quota_of(account, settings)

    def known(native_ids: Sequence[str]) -> set[str]:
        with db.transaction(connection):
            return messages.known_ids(connection, account.name, native_ids)

    def grave(keys: Sequence[str]) -> set[str]:
        with db.transaction(connection):
            return messages.grave(connection, account.name, keys)

    source_settings = SourceSettings(
        account=account.name,
        addresses=account.addresses,
        ours=ours_of(account.source, settings),
        urgent=urgent_of(settings),
        track=account.track,
        first_sync=account.first_sync,
        units_per_minute=quota.units_per_minute,
        prices=quota.prices,
        read=account.read,
        names=account.names,
    )
    options: dict[str, Any] = {"known": known}
    if account.source == "gmail":
        options["grave"] = grave
    if account.source == "x":
        options |= spend.questions(connection, account.name, units_per_day=quota.units_per_day)
    return build(account.source, source_settings, credentials, **options)


def replier_for(
    connection: Connection, account: Account, settings: Settings, credentials: Credentials
) -> Replier:
    """What writes for a configured account. Raises ConfigError where its connection cannot."""
    held = SourceSettings(
        account=account.name, addresses=account.addresses, prices=quota_of(account, settings).prices
    )
    if account.source == "gmail":
        from triage.sources.gmail_send import GmailReplier

        return GmailReplier(held, credentials)
    if account.source == "x":
        from triage.sources.x_send import XReplier

        return XReplier(held, credentials)
    if account.source == "bluesky":
        from triage.sources.bluesky_send import BlueskyReplier

        with db.transaction(connection):
            cursor = messages.read_cursor(connection, account.name)
        return BlueskyReplier(held, credentials, memory=cursor.value.get("memory") if cursor else None)
    from triage.sources.mastodon_send import MastodonReplier

    return MastodonReplier(held, credentials)
