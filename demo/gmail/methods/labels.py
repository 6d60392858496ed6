"""users.labels."""

from __future__ import annotations

from typing import Any

from demo.gmail.call import Call
from demo.gmail.errors import invalid


def list_labels(call: Call) -> dict[str, Any]:
    """Every label, without counts."""
    return {"labels": call.box.labels.all()}


def get(call: Call) -> dict[str, Any]:
    """One label, with counts."""
    return call.box.labels.get(call.path["id"])


def create(call: Call) -> dict[str, Any]:
    """A new label."""
    return call.box.labels.create(call.body)


def patch(call: Call) -> dict[str, Any]:
    """Change what the body names."""
    return call.box.labels.change(call.path["id"], call.body)


def update(call: Call) -> dict[str, Any]:
    """Replace a label; the name is required and a colour that is left out is taken off."""
    if "name" not in call.body:
        raise invalid("Invalid label name")
    return call.box.labels.change(call.path["id"], {"color": None} | call.body)


def delete(call: Call) -> None:
    """Delete a label, on every message too."""
    call.box.labels.delete(call.path["id"])
