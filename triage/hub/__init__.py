"""The public page of current facts: a static site, one page an incident and language, written to any fsspec target.

`render` makes the files (pure, the same input gives the same bytes), `publish` writes what changed.
"""

from triage.hub.publish import Published, is_there, publish, without_password
from triage.hub.questions import Asked, drafts
from triage.hub.render import render
from triage.hub.types import LANGUAGES, Case, Question, Site, Update

__all__ = [
    "LANGUAGES",
    "Asked",
    "Case",
    "Published",
    "Question",
    "Site",
    "Update",
    "drafts",
    "is_there",
    "publish",
    "render",
    "without_password",
]
