"""What is wrong with the plans, for `triage doctor` and `triage plan check`. Nothing is raised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from triage.config import Settings
from triage.core.errors import ConfigError
from triage.core.finding import Finding, bad, ok, refused, warn
from triage.plan.document import one
from triage.plan.front import NO_PLAN
from triage.plan.types import Plan

REVIEW = timedelta(days=90)
"""A plan that nobody read for so long is stale: names, numbers and products change."""


def findings(settings: Settings, folder: Path, today: date) -> Iterator[Finding]:
    """Bad: broken, missing, stale. Warnings: what people fill when they make the plans theirs."""
    plans: list[Plan] = []
    wrong: list[Finding] = []
    topics = settings.topics.topics.keys() - NO_PLAN
    for topic in sorted(topics | {path.stem for path in folder.glob("*.md")}):
        try:
            plans.append(one(topic, folder))
        except ConfigError as error:
            wrong += [refused("plan", ConfigError(line)) for line in str(error).splitlines()]
    wrong += [*_dates(plans, today), *_settings(settings, plans)]
    yield from wrong
    if not any(finding.state == "bad" for finding in wrong):
        oldest = min(plan.reviewed_on for plan in plans)
        yield ok("plan", f"{len(plans)} plans, reviewed on {oldest} or later")
    if nameless := [plan.topic for plan in plans if not plan.name]:
        mend = "fill named_source.name with the person who speaks, or who stands in"
        yield warn("plan", f"statements are signed by a function only: {_listed(nameless)}", mend)


def _dates(plans: Sequence[Plan], today: date) -> Iterator[Finding]:
    if stale := [plan.topic for plan in plans if today - plan.reviewed_on > REVIEW]:
        mend = "read them, mend what changed, and set reviewed_on to today"
        yield bad("plan", f"not reviewed for over {REVIEW.days} days: {_listed(stale)}", mend)
    if future := [plan.topic for plan in plans if plan.reviewed_on > today + timedelta(days=1)]:
        yield bad("plan", f"reviewed_on lies in the future: {_listed(future)}", "correct the date")


def _settings(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    """What the plans need of triage.yaml."""
    triage = settings.triage
    if not triage.brand:
        yield bad(
            "plan", "triage.yaml does not say who we are: replies have no name below", "add `brand: NAME`"
        )
    if triage.hub is None:
        mend = "add `hub: {address: …, target: …}`, docs/plans.md says how"
        yield warn("plan", "triage.yaml has no hub: the page that statements point to is not published", mend)
    elif astray := [plan.topic for plan in plans if not plan.hub.startswith(triage.hub.address)]:
        text = f"statements point elsewhere than to hub.address {triage.hub.address}: {_listed(astray)}"
        yield warn("plan", text, "correct `hub` in these plans, or hub.address in triage.yaml")
    told = any(entry.incidents for entry in triage.notify.values())
    if ownerless := [plan.topic for plan in plans if plan.owner not in triage.notify and not told]:
        text = f"nobody is told of an incident: triage.yaml has no `notify` entry for the owner of {_listed(ownerless)}"
        yield warn("plan", text, "add that entry under `notify:`, or `incidents: true` to another one")


def _listed(topics: Sequence[str]) -> str:
    """All by name while they are few."""
    return ", ".join(topics) if len(topics) < 6 else f"{', '.join(topics[:3])} and {len(topics) - 3} more"
