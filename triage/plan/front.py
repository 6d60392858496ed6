"""The front matter of a plan: YAML between two lines of ---."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from triage.config import load_topics
from triage.config_values import Name
from triage.core.errors import ConfigError
from triage.plan.types import Channel

NO_PLAN = frozenset({"not_crisis", "unsure"})
"""Topics that need no plan."""

Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Both(_Strict):
    en: Text
    fr: Text


class _Source(_Strict):
    name: str
    function: Both


class Front(_Strict):
    topic: Name
    scenario: Text
    severity: int = Field(ge=1, le=3)
    owner: Name
    named_source: _Source
    approvers: tuple[Text, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)
    hub: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?$")
    reviewed_on: date
    what: Both


def parted(path: Path, text: str) -> tuple[str, list[str], int]:
    """Front matter (its lines numbered as in the file), the body's lines, and the number of the first of them."""
    lines = text.splitlines()
    if not lines or lines[0].rstrip() != "---":
        raise ConfigError(
            f"{path}:1: a plan begins with a line of ---; put topic, owner and the rest below it"
        )
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise ConfigError(
            f"{path}:1: the second line of --- is missing; put it below reviewed_on and the rest"
        )
    return "\n".join(["", *lines[1:end], ""]), lines[end + 1 :], end + 2


def faults(head: Front, front: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of what the settings contradict: the file's name, topics.yaml, one another."""

    def line(name: str) -> int:
        return next((n for n, text in enumerate(front.split("\n"), 1) if text.startswith(f"{name}:")), 1)

    topic = load_topics(path.parent.parent).topics.get(head.topic)
    if head.topic != path.stem:
        yield line("topic"), f"topic {head.topic!r} in a file of another name; make them agree"
    if topic is None or head.topic in NO_PLAN:
        yield line("topic"), f"{head.topic!r} is no crisis topic of topics.yaml; correct its spelling"
    elif topic.severity != head.severity:
        text = f"severity {head.severity}, but {topic.severity} in topics.yaml; make them agree"
        yield line("severity"), text
    if len(set(head.channels)) < len(head.channels):
        yield line("channels"), "a channel is named twice; remove one"
    for text in (head.what.en, head.what.fr):
        if "{" in text or "}" in text:
            yield line("what"), f"{text!r} holds a brace; write it out"
