"""The event trigger of an account: looks every few seconds, and wakes its DAG when there is something to do."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from triage.core.bell import Bell

if TYPE_CHECKING:
    from collections.abc import Callable

    from triage.config import Account, Settings
    from triage.ops.look import Sight
    from triage.sources.gmail_push import Push

MOST_PATIENT = 300.0
"""Seconds between two looks, at most, while an account cannot be looked at."""


def arrivals(account: Account, settings: Settings) -> Asset:
    """The asset that changes when something arrives at an account whose `poll` is set; it starts the account's DAG."""
    assert account.poll is not None
    digest = hashlib.sha256(settings.triage.model_dump_json().encode()).hexdigest()[:12]
    trigger = ArrivalTrigger(account=account.name, poll=account.poll.total_seconds(), settings=digest)
    return Asset(
        f"triage/arrivals/{account.name}",
        watchers=[AssetWatcher(name=f"look_{account.name}", trigger=trigger)],
    )


class ArrivalTrigger(BaseEventTrigger):
    """Fires once for what has arrived at `account`, looked for every `poll` seconds.

    `settings` is the digest of triage.yaml: when that changes, the DAG file gives another trigger and Airflow ends
    this one. Trouble never ends it: the log names the mend, the looks grow rarer, and the timetable of the DAG
    collects meanwhile.
    """

    purpose = ("arrivals", "collects")
    """What is looked for, and what the timetable does without us."""

    def __init__(self, *, account: str, poll: float, settings: str = "") -> None:
        super().__init__()
        self.account = account
        self.poll = poll
        self.settings = settings
        self._lane: Lane | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What Airflow makes the trigger from in the triggerer; another value is another trigger."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"account": self.account, "poll": self.poll, "settings": self.settings},
        )

    @staticmethod
    def make_lane(account: str) -> Lane:
        """The thread that looks."""
        return Lane(account)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, fire when the bell rings, pause, for ever."""
        from triage_airflow.runtime import redact_logs

        redact_logs()
        self._lane = self.make_lane(self.account)
        bell, failures = Bell(), 0
        while True:
            pause = self.poll
            try:
                sight = await self._lane.look()
                failures = 0
                if sight is not None and bell.rings(
                    arrived=sight.arrived, waiting=sight.waiting, now=time.monotonic()
                ):
                    yield TriggerEvent({"account": self.account, "stored": sight.stored})
            except Exception as error:  # whatever it is, the next look may succeed
                pause = self._patience(error, failures)
                failures += 1
            await self._pause(pause)

    async def cleanup(self) -> None:
        """Let go of the connection, once the look at work has ended."""
        if self._lane is not None:
            self._lane.close()

    async def _pause(self, seconds: float) -> None:
        """Until the next look is due: so many seconds, or when the source tells of a change by itself."""
        if self._lane is None or not await self._lane.rest(seconds):
            await asyncio.sleep(seconds)

    def _patience(self, error: Exception, failures: int) -> float:
        """How long to wait after an error, said in the log together with the mend."""
        from triage.core.errors import Retry, TriageError

        grown = min(MOST_PATIENT, self.poll * 2.0 ** min(failures, 16))
        pause = max(self.poll, grown * random.uniform(0.75, 1.25))
        if isinstance(error, Retry):
            pause = max(pause, error.after.total_seconds())
        what = str(error) if isinstance(error, TriageError) else f"{type(error).__name__}: {error}"
        self.log.warning(
            "%s: %s; looked for %s again in %.0f s, the timetable %s meanwhile",
            self.account, what.strip(), self.purpose[0], pause, self.purpose[1],
            exc_info=not isinstance(error, TriageError),
        )  # fmt: skip
        return pause


class Lane:
    """The thread that looks at one account: one of its own, so that no slow mailbox holds up another trigger.

    Database connection and source are opened at the first look, and anew after every error.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"look-{account}")
        self._opened = ExitStack()
        self._look: Callable[[], Sight | None] | None = None
        self._push: Push | None = None
        self._told = True

    async def look(self) -> Sight | None:
        """One look; see `triage.ops.look`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._once)

    async def rest(self, poll: float) -> bool:
        """Wait for the source to tell of a change; False, at once, when it does not push or could not be opened."""
        if self._push is None:
            return False
        self._told = await asyncio.get_running_loop().run_in_executor(self._thread, self._push.wait, poll)
        return True

    def close(self) -> None:
        """End the thread after what it does now; waits for nothing."""
        if self._push is not None:
            self._push.end()
        self._thread.submit(self._drop)
        self._thread.shutdown(wait=False)

    def _once(self) -> Sight | None:
        try:
            if self._look is None:
                self._look = self._open()
            sight = self._look()
            if self._push is not None and sight is not None and sight.arrived and not self._told:
                self._push.doubt()
            return sight
        except BaseException:
            self._drop()
            raise

    def _open(self) -> Callable[[], Sight | None]:
        from functools import partial

        from triage.config import load
        from triage.ops.look import look
        from triage.ops.sources import limits_of
        from triage_airflow.runtime import database, push_of, source_of

        settings = load()
        account = settings.triage.account(self._account)
        connection = self._opened.enter_context(database())
        source = source_of(account, settings, connection)
        self._push = push_of(account)
        return partial(look, connection, source, account.name, **limits_of(account, settings))

    def _drop(self) -> None:
        self._look = self._push = None
        self._opened.close()
