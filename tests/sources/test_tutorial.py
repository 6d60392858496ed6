"""The source of docs/write-a-source.md, taken out of the page and run under the inherited contract."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "write-a-source.md"
FEWER_THAN = 60
"""A source takes fewer lines than this, all of them counted."""


def blocks() -> dict[str, str]:
    """The files that the page shows, by path."""
    found = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


def loaded(path: str) -> types.ModuleType:
    """A file of the page as the module it would be."""
    name = path.removesuffix(".py").replace("/", ".")
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(blocks()[path], f"{PAGE.name}:{path}", "exec"), module.__dict__)
    return module


loaded("triage/sources/letters.py")
TestLetters = loaded("tests/sources/test_letters.py").TestLetters


def test_the_source_of_the_page_is_short() -> None:
    lines = blocks()["triage/sources/letters.py"].strip().splitlines()
    assert len(lines) < FEWER_THAN
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize("path", blocks())
def test_the_code_of_the_page_is_as_clean_as_ours(path: str) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--stdin-filename", path, "-"]
    done = subprocess.run(ruff, input=blocks()[path], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:triage|plugins|config|tests)/[\w/.]+|pyproject\.toml)`", PAGE.read_text()))
    assert len(named) >= 8
    assert [
        path
        for path in named - blocks().keys() - {"tests/sources/test_letters.py"}
        if not (ROOT / path).exists()
    ] == []


@pytest.mark.parametrize("name", ["bluesky", "mastodon"])
def test_the_places_that_the_page_names_are_where_a_source_is_made_known(name: str) -> None:
    table = re.findall(r"^\| `([\w/.]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) == 6
    for path in table:
        assert name in (ROOT / path).read_text(encoding="utf-8"), f"{path} does not know {name}"
