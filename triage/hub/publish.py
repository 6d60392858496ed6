"""The site's files written to wherever fsspec reaches: a folder, s3://, gs://, abfs://, sftp://, memory:// …"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triage.core.errors import Fatal

_TYPES = {".html": "text/html; charset=utf-8", ".xml": "application/atom+xml; charset=utf-8"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What became of the files: those written, in order, and how many were as they should be already."""

    written: tuple[str, ...]
    unchanged: int


def publish(files: Mapping[str, bytes], target: str) -> Published:
    """Write the files whose content differs, the index last, each whole or not at all. Nothing is removed.

    A folder and object stores replace a file in one step; over sftp and the like a reader may meet half a file for a
    moment. Raises Fatal, which names the target without its password, when it cannot be written.
    """
    written = []
    with _told(target):
        system, root = _reached(target)
        for path in sorted(files, key=lambda name: (name == "index.html", name.count("/") == 0)):
            if _held(system, f"{root}/{path}") != files[path]:
                _write(system, f"{root}/{path}", files[path])
                written.append(path)
    return Published(written=tuple(written), unchanged=len(files) - len(written))


def is_there(target: str) -> bool:
    """Whether a site was written there. Raises Fatal when the target cannot be reached, or a folder not be written."""
    with _told(target):
        system, root = _reached(target)
        if _is_folder(system):
            nearest = next(folder for folder in (Path(root), *Path(root).parents) if folder.exists())
            if not os.access(nearest, os.W_OK | os.X_OK):
                raise PermissionError(f"{nearest} may not be written")
        return _held(system, f"{root}/index.html") is not None


@contextmanager
def _told(target: str) -> Iterator[None]:
    """Whatever a file system raises, as one sentence."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Fatal(
            f"hub: {without_password(target)} cannot be written ({without_password(reason[:300])}); "
            "mend hub.target in triage.yaml, its rights, or install the library that it needs"
        ) from None


def _reached(target: str) -> tuple[Any, str]:
    import fsspec.core

    system, root = fsspec.core.url_to_fs(resolved(target))
    return system, root.rstrip("/")


def resolved(target: str) -> str:
    """The target; a relative folder lies below AIRFLOW_HOME, or else the working directory."""
    if "://" in target or "::" in target:
        return target
    return str(Path(os.environ.get("AIRFLOW_HOME") or Path.cwd()) / Path(target).expanduser())


def without_password(text: str) -> str:
    """An address as it may stand in a log."""
    return re.sub(r"://[^/@\s]*@", "://…@", text)


def _held(system: Any, path: str) -> bytes | None:
    try:
        content: bytes = system.cat_file(path)
    except FileNotFoundError:
        return None
    return content


def _write(system: Any, path: str, content: bytes) -> None:
    if _is_folder(system):
        whole = Path(path)
        whole.parent.mkdir(parents=True, exist_ok=True)
        part = whole.with_name(f".{whole.name}.{os.getpid()}")
        part.write_bytes(content)
        part.replace(whole)
        return
    system.makedirs(path.rpartition("/")[0], exist_ok=True)
    system.pipe_file(path, content, **_typed(system, path))


def _is_folder(system: Any) -> bool:
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(system, LocalFileSystem)


def _typed(system: Any, path: str) -> dict[str, str]:
    """The media type, where the store serves files by it."""
    known = {"s3": "ContentType", "gs": "content_type", "gcs": "content_type"}
    protocols = (system.protocol,) if isinstance(system.protocol, str) else system.protocol
    name = next((known[p] for p in protocols if p in known), None)
    return {name: _TYPES[Path(path).suffix]} if name else {}
