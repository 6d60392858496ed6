"""The docs keep up with the code: every command parses, every query runs, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import connection as Connection

from benchmarks.__main__ import names
from demo.__main__ import arguments as demo_arguments
from tests.builders import ROOT
from triage import cli
from triage.store import db

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "demo").rglob("*.md")])
OUTSIDE = frozenset(
    "airflow apt-get cat cp curl docker export git helm kubectl pg_dump pg_restore pip psql uv".split()
)
"""Programs that are not ours: what follows them is not ours to check."""


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Fenced blocks of that language, each with the page it stands on."""
    for page in PAGES:
        for body in re.findall(
            rf"^ *```{language}\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S
        ):
            yield str(page.relative_to(ROOT)), body


def commands() -> Iterator[tuple[str, str]]:
    """Each command line of each console block; what it prints is in blocks of their own."""
    for page, body in blocks("console"):
        for line in body.replace("\\\n", " ").splitlines():
            if line.strip() and not line.strip().startswith("#"):
                yield page, line.strip()


def words_of(line: str) -> list[str]:
    """The words of its first program, without assignments before it, redirections and pipes after it."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"\w+=.*", words[0]):
        del words[0]
    end = next((i for i, word in enumerate(words) if re.match(r"[0-9]?[|><&]", word)), len(words))
    return words[:end]


def test_there_are_commands_to_check() -> None:
    assert len(list(commands())) > 20


@pytest.mark.parametrize(("page", "line"), list(commands()), ids=lambda value: str(value)[:60])
def test_a_command_is_one_we_have(page: str, line: str) -> None:
    words = words_of(line)
    program = words[0].removeprefix(".venv/bin/") if words else ""
    if program == "triage":
        assert cli.parser().parse_args(words[1:]).func
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        assert {w for w in words[1:] if "=" not in w} <= set(targets)
        options = [w.removeprefix("ARGS=") for w in words[1:] if w.startswith("ARGS=")]
        if "demo" in words and options:
            assert demo_arguments(shlex.split(options[0]))
        if "bench" in words and options:
            assert options[0].split(" -- ")[0].split()[0] in names()
    elif program == "python" and words[1:3] == ["-m", "benchmarks"]:
        assert set(words[3 : words.index("--") if "--" in words else None]) <= {*names(), "--list"}
    elif program == "python":
        assert (
            (ROOT / words[2].replace(".", "/")).exists() if words[1] == "-m" else (ROOT / words[1]).exists()
        )
    else:
        assert program in OUTSIDE, f"{page}: {line}"


def test_the_queries_run(connection: Connection) -> None:
    ran = 0
    for _page, body in [*blocks("sql"), *_in_line()]:
        with db.transaction(connection):
            db.execute(connection, body)
        ran += 1
    assert ran


def _in_line() -> Iterator[tuple[str, str]]:
    """Queries in running text: `SELECT … FROM triage.…`."""
    for page in PAGES:
        for query in re.findall(r"`(SELECT [^`]*triage\.[^`]*)`", page.read_text(encoding="utf-8")):
            yield str(page.relative_to(ROOT)), query


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_the_site_is_built_and_fetches_nothing_from_others(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for page in tmp_path.rglob("*.html"):
        fetched = re.findall(
            r"""<(?:script|link|img)[^>]+(?:src|href)=["'](https?://[^"']+)""",
            page.read_text(encoding="utf-8"),
        )
        assert [address for address in fetched if "volmera.example" not in address] == [], page
