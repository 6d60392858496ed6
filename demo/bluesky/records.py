"""Records as a Bluesky server keeps them: what it checks before it takes a post, in its words."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from demo.bluesky.posts import POST, Person, Post, World
from demo.common.json_api import ApiError

TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
GRAPHEMES, BYTES = 300, 3000
FIELDS = {"repo": str, "collection": str, "rkey": str, "record": dict, "validate": bool}


def put(world: World, caller: Person, body: Any, now: float) -> Post:
    """com.atproto.repo.putRecord: make the record of this key, or replace it."""
    given = body if isinstance(body, dict) else {}
    wrong = [name for name in {*given, "repo", "collection", "rkey", "record"}
             if not isinstance(given.get(name), FIELDS.get(name, ()))]  # fmt: skip
    if wrong:
        raise ApiError(400, "InvalidRequest", f"Input/{sorted(wrong)[0]} is missing or of the wrong type")
    if given["repo"] not in (caller.did, caller.handle):
        raise ApiError(401, "AuthenticationRequired", "Invalid repo")
    if given["collection"] != POST:
        raise ApiError(400, "InvalidRequest", "Only posts are kept here")
    if not TID.fullmatch(given["rkey"]):
        raise ApiError(400, "InvalidRequest", f"Invalid {POST} record: key is not a TID")
    check(given["record"])
    return world.put(caller, given["rkey"], given["record"], now)


def check(record: dict[str, Any]) -> None:
    """The lexicon of a post."""
    text = record.get("text")
    if record.get("$type") != POST:
        raise _invalid("Record/$type", f"must be {POST}")
    if not isinstance(text, str):
        raise _invalid("Record/text", "must be a string")
    if len(text.encode()) > BYTES:
        raise _invalid("Record/text", f"must not be longer than {BYTES} characters")
    if _graphemes(text) > GRAPHEMES:
        raise _invalid("Record/text", f"must not be longer than {GRAPHEMES} graphemes")
    if not MOMENT.fullmatch(str(record.get("createdAt"))):
        raise _invalid("Record/createdAt", "must be an valid atproto datetime")
    langs = record.get("langs", [])
    if not isinstance(langs, list) or len(langs) > 3 or not all(isinstance(i, str) and i for i in langs):
        raise _invalid("Record/langs", "must not have more than 3 elements")
    if "reply" in record:
        for name in ("root", "parent"):
            _strong_ref(record["reply"], name)
    for facet in record.get("facets", []):
        _facet(facet, len(text.encode()))


def _strong_ref(reply: Any, name: str) -> None:
    ref = reply.get(name) if isinstance(reply, dict) else None
    uri, cid = (ref.get("uri"), ref.get("cid")) if isinstance(ref, dict) else (None, None)
    if not (
        isinstance(uri, str) and uri.startswith("at://did:") and isinstance(cid, str) and cid.startswith("b")
    ):
        raise _invalid(f"Record/reply/{name}", "must have the property uri and cid")


def _facet(facet: Any, size: int) -> None:
    try:
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        kinds = [feature["$type"] for feature in facet["features"]]
    except (KeyError, TypeError):
        raise _invalid("Record/facets", "must have the property index and features") from None
    known = {f"app.bsky.richtext.facet#{kind}" for kind in ("link", "tag", "mention")}
    if not (0 <= start < end <= size) or set(kinds) - known:
        raise _invalid("Record/facets", "index is out of the text or a feature is unknown")


def _graphemes(text: str) -> int:
    """Near enough: marks, joiners and what a joiner joins count nothing."""
    seen, joined = 0, False
    for char in text:
        mark = unicodedata.combining(char) or char in "\u200d\ufe0f" or 0x1F3FB <= ord(char) <= 0x1F3FF
        seen += not (mark or joined)
        joined = char == "\u200d"
    return seen


def _invalid(place: str, what: str) -> ApiError:
    return ApiError(400, "InvalidRequest", f"Invalid {POST} record: {place} {what}")
