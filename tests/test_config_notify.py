"""`notify:` of triage.yaml: wrong entries are refused with file, line and mend; hours are the recipient's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.builders import ROOT
from triage import config
from triage.config_notify import Notify
from triage.core.errors import ConfigError

TRIAGE = """\
version: 1
accounts:
  - {name: care, source: gmail, connection: gmail_care, addresses: [care@volmera.example]}
notify:
  desk:
    kind: smtp
    connection: smtp_default
    addresses: [desk@volmera.example]
    zone: Europe/Paris
    digest: "08:00"
    overdue: [0m, 2h]
    quiet: "20:00-07:00"
    accounts: [care]
  ops:
    kind: slack
    connection: slack_ops
    addresses: ["#ops"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with both files, right as they are."""
    (tmp_path / "triage.yaml").write_text(TRIAGE, encoding="utf-8")
    (tmp_path / "topics.yaml").symlink_to(ROOT / "config" / "topics.yaml")
    return tmp_path


def test_what_is_right_is_read(folder: Path) -> None:
    desk, ops = config.load(folder).triage.notify.values()
    assert (desk.targets, ops.targets) == (("desk@volmera.example",), ("#ops",))
    assert (desk.language, desk.excerpt, desk.alarms) == ("en", 0, False), (
        "nothing is told that was not asked for"
    )


WRONG = [
    ("kind: smtp", "kind: pigeon", 6, "notify.desk.kind: Input should be 'smtp', 'slack' or 'apprise'"),
    ("[desk@volmera.example]", "[desk]", 8, "notify.desk.addresses: 'desk' is no mail address; correct it"),
    ("[desk@volmera.example]", '["a@b.example\\nBcc: c@d.example"]', 8, "is no mail address"),
    ("[desk@volmera.example]", "[a@b.example, a@b.example]", 8, "an address is written twice"),
    ("    addresses: [desk@volmera.example]\n", "", 5, "needs at least one mail address"),
    ('["#ops"]', "[ops]", 17, "'ops' is no Slack channel, such as \"#care\""),
    ("Europe/Paris", "Paris", 9, "'Paris' is no time zone; write one such as Europe/Paris"),
    ('"08:00"', "8", 10, 'is no time of day; write it in quotes, such as "08:00"'),
    ('"08:00"', '"24:00"', 10, "is no time of day"),
    ("[0m, 2h]", "[2h, 0m]", 11, "each step must be later than the one before it"),
    ("[0m, 2h]", "soon", 11, "notify.desk.overdue"),
    ('"20:00-07:00"', '"20:00"', 12, "is no span of quiet hours"),
    ('"20:00-07:00"', '"20:00-20:00"', 12, "leave `quiet` out"),
    ('"08:00"', '"08:00"\n    weekly: "mon"', 11, 'no day and time of a week; write them in quotes'),
    ('"08:00"', '"08:00"\n    weekly: "lun 09:00"', 11, "'lun 09:00' is no day and time of a week"),
    ('"08:00"', '"08:00"\n    weekly: "mon 25:00"', 11, "'25:00' is no time of day"),
    ('"08:00"', '"08:00"\n    weekly: 9', 11, "9 is no day and time of a week"),
    ("[care]", "[press]", 13, "no account 'press'; correct it"),
    ("    kind: slack", "    kind: slack\n    excerpt: 900", 16, "notify.ops.excerpt"),
    ("    kind: slack", "    kind: slack\n    alarm: true", 16, "no such setting"),
    ("  ops:", "  Ops Team:", 14, "String should match pattern"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG)
def test_what_is_wrong_is_named_with_its_line(folder: Path, old: str, new: str, line: int, said: str) -> None:
    assert old in TRIAGE
    (folder / "triage.yaml").write_text(TRIAGE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(folder)
    fault = next(text for text in str(caught.value).splitlines() if said in text)
    assert fault.startswith(f"{folder / 'triage.yaml'}:{line}: "), fault


def test_the_example_that_ships_is_right() -> None:
    text = (ROOT / "config" / "triage.yaml").read_text(encoding="utf-8")
    example = text[text.index("# notify:") :].split("\n\n")[0]
    lines = [line.removeprefix("# ").removeprefix("#") for line in example.splitlines()]
    found = {
        name: Notify.model_validate(entry)
        for name, entry in yaml.safe_load("\n".join(lines))["notify"].items()
    }
    assert {entry.kind for entry in found.values()} == {"smtp", "slack", "apprise"}
    assert any(entry.alarms for entry in found.values())
    assert any(entry.incidents for entry in found.values())
    assert any(entry.weekly for entry in found.values())


def entry(**given: object) -> Notify:
    return Notify.model_validate({"kind": "apprise", "connection": "c", "zone": "Europe/Paris", **given})


@pytest.mark.parametrize(
    ("clock", "night", "midday"),
    [("06:59", True, False), ("07:00", False, False), ("12:30", False, True), ("20:00", True, False)],
)
def test_quiet_hours_may_reach_over_midnight(clock: str, night: bool, midday: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    moment = datetime(2026, 11, 23, hour - 1, minute, tzinfo=UTC)  # one hour behind Paris in winter
    assert entry(quiet="20:00-07:00").is_quiet(moment) is night
    assert entry(quiet="12:00-13:00").is_quiet(moment) is midday
    assert entry().is_quiet(moment) is False


def test_the_digest_keeps_its_hour_when_the_clocks_change() -> None:
    """At 07:30 UTC it is half past nine in a Paris summer, half past eight in winter."""
    nine = entry(digest="09:00")
    summer, winter = datetime(2026, 10, 24, 7, 30, tzinfo=UTC), datetime(2026, 10, 25, 7, 30, tzinfo=UTC)
    assert nine.digest_day(summer) is not None
    assert nine.digest_day(winter) is None


def test_the_week_is_due_on_its_day_at_its_hour_and_for_a_day_after() -> None:
    """Nine o'clock in Paris is 08:00 UTC in winter; 2026-11-23 is a Monday."""
    monday = entry(weekly="mon 09:00", days=["tue"])

    def due(day: int, hour: int, minute: int = 0) -> datetime | None:
        return monday.weekly_day(datetime(2026, 11, day, hour, minute, tzinfo=UTC))

    assert due(23, 7, 59) is None
    assert due(23, 8) == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert due(24, 7, 59) == datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert due(24, 8) is None
    assert due(29, 8) is None
    assert entry().weekly_day(datetime(2026, 11, 23, 8, tzinfo=UTC)) is None
