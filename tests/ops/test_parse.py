"""`triage parse`: the JSON it promises, one line a mail, whatever the bytes."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from triage import cli
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

    def test_every_field(self, tmp_path: Path) -> None:
        path = tmp_path / "one.eml"
        path.write_bytes(
            HEAD
            + b"Message-ID: <3@x>\r\nIn-Reply-To: <2@x>\r\nReferences: <1@x> <2@x>\r\nAuto-Submitted: auto-replied\r\n"
            + b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n\r\nNew.\r\n\r\n> Old.\r\n--q\r\n"
            + b"Content-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--q--\r\n"
        )
        found = parse_file(path)
        assert (found["message_id"], found["in_reply_to"], found["references"]) == (
            "<3@x>",
            "<2@x>",
            ["<1@x>", "<2@x>"],
        )
        assert (found["to"], found["subject"], found["sent_at"]) == (["care@volmera.example"], "Leak", None)
        assert (found["text"], found["full_text"]) == ("New.", "New.\n\n> Old.")
        assert (found["automatic"], found["automatic_reason"]) == (True, "Auto-Submitted: auto-replied")
        assert found["attachments"] == [{"name": "a.png", "type": "image/png", "bytes": 3}]
        assert found["defects"] == ["no readable date"]


class TestCommand:
    def test_one_line_a_mail_in_order(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        paths = [tmp_path / name for name in ("b.eml", "a.eml", "none.eml", "c.eml")]
        paths[0].write_bytes(HEAD + "\r\nÀ l\u2028aide".encode())
        paths[1].write_bytes(b"\x00\xff")
        paths[3].write_bytes(b"")
        assert cli.main(["parse", *map(str, paths)]) == 1
        out, err = capsys.readouterr()
        rows = [json.loads(line) for line in out.splitlines()]
        assert [Path(row["file"]).name for row in rows] == ["b.eml", "a.eml", "c.eml"]
        assert rows[0]["text"] == "À l\naide"
        assert "none.eml: cannot be read" in err

    def test_a_terminal_that_knows_only_ascii(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.eml"))
        path.write_bytes(HEAD + "\r\nÀ l'aide".encode())
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
        assert cli.main(["parse", str(path)]) == 0
        assert json.loads(raw.getvalue())["text"] == "À l'aide"

    def test_the_help_names_every_field(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            cli.main(["parse", "--help"])
        shown = capsys.readouterr().out
        assert all(field in shown for field in TestParseFile.KEYS)
        assert "examples:" in shown
