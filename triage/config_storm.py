"""What triage.yaml says of storms: when a sender's messages are a flood, and how long a text is known as passed on."""

from __future__ import annotations

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from triage.config_values import Duration


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Flood(_Strict):
    """More than `messages` from one author to one account `within` so long are held; of `never` they are not."""

    messages: int = Field(default=20, ge=2)
    within: Duration = timedelta(minutes=10)
    never: tuple[str, ...] = ()


class Copies(_Strict):
    """Near copies of a text join it for so long after it first came."""

    within: Duration = timedelta(days=3)
