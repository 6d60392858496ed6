"""Users, the tokens that speak for them, and who is behind an Authorization header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from demo.common.database import Database
from demo.common.web import ControlError
from demo.x import oauth1
from demo.x.errors import plain
from demo.x.snowflake import iso

HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
FIRST_ID = 1_500_000_001
JOINED_MS = 1_400_000_000_000
USER_SCHEMA = """
CREATE TABLE IF NOT EXISTS user (
    id INTEGER PRIMARY KEY, handle TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT NOT NULL,
    description TEXT NOT NULL, location TEXT NOT NULL, verified INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS token (
    token TEXT PRIMARY KEY, kind TEXT NOT NULL,      -- user (OAuth 2.0) or app (Application-Only)
    user INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS oauth1 (
    token TEXT PRIMARY KEY, token_secret TEXT NOT NULL,
    consumer_key TEXT NOT NULL, consumer_secret TEXT NOT NULL, user INTEGER NOT NULL
);
"""


@dataclass(frozen=True, kw_only=True)
class User:
    """One account."""

    id: int
    handle: str
    name: str
    description: str = ""
    location: str = ""
    verified: bool = False

    def as_json(self, posts: int) -> dict[str, Any]:
        """Every field that can be asked for."""
        counts = {"followers_count": 0, "following_count": 0, "tweet_count": posts, "listed_count": 0}
        face = f"https://pbs.twimg.com/profile_images/{self.id}/face_normal.jpg"
        optional = {"location": self.location} if self.location else {}
        return optional | {
            "id": str(self.id),
            "name": self.name,
            "username": self.handle,
            "created_at": iso(JOINED_MS),
            "description": self.description,
            "profile_image_url": face,
            "protected": False,
            "public_metrics": counts | {"like_count": 0},
            "url": "",
            "verified": self.verified,
            "verified_type": "blue" if self.verified else "none",
        }


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: `used` is app, user or oauth1; `user` owns the app or is the one who signed in."""

    used: str
    user: User

    @property
    def kind(self) -> str:
        """Whose limits count: those of the app or those of the user."""
        return "app" if self.used == "app" else "user"


class People:
    """The users of one stand-in."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.by_id: dict[int, User] = {}
        self.by_handle: dict[str, User] = {}
        for row in database.rows("SELECT * FROM user"):
            self._remember(User(**dict(row) | {"verified": bool(row["verified"])}))

    def _remember(self, user: User) -> User:
        self.by_id[user.id] = user
        self.by_handle[user.handle.lower()] = user
        return user

    def named(self, handle: str) -> User:
        """The user of a handle, for control requests."""
        found = self.by_handle.get(handle.removeprefix("@").lower())
        if found is None:
            raise ControlError(f"There is no user @{handle}: create it with POST /control/users.", 404)
        return found

    def ensure(self, handle: str, **facts: Any) -> User:
        """The user of a handle, made if need be; facts that are given (not None) replace what was known."""
        handle = handle.removeprefix("@")
        if HANDLE.fullmatch(handle) is None:
            raise ControlError(
                f"The handle {handle!r} is not one: use 1 to 15 letters, digits and underscores."
            )
        known = self.by_handle.get(handle.lower())
        given = {key: value for key, value in facts.items() if value is not None}
        if known is not None and not given:
            return known
        before = {"id": FIRST_ID + len(self.by_id), "handle": handle, "name": handle}
        user = User(**(before if known is None else vars(known)) | given)
        values = user.id, user.handle, user.name, user.description, user.location, user.verified
        self.database.run("INSERT OR REPLACE INTO user VALUES (?, ?, ?, ?, ?, ?)", *values)
        return self._remember(user)

    def issue(self, user: User, kind: str, token: str) -> None:
        """A bearer token: of the user (OAuth 2.0) or of the user's app."""
        self.database.run("INSERT OR REPLACE INTO token VALUES (?, ?, ?)", token, kind, user.id)

    def issue_oauth1(self, user: User, keys: oauth1.Keys) -> None:
        """The four OAuth 1.0a keys of a user."""
        values = keys.token, keys.token_secret, keys.consumer_key, keys.consumer_secret, user.id
        self.database.run("INSERT OR REPLACE INTO oauth1 VALUES (?, ?, ?, ?, ?)", *values)

    def revoke(self, token: str) -> int:
        """Make a token worthless; returns how many there were."""
        return sum(
            self.database.run(f"DELETE FROM {table} WHERE token = ?", token) for table in ("token", "oauth1")
        )

    def caller(self, signed: oauth1.Signed) -> Caller:
        """Who is behind a request; raises 401."""
        scheme, _, rest = signed.authorization.partition(" ")
        found = None
        if scheme.lower() == "bearer":
            row = self.database.row("SELECT kind, user FROM token WHERE token = ?", rest.strip())
            found = (row["kind"], row["user"]) if row else None
        elif scheme.lower() == "oauth":
            row = self.database.row("SELECT * FROM oauth1 WHERE token = ?", signed.claimed_token)
            if row and signed.matches(oauth1.Keys(**{key: row[key] for key in oauth1.KEYS})):
                found = ("oauth1", row["user"])
        if found is None:
            raise plain(401)
        return Caller(used=found[0], user=self.by_id[found[1]])
