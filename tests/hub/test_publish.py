"""The hub's files written to where fsspec reaches: whole, only what changed, the index last, or a plain word."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.hub.site_kit import OPEN, SITE, later
from triage import hub
from triage.core.errors import Fatal

FILES = hub.render(SITE)


def grown() -> dict[str, bytes]:
    """The site after one more statement on the open incident."""
    more = replace(OPEN, statements=(*OPEN.statements, later(120, "News.", "Du nouveau.")))
    return hub.render(replace(SITE, cases=(SITE.cases[0], more)))


@pytest.fixture(params=["folder", "file", "memory"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {
        "folder": str(tmp_path / "hub"),
        "file": f"file://{tmp_path}/hub",
        "memory": f"memory://{uuid.uuid4()}/hub",
    }[request.param]


def there(target: str) -> dict[str, bytes]:
    """What a reader finds."""
    system, root = fsspec.core.url_to_fs(target)
    return {path.removeprefix(f"{root}/"): system.cat_file(path) for path in system.find(root)}


def test_everything_is_written_the_index_last(target: str) -> None:
    done = hub.publish(FILES, target)
    assert there(target) == FILES
    assert set(done.written) == set(FILES)
    assert done.written[-1] == "index.html"
    roots = [path.count("/") == 0 for path in done.written]
    assert roots == sorted(roots)


def test_what_is_unchanged_is_not_written_again(target: str) -> None:
    hub.publish(FILES, target)
    assert hub.publish(FILES, target) == hub.Published(written=(), unchanged=len(FILES))
    done = hub.publish(grown(), target)
    assert there(target) == grown()
    assert set(done.written) == {
        "product-defect-7/en.html", "product-defect-7/en.xml", "product-defect-7/fr.html", "product-defect-7/fr.xml",
        "en.xml", "fr.xml", "index.html",
    }  # fmt: skip
    assert done.unchanged == 4


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    hub.publish(FILES, str(tmp_path))
    reader = (tmp_path / "index.html").open("rb")
    untouched = os.stat(tmp_path / "delivery-3" / "en.html").st_mtime_ns
    time.sleep(0.01)
    hub.publish(grown(), str(tmp_path))
    with reader:
        assert reader.read() == FILES["index.html"]
    assert (tmp_path / "index.html").read_bytes() == grown()["index.html"]
    assert os.stat(tmp_path / "delivery-3" / "en.html").st_mtime_ns == untouched
    assert [path.name for path in tmp_path.rglob(".*")] == []


def test_what_stood_there_and_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "robots.txt").write_text("User-agent: *")
    hub.publish(FILES, str(tmp_path))
    assert (tmp_path / "robots.txt").exists()


def test_a_relative_folder_lies_below_airflow_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    hub.publish(FILES, "hub")
    assert (tmp_path / "airflow" / "hub" / "index.html").exists()
    monkeypatch.delenv("AIRFLOW_HOME")
    monkeypatch.chdir(tmp_path)
    hub.publish(FILES, "hub")
    assert (tmp_path / "hub" / "index.html").exists()


class FullDisk(MemoryFileSystem):
    """Takes so many files and then no more."""

    protocol = "fulldisk"
    left = 0

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if FullDisk.left <= 0:
            raise OSError(28, "No space left on device")
        FullDisk.left -= 1
        super().pipe_file(path, value, mode, **kwargs)


def test_what_breaks_off_is_gone_on_with_and_the_index_never_runs_ahead() -> None:
    fsspec.register_implementation("fulldisk", FullDisk, clobber=True)
    target = f"fulldisk://{uuid.uuid4()}/hub"
    FullDisk.left = 5
    with pytest.raises(
        Fatal, match=r"fulldisk://.* cannot be written \(.*No space left.*\); mend hub.target"
    ):
        hub.publish(FILES, target)
    assert len(there(target)) == 5
    assert "index.html" not in there(target)
    FullDisk.left = 99
    assert hub.publish(FILES, target).unchanged == 5
    assert there(target) == FILES


@pytest.mark.parametrize(
    ("target", "text"),
    [
        ("nowhere://bucket/hub", "Protocol not known: nowhere"),
        ("/dev/null/hub", "cannot be written"),
        ("ftp://user:s3cret@127.0.0.1:1/hub", "refused"),
    ],
)
def test_a_target_that_cannot_be_written_is_told(target: str, text: str) -> None:
    with pytest.raises(Fatal) as error:
        hub.publish(FILES, target)
    assert text in str(error.value)
    assert "; mend hub.target in triage.yaml" in str(error.value)
    assert "s3cret" not in str(error.value)
    with pytest.raises(Fatal, match=r"mend hub\.target"):
        hub.is_there(target)


def test_whether_a_site_is_there(target: str) -> None:
    assert not hub.is_there(target)
    hub.publish(FILES, target)
    assert hub.is_there(target)
