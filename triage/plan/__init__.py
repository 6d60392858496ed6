"""The crisis plan: what is said, by whom and where, written before it is needed. One file a topic in config/plan/.

`read` takes the whole folder, strictly; `one` a single topic, so that a fault in one plan stops no other; `fill` puts
the facts of an incident into it. How to write a plan: docs/plans.md.
"""

from triage.plan.check import findings
from triage.plan.document import one, read
from triage.plan.types import CHANNELS, LANGUAGES, Facts, Plan, Plans, Question
from triage.plan.words import facts_of, fill, moment, signature, too_long, typeset

__all__ = [
    "CHANNELS",
    "LANGUAGES",
    "Facts",
    "Plan",
    "Plans",
    "Question",
    "facts_of",
    "fill",
    "findings",
    "moment",
    "one",
    "read",
    "signature",
    "too_long",
    "typeset",
]
