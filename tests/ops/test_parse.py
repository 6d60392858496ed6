"""`triage parse`: the JSON it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from triage.core.errors import ConfigError
from triage.ops.parse import parse_file

HEAD = b"From: Ana Sorel <Ana@Example.org>\r\nTo: care@volmera.example\r\nSubject: Leak\r\n"


class TestParseFile:
    KEYS = (
        "file", "message_id", "in_reply_to", "references", "from", "to", "subject", "sent_at", "text", "full_text",
        "automatic", "automatic_reason", "attachments", "defects",
    )  # fmt: skip

    def test_the_contract(self, tmp_path: Path) -> None:
        path = tmp_path / "one.eml"
        path.write_bytes(HEAD + b"Date: Tue, 03 Nov 2026 10:00:00 +0100\r\n\r\nHello\r\n")
        found = json.loads(json.dumps(parse_file(path)))
        assert tuple(found) == self.KEYS
        assert found["file"] == str(path)
        assert found["from"] == "Ana Sorel <ana@example.org>"
        assert found["sent_at"] == "2026-11-03T09:00:00+00:00"
        assert (found["text"], found["automatic"]) == ("Hello", False)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none\.eml: cannot be read"):
            parse_file(tmp_path / "none.eml")
