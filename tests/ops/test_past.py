"""`triage detect` and `triage replay FILE`: what is read, what is said of each surge, and the exit status."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from triage import cli
from triage.ops.past import Past, judge, moment, read

START = datetime(2026, 3, 2, tzinfo=UTC)
SURGE = ["topic", "started_at", "alarmed_at", "observed", "expected", "severity"]
Run = Any


def csv_of(counts: list[int], *, minutes: int = 60, head: str = "timestamp,value", stream: str = "") -> str:
    lines = [
        f"{stream}{START + n * timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S},{count}"
        for n, count in enumerate(counts)
    ]
    return "\n".join([head, *lines]) + "\n"


CALM_THEN_BURST = [2, 3, 1, 2] * 42 + [40, 60, 3, 2]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def go(
        text: str | bytes, *options: str, command: str = "detect"
    ) -> tuple[int, list[dict[str, Any]], str]:
        path = tmp_path / "past"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        status = cli.main([command, str(path), *options])
        out, err = capsys.readouterr()
        return (
            status,
            [json.loads(line) if line.startswith("{") else {"said": line} for line in out.splitlines()],
            err,
        )

    return go


def messages(topic: str, number: int, at: datetime, *, authors: int = 1000) -> list[str]:
    return [
        json.dumps(
            {
                "created_at": (at + timedelta(seconds=n)).isoformat(),
                "topic": topic,
                "author": f"p{n % authors}",
            }
        )
        for n in range(number)
    ]


class TestCounts:
    def test_one_line_a_surge(self, run: Run) -> None:
        status, lines, err = run(csv_of(CALM_THEN_BURST))
        assert (status, err) == (0, "")
        (line,) = lines
        assert list(line) == SURGE
        assert line["topic"] == "all"
        assert line["started_at"] == "2026-03-09T00:00:00Z"
        assert line["alarmed_at"] == "2026-03-09T01:00:00Z"
        assert line["observed"] == 40
        assert 1 < line["expected"] < 4

    def test_a_score_for_every_bin(self, run: Run) -> None:
        _, lines, _ = run(csv_of(CALM_THEN_BURST), "--scores")
        scores = [line for line in lines if "score" in line]
        assert [line["count"] for line in scores] == CALM_THEN_BURST
        assert next(line["timestamp"] for line in scores if line["score"] >= 1) == "2026-03-09T00:00:00Z"

    def test_the_future_changes_no_line(self, run: Run) -> None:
        _, whole, _ = run(csv_of(CALM_THEN_BURST), "--scores")
        _, part, _ = run(csv_of(CALM_THEN_BURST[:-3]), "--scores")
        assert part == whole[: len(part)]

    def test_streams_of_one_file(self, run: Run) -> None:
        text = csv_of(CALM_THEN_BURST, head="stream,hour_utc,count", stream="north,")
        text += csv_of([2, 1, 3] * 60, head="", stream="south,").lstrip()
        assert [line["topic"] for line in run(text)[1]] == ["north"]

    def test_missing_bins_had_no_messages(self) -> None:
        text = "hour_utc,count\n2026-03-02T00:00Z,4\n2026-03-02T01:00Z,1\n2026-03-02T05:00Z,2\n"
        past = read(text.splitlines(), seconds=None, bad=pytest.fail)
        assert [told.bin.count for told in judge(past)] == [4, 1, 0, 0, 0, 2]
        assert past.seconds == 3600

    def test_without_a_header_and_out_of_order(self) -> None:
        lines = ["2026-03-02 01:00,5", "2026-03-02 00:00,4", "2026-03-02 02:00,6"]
        assert [t.bin.count for t in judge(read(lines, seconds=None, bad=pytest.fail))] == [4, 5, 6]

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            ("soon,3", "'soon' is no time"),
            ("2026-03-02 09:00:00,-3", "'-3' is no count"),
            ("2026-03-02 09:00:00,nan", "'nan' is no count"),
            ("2026-03-02 09:00:00,many", "many"),
            ("2026-03-02 09:00:00", "has 1 of 2 columns"),
        ],
    )
    def test_a_bad_row_is_named_and_passed_over(self, run: Run, row: str, why: str) -> None:
        status, lines, err = run(csv_of(CALM_THEN_BURST) + row + "\n")
        assert status == 1
        assert len(lines) == 1
        assert f":{len(CALM_THEN_BURST) + 2}: passed over: " in err
        assert why in err


class TestMessages:
    def test_topics_and_all(self, run: Run) -> None:
        rows = [line for day in range(5) for hour in range(0, 24, 2)
                for line in messages("delivery", 1, START + timedelta(days=day, hours=hour))]  # fmt: skip
        rows += messages("tampering", 60, START + timedelta(days=4, hours=23))
        status, lines, _ = run("\n".join(rows))
        assert status == 0
        assert {line["topic"] for line in lines} == {"tampering", "all"}
        assert all(line["alarmed_at"].startswith("2026-03-06T23:05") for line in lines)

    def test_one_person_is_no_surge(self, run: Run) -> None:
        rows = messages("delivery", 3, START) + messages(
            "tampering", 60, START + timedelta(days=4), authors=1
        )
        assert run("\n".join(rows))[1] == []

    def test_bins_of_a_given_length(self, run: Run) -> None:
        rows = messages("delivery", 2, START) + messages("tampering", 60, START + timedelta(days=4))
        _, lines, _ = run("\n".join(rows), "--bin", "60", "--scores")
        assert {"2026-03-06T00:01:00Z"} == {line["alarmed_at"] for line in lines if "alarmed_at" in line}
        assert len([line for line in lines if line.get("topic") == "all" and "score" in line]) == 4 * 1440 + 1

    @pytest.mark.parametrize(
        "row", ["{", "[1]", '{"created_at": 5}', '{"text": "no time"}', '{"created_at": "x"}']
    )
    def test_a_bad_row_is_named_and_passed_over(self, run: Run, row: str) -> None:
        rows = [*messages("delivery", 2, START), row, *messages("tampering", 60, START + timedelta(days=4))]
        status, lines, err = run("\n".join(rows))
        assert (status, len(lines)) == (1, 2)
        assert ":3: passed over: " in err

    def test_topics_as_a_list_and_people_unknown(self) -> None:
        lines = [
            '{"created_at": "2026-03-02", "topics": ["billing", "delivery"]}',
            '{"created_at": "2026-03-03"}',
        ]
        past = read(lines, seconds=None, bad=pytest.fail)
        assert set(past.counts) == {"all", "billing"}
        assert past.seconds == 86_400
        assert past.people == {}


class TestCommand:
    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
        path = tmp_path / "in"
        path.write_text(csv_of(CALM_THEN_BURST))
        with path.open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            assert cli.main(["detect"]) == 0
        assert json.loads(capsys.readouterr().out)["topic"] == "all"

    @pytest.mark.parametrize("text", ["", "\n\n", "timestamp,value\n"])
    def test_nothing_to_read_is_no_trouble(self, run: Run, text: str) -> None:
        assert run(text)[:2] == (0, [])

    def test_bytes_that_are_no_text(self, run: Run) -> None:
        assert run(bytes(range(256)) * 4)[0] == 1

    def test_a_file_that_is_not_there(self, capsys: Any) -> None:
        assert cli.main(["detect", "/nowhere/at/all.csv"]) == 2
        assert "cannot be read" in capsys.readouterr().err

    def test_bad_usage(self) -> None:
        with pytest.raises(SystemExit) as stopped:
            cli.parser().parse_args(["detect", "x.csv", "--bin", "0"])
        assert stopped.value.code == 2

    def test_the_past_is_told_again(self, run: Run) -> None:
        status, lines, _ = run(csv_of(CALM_THEN_BURST), "--speed", "1000000000", command="replay")
        assert status == 0
        assert lines[0]["said"].startswith("2026-03-09 01:00 UTC  all: alarm, severity")
        assert "2.0" in lines[0]["said"] or "expected" in lines[0]["said"]


def test_a_time_without_an_offset_is_utc() -> None:
    assert moment("2026-03-02T01:00:00+01:00") == moment("2026-03-02 00:00") == START.timestamp()


def test_a_silence_of_years_is_not_filled() -> None:
    past = Past(seconds=3600, counts={"all": {0: 1, 24 * 365 * 20: 1}})
    assert sum(1 for _ in past.bins("all")) == 2 + 35 * 24
