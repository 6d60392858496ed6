"""What docker-compose.yml and the Dockerfile say, as data."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

import yaml

from tests.builders import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def image_environment() -> dict[str, str]:
    """The variables that the image sets."""
    found: dict[str, str] = {}
    for line in re.findall(r"^ENV (.+)$", DOCKERFILE, re.MULTILINE):
        found |= dict(pair.split("=", 1) for pair in shlex.split(line))
    return found


def image_copies() -> list[str]:
    """What the final image holds of the checkout, below its working directory."""
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    return [
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", last, re.MULTILINE)
        for word in line.split()[:-1]
    ]


def interpolated(text: str, given: Mapping[str, str]) -> str:
    """The text with ${NAME:-default} and $$ as Compose replaces them."""
    filled = re.sub(r"(?<!\$)\$\{(\w+):-([^}]*)\}", lambda m: given.get(m[1]) or m[2], text)
    return filled.replace("$$", "$")


def mounts(service: Mapping[str, Any]) -> dict[str, str]:
    """The service's volumes: where each is seen, and its name or its path in the checkout."""
    split = (volume.split(":") for volume in service.get("volumes", []))
    return {target: source for source, target, *_ in split}


def tmpfs(service: Mapping[str, Any]) -> list[str]:
    """Folders of the service that are its own and empty at its start."""
    return [path.split(":")[0] for path in service.get("tmpfs", [])]


def is_ours(name: str) -> bool:
    """Whether the service runs our image."""
    return str(SERVICES[name]["image"]).startswith("inbox-triage")


def wanted(name: str, profiles: frozenset[str]) -> bool:
    """Whether the service starts under these profiles."""
    asked = SERVICES[name].get("profiles", [])
    return not asked or bool(profiles & set(asked))


def outside() -> dict[str, str]:
    """The caller's environment without what would tell Airflow or triage where to work."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "_AIRFLOW", "TRIAGE_"))}
