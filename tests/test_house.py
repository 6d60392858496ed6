"""The rules of the house that a machine can check: lint, format, types, imports, sizes, the lock file, the SQL."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.builders import ROOT
from triage.store import db

CODE = ("triage", "plugins", "dags", "demo", "deploy", "benchmarks", "tests")
BIN = Path(sys.executable).parent
MAX_FILE = 400
MAX_FUNCTION = 60


def python_files() -> Iterator[Path]:
    for folder in CODE:
        yield from sorted((ROOT / folder).rglob("*.py"))


def local(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"], ["lint-imports", "--no-logo"]],
    ids=["lint", "format", "types", "imports"],
)
def test_the_tools_find_nothing(command: list[str]) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_no_file_is_too_long() -> None:
    sql = [p for p in (ROOT / "sql").rglob("*.sql") if p.name != "schema.sql"]
    files = [*python_files(), *sql, *(ROOT / "triage").rglob("*.sql")]
    lengths = {local(p): len(p.read_text(encoding="utf-8").splitlines()) for p in files}
    assert {name: n for name, n in lengths.items() if n > MAX_FILE} == {}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_function_is_too_long() -> None:
    found = {
        f"{local(path)}:{node.lineno} {node.name}": length
        for path in python_files()
        for node in functions(path)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION
    }
    assert found == {}


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_the_product_knows_no_host() -> None:
    strangers = {"airflow", "fastapi", "demo", "triage_airflow", "tests"}
    found = {local(p): imported(p) & strangers for p in (ROOT / "triage").rglob("*.py")}
    assert {name: names for name, names in found.items() if names} == {}


def test_the_core_imports_only_the_standard_library() -> None:
    for path in (ROOT / "triage" / "core").glob("*.py"):
        assert imported(path) - sys.stdlib_module_names <= {"triage"}, local(path)


def test_nothing_is_left_open() -> None:
    halves = [
        "TO DO",
        "FIX ME",
        "NotImplemented Error",
        "pragma:\u2423no\u2423cov er",
        "mark.sk ip",
        "mark.x fail",
    ]
    words = [half.replace(" ", "").replace("\u2423", " ") for half in halves]
    pattern = re.compile(r"\b(" + "|".join(map(re.escape, words)) + r")\b")
    assert [local(p) for p in python_files() if pattern.search(p.read_text(encoding="utf-8"))] == []


def locked() -> dict[str, str]:
    """Package to version, as requirements.lock pins them."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", text, flags=re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def asked_for() -> list[Requirement]:
    """What pyproject.toml asks for, extras and build included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    return [
        Requirement(r) for r in [*project["project"]["dependencies"], *(r for extra in extras for r in extra)]
    ]


def test_the_lock_holds_what_the_project_asks_for() -> None:
    versions = locked()
    assert len(versions) > 100
    for wanted in asked_for():
        version = versions.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not in requirements.lock"
        assert wanted.specifier.contains(version, prereleases=True), f"{wanted} against {version} in the lock"


def test_the_lock_is_hashed_and_holds_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert re.findall(r"://|^-i |--(?:extra-)?index-url|--find-links", text, flags=re.MULTILINE) == []
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    assert [e.splitlines()[0] for e in entries if "==" in e and "--hash=sha256:" not in e] == []


def test_every_named_query_is_used() -> None:
    for path in sorted(Path(db.__file__).parent.glob("*.sql")):
        code = path.with_suffix(".py").read_text(encoding="utf-8")
        names = db.queries(str(path.with_suffix(".py")))
        assert names, path.name
        assert [name for name in names if f'"{name}"' not in code] == [], path.name


def test_sql_lives_in_sql_files() -> None:
    """A query in Python would be found by nobody who changes a table."""
    statement = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+\.\w+ SET|DELETE FROM)\b")
    found = [
        local(p) for p in (ROOT / "triage").rglob("*.py") if statement.search(p.read_text(encoding="utf-8"))
    ]
    assert found == []
