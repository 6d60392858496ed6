"""What was measured and what is written about it agree."""

from __future__ import annotations

from pathlib import Path

from benchmarks import cold, kept, kit, report
from benchmarks.__main__ import names

ROW = {"mails": 1000, "queued /s": 400.5, "decided /s": 250.0, "collect MB": 70}


def test_the_page_says_what_was_kept() -> None:
    found = kept.all_kept()
    assert report.PAGE.read_text(encoding="utf-8") == report.page(found, list(report.headlines(found)))
    assert report.PICTURE.read_text(encoding="utf-8") == report.growth(found)


def test_every_figure_names_its_command_date_and_machine() -> None:
    for name, told in kept.all_kept().items():
        assert name in names()
        assert told["command"].startswith(f"python -m benchmarks {name}")
        assert told["date"]
        assert "cores" in told["machine"]
        assert told["tables"] or told["printed"]


def test_a_run_is_kept_with_its_tables(tmp_path: Path) -> None:
    def bench(options: list[str]) -> int:
        kit.show("From the first read to the last row", [ROW])
        return len(options) - 2

    assert kept.run("throughput", bench, ["--mails", "1000"], folder=tmp_path) == 0
    assert kept.run("units", lambda _: print("12 units") or 1, [], folder=tmp_path) == 1
    found = kept.all_kept(tmp_path)
    assert found["throughput"]["command"] == "python -m benchmarks throughput -- --mails 1000"
    assert found["throughput"]["tables"][0]["rows"] == [ROW]
    assert (found["units"]["printed"], found["units"]["reached"]) == ("12 units\n", False)
    rows = list(report.headlines(found))
    assert [(row["what"], row["figure"], row["goal"]) for row in rows][:2] == [
        ("mails a second into the queue", "400", "200"),
        ("mails a second, decided too", "250", "200"),
    ]
    page = report.page(found, rows)
    assert "**a goal was missed**" in page
    assert "12 units" in page
    assert "1,000 waiting: 250 a second" in report.growth(found)


def test_every_headline_finds_its_figure() -> None:
    told = {(row["what"], row["by"]) for row in report.headlines(kept.all_kept())}
    assert told == {(line.what, line.bench) for line in report.HEADLINES}
    assert {line.bench for line in report.HEADLINES} <= set(names())


def test_the_demos_own_lines_say_where_its_time_goes() -> None:
    lines = [
        "Installing 270 packages …",
        " 0:00  starting PostgreSQL, the stand-ins for Gmail and X, and Airflow …",
        " 0:09  two quiet days, then a recall: 273 mails and 60 posts arrive",
        " 0:31  Airflow is up: http://127.0.0.1:8080 (no login)",
        " 0:40  mails   10  posts    0  to classify   10",
        " 2:11  stopping …",
        " 2:15  everything is stopped",
    ]
    assert [row["seconds"] for row in cold.phases(lines, 136.5)] == [9, 22, 100, 5.5]
    assert list(cold.phases(["make demo: port 8080 is taken"], 2.0)) == []
