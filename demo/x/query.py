"""X's search language, as far as it is served: parsed strictly, refused with X's messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from demo.x.errors import XError, invalid
from demo.x.people import People
from demo.x.posts import Post, Posts
from demo.x.text import words

MAX_LENGTH = 512
OPERATORS_PAGE = "https://docs.x.com/x-api/posts/search/integrate/operators"
TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<open>\()|(?P<close>\))|(?P<minus>-(?=\S))|(?P<phrase>"[^"]*")
    |(?P<operator>[A-Za-z_]+:(?:"[^"]*"|[^\s()"]*))|(?P<word>[^\s()\[\]{}"']+)|(?P<wrong>.)""",
    re.VERBOSE,
)
Match = Callable[[Post], bool]


@dataclass(frozen=True)
class Clause:
    """A part of a query: what it matches, and whether it may stand without another part."""

    match: Match
    standalone: bool


class Syntax(Exception):
    """What is wrong with a query, and where."""


class Words:
    """The operators, each as a test of a post."""

    def __init__(self, people: People, posts: Posts) -> None:
        self.people = people
        self.posts = posts

    def original(self, post: Post) -> Post:
        """The post that is searched: of a retweet what it repeats."""
        return self.posts.by_id.get(post.retweets, post) if post.retweets is not None else post

    def is_user(self, user_id: int | None, name: str) -> bool:
        """Whether a user has this handle or id."""
        user = self.people.by_id.get(user_id or 0)
        return user is not None and name.removeprefix("@").lower() in (user.handle.lower(), str(user.id))

    def keyword(self, text: str) -> Match:
        """A word or phrase: its tokens in a row; one without letters, such as an emoji, anywhere."""
        wanted = words(text)
        if not wanted:
            return lambda post: text in self.original(post).text
        size = len(wanted)

        def match(post: Post) -> bool:
            there = self.original(post).words
            return any(there[at : at + size] == wanted for at in range(len(there) - size + 1))

        return match

    def entity(self, text: str) -> Match:
        """#hashtag or @mention, exact but for case."""
        name = text[1:]
        if text[0] == "#":
            return lambda post: name.casefold() in self.original(post).whole.hashtags
        return lambda post: name.lower() in self.original(post).whole.mentions

    def operator(self, name: str, value: str) -> Clause | None:
        """A named operator; None when there is no such operator."""
        standalone: dict[str, Match] = {
            "from": lambda post: self.is_user(post.author, value),
            "to": lambda post: self.is_user(post.reply_user, value),
            "retweets_of": lambda post: (
                post.retweets is not None and self.is_user(self.original(post).author, value)
            ),
            "quotes_of_tweet_id": lambda post: post.quotes is not None and str(post.quotes) == value,
            "conversation_id": lambda post: str(post.conversation) == value,
            "url": self.url(value),
        }
        joined: dict[str, Match] = {
            "is:reply": lambda post: post.reply_to is not None,
            "is:retweet": lambda post: post.retweets is not None,
            "is:quote": lambda post: post.quotes is not None,
            "has:links": lambda post: bool(self.original(post).whole.links),
            "has:mentions": lambda post: bool(self.original(post).whole.mentions),
            "has:hashtags": lambda post: bool(self.original(post).whole.hashtags),
        }
        if name in standalone:
            return Clause(standalone[name], True)
        if name == "lang":
            return Clause(lambda post: post.lang == value.lower(), False)
        return Clause(joined[f"{name}:{value}"], False) if f"{name}:{value}" in joined else None

    def url(self, value: str) -> Match:
        """Tokens in a row in where a link leads."""
        wanted = words(value)

        def match(post: Post) -> bool:
            for link in self.original(post).whole.links:
                there = words(link)
                if any(there[at : at + len(wanted)] == wanted for at in range(len(there))):
                    return True
            return False

        return match


class Parser:
    """One query; `parse` gives the test, or raises Syntax."""

    def __init__(self, query: str, vocabulary: Words) -> None:
        found = [match for match in TOKEN.finditer(query) if match.lastgroup != "space"]
        self.tokens = [(str(match.lastgroup), match[0], match.start() + 1) for match in found]
        self.end = len(query) + 1
        self.at = 0
        self.words = vocabulary

    def parse(self) -> Match:
        """The whole query."""
        clause = self.alternatives()
        kind, text, position = self.peek()
        if kind != "end":
            raise Syntax(f"missing EOF at '{text}' (at position {position})")
        if not clause.standalone:
            raise Syntax(self._lonely())
        return clause.match

    def _lonely(self) -> str:
        narrow = [place for kind, text, place in self.tokens if kind == "operator" and self._needs_more(text)]
        if narrow:
            return f"is/has/lang cannot be used as a standalone operator (at position {narrow[0]})"
        return "Rules must contain at least one positive, non-stopword clause (at position 1)"

    @staticmethod
    def _needs_more(text: str) -> bool:
        return text.partition(":")[0].lower() in ("is", "has", "lang")

    def peek(self) -> tuple[str, str, int]:
        """The next token, without taking it."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "<EOF>", self.end)

    def alternatives(self) -> Clause:
        """Clauses joined by OR."""
        found = [self.together()]
        while self.peek()[:2] == ("word", "OR"):
            self.at += 1
            found.append(self.together())
        if len(found) == 1:
            return found[0]
        tests = [clause.match for clause in found]
        return Clause(
            lambda post: any(test(post) for test in tests), all(clause.standalone for clause in found)
        )

    def together(self) -> Clause:
        """Clauses side by side: all must hold."""
        found = [self.single()]
        while self.peek()[0] not in ("end", "close") and self.peek()[:2] != ("word", "OR"):
            found.append(self.single())
        if len(found) == 1:
            return found[0]
        tests = [clause.match for clause in found]
        return Clause(
            lambda post: all(test(post) for test in tests), any(clause.standalone for clause in found)
        )

    def single(self) -> Clause:
        """One operator, a negation, or a group."""
        kind, text, position = self.peek()
        self.at += 1
        if kind == "minus":
            inner = self.single().match
            return Clause(lambda post: not inner(post), False)
        if kind == "open":
            clause = self.alternatives()
            if self.peek()[0] != "close":
                raise Syntax(f"missing ')' at '{self.peek()[1]}' (at position {self.peek()[2]})")
            self.at += 1
            return clause
        if kind == "operator":
            return self.operator(text, position)
        if kind == "phrase" and text.strip('" '):
            return Clause(self.words.keyword(text[1:-1]), True)
        if kind == "word":
            return self.word(text, position)
        what = "character" if kind == "wrong" and text in "'\"" else "input"
        raise Syntax(f"no viable alternative at {what} '{text}' (at position {position})")

    def word(self, text: str, position: int) -> Clause:
        """A keyword, hashtag or mention."""
        if text.lower() in ("and", "or"):
            word = text.lower()
            how = (
                "Use a space to logically join two clauses" if word == "and" else "Use OR to join two clauses"
            )
            raise Syntax(
                f'Ambiguous use of {word} as a keyword. {how}, or "{word}" to find occurrences of {word} in text '
                f"(at position {position})"
            )
        if text[0] == "$" and len(text) > 1:
            raise Syntax(self._unknown("cashtag", position))
        if text[0] in "#@" and len(text) > 1:
            return Clause(self.words.entity(text), True)
        if ":" in text:
            raise Syntax(self._unknown(text.partition(":")[0], position))
        return Clause(self.words.keyword(text), True)

    def operator(self, text: str, position: int) -> Clause:
        """name:value"""
        name, _, value = text.partition(":")
        value = value.strip('"')
        if not value:
            raise Syntax(f"no viable alternative at input '{text}' (at position {position})")
        clause = self.words.operator(name.lower(), value)
        if clause is None:
            raise Syntax(self._unknown(text if name.lower() in ("is", "has") else name, position))
        return clause

    @staticmethod
    def _unknown(name: str, position: int) -> str:
        return (
            f"Reference to invalid operator '{name}'. Operator is not available in current product or product "
            f"packaging. Please refer to complete available operator list at {OPERATORS_PAGE}. (at position {position})"
        )


def compile_query(query: str, people: People, posts: Posts) -> Match:
    """The test that a query is; raises 400 with X's message."""
    if len(query) > MAX_LENGTH:
        raise _refused(query, f"Rule length exceeds the maximum of {MAX_LENGTH} characters: {len(query)}")
    try:
        return Parser(query, Words(people, posts)).parse()
    except Syntax as error:
        raise _refused(query, str(error)) from error


def _refused(query: str, what: str) -> XError:
    return invalid("query", query, f"There were errors processing your request: {what}")
