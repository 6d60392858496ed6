"""The public page of facts: gathered from what was approved, written where the configuration says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg2.extensions import connection as Connection

from triage import hub, plan
from triage.config import Settings, Triage
from triage.core.errors import ConfigError, TriageError
from triage.core.types import Intent
from triage.store import db
from triage.store import hub as store

_HAPPENED = {
    "en": "Since {when}, people have been writing to us about {what}.",
    "fr": "Depuis le {when}, vous nous écrivez concernant {what}.",
}


def publish(connection: Connection, settings: Settings, *, target: str = "") -> hub.Published:
    """Write what changed, to `target` if it is given. Raises ConfigError without a hub, Fatal if it fails."""
    configured = settings.triage.hub
    if configured is None:
        raise ConfigError(
            "triage.yaml has no hub; add `hub: {address: …, target: …}`, docs/plans.md says how"
        )
    with db.transaction(connection):
        store.lock(connection)
        return hub.publish(
            hub.render(gather(connection, settings, configured.address)), target or configured.target
        )


def refresh(connection: Connection, settings: Settings) -> str:
    """Draft what people ask in open incidents, and publish what changed; one line about it. Raises as `publish`."""
    with db.transaction(connection):
        incidents = store.going_on(connection)
    drafted = sum(draft_questions(connection, settings, incident) for incident in incidents)
    if settings.triage.hub is None:
        return f"hub: {drafted} questions drafted; there is no hub in triage.yaml to publish to"
    done = publish(connection, settings)
    return f"hub: {drafted} questions drafted, {len(done.written)} files written, {done.unchanged} unchanged"


def gather(connection: Connection, settings: Settings, address: str) -> hub.Site:
    """The site as it must be now: only incidents with an approved statement, only what was approved."""
    triage = settings.triage
    return hub.Site(
        brand=triage.brand,
        address=address,
        zone=triage.hours.zone if triage.hours else "UTC",
        cases=tuple(_case(connection, triage, row) for row in store.cases(connection)),
    )


def draft_questions(connection: Connection, settings: Settings, incident: int) -> int:
    """Propose the plan's questions and what most people ask; how many are new. Nothing is shown until approved.

    Raises TriageError when there is no such incident, or nobody knows what it is about.
    """
    with db.transaction(connection):
        about = store.about(connection, incident)
        if about is None:
            raise TriageError(f"incident {incident} is about no topic yet; look at `triage incident list`")
        filled = _plan(about["topic"], settings.triage, about["onset"])
        known = [
            hub.Question(lang=q.lang, question=q.question, answer=q.answer)
            for q in (filled.questions if filled else ())
        ]
        heads = [
            hub.Asked(**{**row, "intent": Intent(row["intent"])}) for row in store.heads(connection, incident)
        ]
        asked = hub.drafts(heads, known)
        there = {(q.lang, q.question) for q in asked}
        made = [*asked, *(q for q in known if (q.lang, q.question) not in there)]
        return sum(
            store.draft(
                connection, incident, lang=q.lang, question=q.question, answer=q.answer, cluster=q.cluster,
                asked=q.asked, by="plan" if q.answer else "clusters",
            )
            for q in made
        )  # fmt: skip


def _case(connection: Connection, triage: Triage, row: dict[str, Any]) -> hub.Case:
    """What is known of an incident; a plan that is missing or broken takes nothing away but its own words."""
    filled = _plan(row["topic"], triage, row["onset"])
    by = {lang: plan.signature(filled, lang) for lang in plan.LANGUAGES} if filled else {}
    return hub.Case(
        slug=f"{row['topic'].replace('_', '-')}-{row['id']}",
        titles={lang: filled.what[lang][:1].upper() + filled.what[lang][1:] for lang in plan.LANGUAGES}
        if filled else {"en": row["label_en"], "fr": row["label_fr"]},
        began_at=row["onset"],
        closed_at=row["closed_at"],
        happened=_happened(filled, row["onset"], triage) if filled else {},
        help=filled.help if filled else {},
        statements=tuple(
            hub.Update(at=said["at"], texts=said["texts"], by=by)
            for said in store.statements(connection, row["id"])
        ),
        questions=tuple(hub.Question(**asked) for asked in store.questions(connection, row["id"])),
    )  # fmt: skip


def _plan(topic: str, triage: Triage, onset: datetime) -> plan.Plan | None:
    """The plan with its facts; None where there is none that can be read."""
    try:
        found = plan.one(topic)
    except ConfigError:
        return None
    return plan.fill(found, plan.facts_of(triage, began_at=onset, next_update_at=onset))


def _happened(filled: plan.Plan, onset: datetime, triage: Triage) -> dict[str, str]:
    zone = triage.hours.zone if triage.hours else "UTC"
    return {
        lang: plan.typeset(text.format(when=plan.moment(onset, lang, zone), what=filled.what[lang]), lang)
        for lang, text in _HAPPENED.items()
    }
