"""Where on this machine lies what a container sees: its folders, and its texts with our paths, names and ports."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from demo.postgres import free_port
from tests.builders import ROOT
from tests.deploy.compose import SERVICES, image_copies, interpolated, is_ours, mounts, tmpfs

PORTS = {"api-server": 8080, "scheduler": 8974, "postgres": 5432, "redis": 6379, "gmail": 8101, "x": 8102}
"""What listens, and where it does in its container."""


@dataclass
class Places:
    """A folder for each container, made of what the image holds, its volumes and its tmpfs."""

    base: Path
    config: Path
    given: Mapping[str, str]
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})
    _held: dict[str, set[Path]] = field(default_factory=dict)

    def root(self, label: str) -> Path:
        """What the container sees as /."""
        return self.base / "containers" / label

    def workdir(self, label: str) -> Path:
        """Where its command begins."""
        return self.root(label) / ("opt/triage" if is_ours(name_of(label)) else "tmp")

    def volume(self, source: str) -> Path:
        """A named volume, or a folder of the checkout."""
        if source == "./config":
            return self.config
        if source.startswith("./"):
            return ROOT / source
        path = self.base / "volumes" / source
        path.mkdir(parents=True, exist_ok=True)
        return path

    def furnish(self, label: str) -> None:
        """Make the container's folders as they are at a start."""
        service, root = SERVICES[name_of(label)], self.root(label)
        shutil.rmtree(root, ignore_errors=True)
        for word in image_copies() if is_ours(name_of(label)) else []:
            _copy(ROOT / word, root / "opt/triage" / word)
        for path in ["/tmp", "/opt/airflow", *tmpfs(service)]:
            (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
        for target, source in sorted(mounts(service).items()):
            seen = root / target.lstrip("/")
            seen.parent.mkdir(parents=True, exist_ok=True)
            if seen.exists():
                shutil.rmtree(seen)
            seen.symlink_to(self.volume(source))
        connections = root / "opt/triage/deploy/demo_connections.json"
        if connections.exists():
            connections.write_text(self.placed(connections.read_text(), label))
        self._held[label] = set(_files(root))

    def placed(self, text: str, label: str) -> str:
        """The text with container paths, names and ports as they are here."""
        text = interpolated(text, self.given)
        paths = ["/opt", "/keys", *mounts(SERVICES[name_of(label)])]
        tops = "|".join(sorted({path.split("/")[1] for path in paths}))
        text = re.sub(rf"(?<![\w.:/-])/({tops})(?![\w.-])", rf"{self.root(label)}/\1", text)
        text = re.sub(rf"\b({'|'.join(PORTS)})(?=:\d)", "127.0.0.1", text).replace("0.0.0.0", "127.0.0.1")
        for name, port in PORTS.items():
            text = re.sub(rf"(?<![\d.]){port}(?![\d.])", str(self.ports[name]), text)
        return text.replace("redis-cli ", f"redis-cli -p {self.ports['redis']} ")

    def strays(self, label: str) -> list[Path]:
        """What was written where a container could not write: outside its volumes and tmpfs."""
        root = self.root(label)
        own = [root / path.lstrip("/") for path in tmpfs(SERVICES[name_of(label)])]
        return sorted(
            path.relative_to(root)
            for path in set(_files(root)) - self._held[label]
            if not any(folder in path.parents for folder in own)
        )


def name_of(label: str) -> str:
    """The service of a container."""
    return label if label in SERVICES else label.rpartition("-")[0]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _files(folder: Path) -> Iterator[Path]:
    """Every file below, links to volumes not followed."""
    for here, folders, names in os.walk(folder):
        yield from (
            Path(here, name) for name in [*names, *(f for f in folders if Path(here, f).is_symlink())]
        )
