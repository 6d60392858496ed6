"""config/triage.yaml and config/topics.yaml, read and checked; errors carry file, line and mend."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from triage.config_hours import Hours
from triage.config_notify import Notify
from triage.config_storm import Copies, Flood
from triage.config_values import Duration, Name
from triage.core.errors import ConfigError
from triage.core.hours import Calendar


def _check_pattern(value: Any) -> Any:
    try:
        re.compile(str(value))
    except re.error as error:
        raise ValueError(
            f"pattern {value!r} does not compile: {error}; mend it or put a plain phrase under `phrases`"
        ) from None
    return value


def _check_hashtag(value: Any) -> Any:
    """YAML takes a bare # for a comment: what arrives then is None."""
    if not re.fullmatch(r"#\w+", str(value)):
        raise ValueError(f"{value!r} is not a hashtag; write # and letters or digits, in quotes")
    return value


_SCHEDULE = re.compile(r"(\d+[smh]|(\S+ ){4}\S+)")


def _check_schedule(value: Any) -> Any:
    """A cron expression of five fields, or an interval."""
    if not _SCHEDULE.fullmatch(str(value)):
        raise ValueError(
            f"{value!r} is not a schedule; write five cron fields in quotes, or an interval such as 30s"
        )
    return value


Pattern = Annotated[str, BeforeValidator(_check_pattern)]
Hashtag = Annotated[str, BeforeValidator(_check_hashtag)]
Schedule = Annotated[str, BeforeValidator(_check_schedule)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class TopicLabel(_Strict):
    """The topic's name for people."""

    en: str
    fr: str


class Topic(_Strict):
    """One topic: base severity 1 to 3 (none for not_crisis), first-reply target, and rules of the day."""

    label: TopicLabel
    severity: int | None = Field(default=None, ge=1, le=3)
    target: Duration
    phrases: tuple[str, ...] = ()
    hashtags: tuple[Hashtag, ...] = ()
    patterns: tuple[Pattern, ...] = ()


class Topics(_Strict):
    """The taxonomy. `version` is stored with every decision, together with a digest of the rules."""

    version: int
    topics: dict[Name, Topic]

    @model_validator(mode="after")
    def _needs_the_fixed_ones(self) -> Topics:
        for key in ("unsure", "not_crisis"):
            if key not in self.topics:
                raise ValueError(f"topic {key!r} is missing; the pipeline needs it, put it back")
        return self


class Push(_Strict):
    """Gmail's push: the Pub/Sub topic `users.watch` publishes to, and the subscription we pull."""

    topic: str = Field(pattern=r"^projects/[^/]+/topics/[^/]+$")
    subscription: str = Field(pattern=r"^projects/[^/]+/subscriptions/[^/]+$")


class Account(_Strict):
    """One watched account. `track` may hold hashtags, words and phrases; `poll` is how often the event trigger looks.

    `push` is a Cloud Pub/Sub subscription to Gmail's notifications, which then wake the trigger. On X, `read: mentions`
    counts the tracked terms instead of reading them, and `names: always` pays for the handles of authors.
    """

    name: Name
    source: Literal["gmail", "x", "bluesky", "mastodon"]
    connection: str
    addresses: tuple[str, ...] = Field(min_length=1)
    track: tuple[str, ...] = ()
    first_sync: Duration = timedelta(days=7)
    schedule: Schedule = "* * * * *"
    poll: Duration | None = timedelta(seconds=5)
    push: Push | None = None
    read: Literal["all", "mentions"] = "all"
    names: Literal["never", "always"] = "never"


class SourceQuota(_Strict):
    """What calls cost at one source, and how many units a minute one account, and all together, have (None: no limit).

    `dollars_per_day` is what one account may cost in a UTC day, where prices are in millionths of a dollar.
    """

    units_per_minute: int | None = Field(default=None, ge=1)
    project_units_per_minute: int | None = Field(default=None, ge=1)
    dollars_per_day: Decimal | None = Field(default=None, ge=0, decimal_places=6)
    prices: Mapping[str, int] = {}

    @property
    def units_per_day(self) -> int | None:
        """The daily cap in millionths of a dollar."""
        return None if self.dollars_per_day is None else int(self.dollars_per_day * 1_000_000)


class Hub(_Strict):
    """The public page of current facts: its address, and where it is written to.

    `target` is a folder, below AIRFLOW_HOME or else the working directory where it is relative, or any fsspec address.
    """

    address: str = Field(pattern=r"^https?://[^\s/]+(/\S*)?/$")
    target: str = Field(min_length=1)


class Care(_Strict):
    """When an alarm is raised: an account that falls silent, a crisis without a first statement."""

    stalled_after: Duration = timedelta(minutes=30)
    statement_within: Duration = timedelta(minutes=15)


class SecondOpinion(_Strict):
    """Who is asked about messages that the classifier is unsure of, and about how many in one run at most."""

    factory: str = Field(alias="class", pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    per_run: int = Field(default=50, ge=1)


class Triage(_Strict):
    """config/triage.yaml as a whole."""

    version: int
    label_language: Literal["en", "fr"] = "en"
    encoder: bool = True
    second_opinion: SecondOpinion | None = None
    label_prefix: str = "Triage"
    brand: str = ""
    hub: Hub | None = None
    accounts: tuple[Account, ...] = Field(min_length=1)
    groups: tuple[str, ...] = ()
    urgent: tuple[str, ...] = ()
    quota: Mapping[str, SourceQuota] = {}
    care: Care = Care()
    flood: Flood | None = Flood()
    copies: Copies = Copies()
    retention: Duration | None = None
    hours: Hours | None = None
    notify: Mapping[Name, Notify] = {}

    @property
    def calendar(self) -> Calendar | None:
        """When the team is there; None: around the clock."""
        return self.hours.calendar if self.hours else None

    def account(self, name: str) -> Account:
        """The account of that name, or a ConfigError that lists the ones there are."""
        for account in self.accounts:
            if account.name == name:
                return account
        known = ", ".join(a.name for a in self.accounts)
        raise ConfigError(f"no account {name!r} in triage.yaml; known accounts: {known}")


class Settings(_Strict):
    """Both files, checked against each other."""

    triage: Triage
    topics: Topics


def config_dir() -> Path:
    """`TRIAGE_CONFIG`, else `config/` of the working directory, else that of the checkout."""
    if named := os.environ.get("TRIAGE_CONFIG"):
        return Path(named)
    here = Path.cwd() / "config"
    return here if (here / "triage.yaml").exists() else Path(__file__).resolve().parent.parent / "config"


def load(directory: Path | None = None) -> Settings:
    """Read and check both files. Raises ConfigError with every fault found, one a line."""
    base = directory or config_dir()
    topics = load_topics(base)
    path = base / "triage.yaml"
    triage = _load(path, Triage)
    _cross_check(path, triage)
    return Settings(triage=triage, topics=topics)


def load_topics(directory: Path | None = None) -> Topics:
    """Read and check topics.yaml alone (what the classifier needs)."""
    return _load((directory or config_dir()) / "topics.yaml", Topics)


def place_of(account: str, setting: str) -> str:
    """`file:line` of a setting of an account, for faults that show only when it is used."""
    path = config_dir() / "triage.yaml"
    index = [a.name for a in load().triage.accounts].index(account)
    return f"{path}:{_line_of(_parse(path)[0], ('accounts', index, setting))}"


_M = TypeVar("_M", bound=BaseModel)


def _load(path: Path, model: type[_M]) -> _M:
    return validated(path, read_text(path), model)


def validated(path: Path, text: str, model: type[_M]) -> _M:
    """YAML as that model. Raises ConfigError with `path` and line for every fault found, one a line."""
    node, value = _parse(path, text)
    line_of = partial(_line_of, node)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = [f"{path}:{line_of(e['loc'])}: {_place(e['loc'])}{_mend(e)}" for e in error.errors()]
        raise ConfigError("\n".join(faults)) from None


def read_text(path: Path) -> str:
    """The file's text, or a ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); set TRIAGE_CONFIG to its folder"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8; save the file in that encoding") from None


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where PyYAML has it: every parse of a DAG file reads both files, and they took most of its time."""


def _parse(path: Path, text: str | None = None) -> tuple[yaml.Node, Any]:
    """The file (or the text of it that is YAML) as nodes, which know their lines, and as values."""
    text = read_text(path) if text is None else text
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        value = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(
            f"{path}:{line}: not YAML: {error.problem}; mend the indentation or quotes"
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: not YAML: {error.reason}; remove the character") from None
    if node is None:
        raise ConfigError(f"{path}:1: the file is empty; copy the one that ships with the project")
    _refuse_repeated_keys(path, node)
    return node, value


def _refuse_repeated_keys(path: Path, node: yaml.Node) -> None:
    """YAML keeps the last of two equal keys in silence; a topic written twice must be told."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(f"{path}:{line}: {key.value!r} is written twice; remove one")
            seen.add(key.value)
            _refuse_repeated_keys(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(path, item)


def _line_of(node: yaml.Node, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to `loc`."""
    line = node.start_mark.line
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in loc if step != "[key]") + ": " if loc else ""


def _mend(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "no such setting; remove it or correct its spelling"
    if error["type"] == "missing":
        return "this setting is missing; add it"
    return str(error["msg"]).removeprefix("Value error, ")


def _cross_check(path: Path, triage: Triage) -> None:
    node, _ = _parse(path)
    faults: list[str] = []

    def fault(index: int, field: str, text: str) -> None:
        faults.append(
            f"{path}:{_line_of(node, ('accounts', index, field))}: accounts.{index}.{field}: {text}"
        )

    names: set[str] = set()
    subscriptions: set[str] = set()
    for index, account in enumerate(triage.accounts):
        if account.name in names:
            fault(index, "name", f"two accounts are named {account.name!r}; rename one")
        names.add(account.name)
        if account.push and account.source != "gmail":
            fault(index, "push", "only Gmail pushes; remove it")
        if account.push and account.push.subscription in subscriptions:
            fault(index, "push", "another account pulls this subscription; each needs one of its own")
        subscriptions |= {account.push.subscription} if account.push else set()
        for name in ("read", "names"):
            if account.source != "x" and name in account.model_fields_set:
                fault(index, name, "only X charges for it; remove it")
    for source, quota in triage.quota.items():
        if source != "x" and quota.dollars_per_day is not None:
            line = _line_of(node, ("quota", source, "dollars_per_day"))
            faults.append(f"{path}:{line}: quota.{source}.dollars_per_day: only X costs dollars; remove it")
    for name, entry in triage.notify.items():
        for index, unknown in enumerate(entry.accounts):
            if unknown not in names:
                line = _line_of(node, ("notify", name, "accounts", index))
                faults.append(f"{path}:{line}: notify.{name}.accounts: no account {unknown!r}; correct it")
    if faults:
        raise ConfigError("\n".join(faults))
