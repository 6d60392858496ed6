"""Publishing a status as Mastodon does: its checks, in its words, and its memory for idempotency keys."""

from __future__ import annotations

import re
from typing import Any

from demo.common.json_api import ApiError, Call
from demo.mastodon.statuses import Person, Status, World

LIMIT = 500
LINK_CHARACTERS = 23
REMEMBERED_SECONDS = 3600.0
VISIBILITIES = ("public", "unlisted", "private", "direct")
FIELDS = {
    "status": str, "in_reply_to_id": str, "visibility": str, "language": str, "spoiler_text": str, "sensitive": bool,
}  # fmt: skip
_LINK = re.compile(r"https?://\S+")
_REMOTE = re.compile(r"(?<!\w)@(\w+)@[\w.-]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")


class Publisher:
    """Makes statuses in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._made: dict[tuple[int, str], tuple[float, Status]] = {}

    def publish(self, author: Person, call: Call, now: float) -> Status:
        """The status that a request asks for; within an hour the same key gives the same one."""
        key = call.headers.get("idempotency-key", "")
        at, known = self._made.get((author.number, key), (0.0, None))
        if key and known is not None and now < at + REMEMBERED_SECONDS:
            return known
        given = self._checked(call.body)
        parent = self._parent(author, given.get("in_reply_to_id"))
        made = self.world.post(
            author.acct, given.get("status", ""), written=now, arrived=now, lang=given.get("language") or "en",
            subject=given.get("spoiler_text", ""), visibility=given.get("visibility", "public"), parent=parent,
        )  # fmt: skip
        self._made[author.number, key] = (now, made)
        return made

    @staticmethod
    def _checked(body: Any) -> dict[str, Any]:
        given = body if isinstance(body, dict) else {}
        odd = [name for name, value in given.items() if not isinstance(value, FIELDS.get(name, ()))]
        if odd:
            raise ApiError(400, f"The stand-in takes no such parameter: {', '.join(sorted(odd))}")
        text = given.get("status", "")
        counted = _REMOTE.sub(r"@\1", _LINK.sub("x" * LINK_CHARACTERS, text)) + given.get("spoiler_text", "")
        if not text.strip():
            raise ApiError(422, "Validation failed: Text can't be blank")
        if len(counted) > LIMIT:
            raise ApiError(422, f"Validation failed: Text character limit of {LIMIT} exceeded")
        if given.get("visibility", "public") not in VISIBILITIES:
            raise ApiError(422, "Validation failed: Visibility is not included in the list")
        if not _LANGUAGE.fullmatch(given.get("language", "en")):
            raise ApiError(422, "Validation failed: Language is not a valid language code")
        return given

    def _parent(self, author: Person, native_id: str | None) -> Status | None:
        if not native_id:
            return None
        found = self.world.statuses.get(int(native_id)) if native_id.isdigit() else None
        hidden = found is not None and found.visibility == "direct" and author not in found.mentioned
        if found is None or (hidden and found.author is not author):
            raise ApiError(404, "The post you are trying to reply to does not appear to exist.")
        return found
