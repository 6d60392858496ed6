"""Mastodon: the contract under every fault of the table, and what is particular to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import mastodon
import pytest

import demo.mastodon
from demo.common.serving import Server
from tests.sources.contract import Collected, SourceContract, store
from tests.sources.mastodon_world import TOKEN, MastodonHarness, World
from tests.sources.social_faults import LATER, MASTODON, play
from triage.core.errors import ConfigError, CursorExpired, Fatal, Retry
from triage.core.types import Direction
from triage.sources.base import Credentials, SourceSettings
from triage.sources.mastodon import MastodonSource


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with demo.mastodon.serve() as running:
        yield running


@pytest.fixture
def world(server: Server) -> World:
    return World(server)


class TestMastodonContract(SourceContract):
    """What every source promises."""

    faults: ClassVar[tuple[str, ...]] = tuple(MASTODON)

    @pytest.fixture
    def harness(self, server: Server) -> Iterator[MastodonHarness]:
        harness = MastodonHarness(server)
        yield harness
        harness.stop()


@pytest.mark.parametrize("name", MASTODON)
def test_every_fault_of_the_table_is_met_and_costs_nothing(server: Server, name: str) -> None:
    harness = MastodonHarness(server)
    outcome = play(harness, name, MASTODON[name])
    harness.stop()
    assert (outcome.lost, outcome.doubled, outcome.quarantined) == (0, 0, 0)
    assert bool(outcome.cut_short) == (outcome.leaves is LATER)
    assert outcome.met, "the fault never struck: the test proves nothing"


def read(world: World, **settings: Any) -> Collected:
    """A round by a source that knows what it gave."""
    collected = Collected()
    run(world.source(known=lambda ids: set(ids) & collected.messages.keys(), **settings), collected)
    return collected


def run(source: MastodonSource, collected: Collected) -> None:
    more = True
    while more:
        page = source.pull(collected.cursor)
        store(page, collected)
        more = page.has_more


def test_a_round_reads_mentions_quotes_tracked_hashtags_and_our_own_posts(world: World) -> None:
    root = world.post("volmera", "A new mixer!", id="root")
    asked = world.post("ada@far.example", "@volmera where is it?", reply_to="root")
    quote = world.post("eve", "look at this", quotes="root")
    tagged = world.post("max", "never again #volmera")
    world.post("max", "nice weather")
    world.post("max", "", boosts="root")
    answer = world.post("volmera", "@ada@far.example On its way.", reply_to=asked)
    found = read(world, page_size=40).messages
    assert set(found) == {root, asked, quote, tagged, answer}
    outbound = {id_ for id_, message in found.items() if message.direction is Direction.OUTBOUND}
    assert outbound == {root, answer}
    assert found[tagged].extra["hashtags"] == ["volmera"]
    assert found[asked].author_name == "@ada@far.example (ada)"
    assert found[asked].url == f"https://far.example/@ada/{asked}"
    assert found[quote].text == "look at this"


def test_our_reply_is_on_the_branch_of_the_author_it_answers(world: World) -> None:
    root = world.post("volmera", "A new mixer!", id="root")
    ada, bob = (world.post(name, "@volmera mine is broken", reply_to="root") for name in ("ada", "bob"))
    answer = world.post("volmera", "@ada Sorry! Write to us.", reply_to=ada)
    more = world.post("volmera", "@ada And keep the box.", reply_to=answer)
    again = world.post("ada", "@volmera thanks", reply_to=answer)
    found = read(world).messages
    authors = {name: found[id_].author for name, id_ in (("ada", ada), ("bob", bob))}
    assert {id_: message.conversation for id_, message in found.items()} == {
        root: f"{root}/{world.id}", ada: f"{root}/{authors['ada']}", bob: f"{root}/{authors['bob']}",
        answer: f"{root}/{authors['ada']}", more: f"{root}/{world.id}", again: f"{root}/{authors['ada']}",
    }  # fmt: skip
    assert found[answer].reply_to == ada
    assert found[again].bare_thanks


def test_a_crowd_below_one_post_of_ours_costs_one_request_for_its_root(world: World) -> None:
    world.post("volmera", "A new mixer!", id="root")
    for number in range(30):
        world.post(f"user{number}", "@volmera mine is broken", reply_to="root")
    read(world, page_size=40)
    assert world.requests()["context"] == 1


def test_a_reply_whose_ancestors_are_gone_is_read_all_the_same(world: World) -> None:
    parent = world.post("rita", "What a day.")
    reply = world.post("ada", "@volmera see above", reply_to=parent)
    world.server.control("delete", {"id": parent})
    found = read(world).messages
    assert found[reply].conversation == f"{parent}/{found[reply].author}"
    assert found[reply].reply_to == parent


def test_a_status_deleted_while_it_is_read_is_kept_until_it_is_told_gone(world: World) -> None:
    parent = world.post("rita", "What a day.")
    reply = world.post("ada", "@volmera see above", reply_to=parent)
    world.server.control("faults", {"kind": "status", "status": 404, "method": "context"})
    assert read(world).given == [reply]


def test_posts_that_arrive_late_from_other_servers_are_found_below_what_was_read(world: World) -> None:
    """A remote post gets the id of the time it was written, however late it comes."""
    collected = Collected()
    source = world.source(known=lambda ids: set(ids) & collected.messages.keys())
    world.post("ada", "on time #Volmera")
    run(source, collected)
    minutes = world.post("bob@slow.example", "late #Volmera", ago=200)
    run(source, collected)
    assert collected.given[-1] == minutes
    hour = world.post("eve@slower.example", "later #Volmera", ago=3600)
    run(source, collected)
    assert hour not in collected.messages
    world.pass_time(minutes=61)
    run(source, collected)
    assert collected.given[-1] == hour
    assert len(collected.given) == len(collected.messages) == 3


def test_a_late_mention_is_found_at_once(world: World) -> None:
    collected = read(world)
    late = world.post("bob@slow.example", "@volmera late", ago=86_400)
    run(world.source(), collected)
    assert collected.given == [late]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>One.</p><p>Two<br />lines &amp; more</p>", "One.\n\nTwo\nlines & more"),
        ('<p><span class="h-card"><a href="x">@<span>volmera</span></a></span> hi</p>', "@volmera hi"),
        (
            '<p>see <a href="https://a.example/b"><span class="invisible">https://</span><span class="ellipsis">'
            'a.exa</span><span class="invisible">mple/b</span></a></p>',
            "see https://a.example/b",
        ),
        ('<p class="quote-inline">RE: <a href="x">x</a></p><p>quoted</p>', "quoted"),
        ("<p>1 &lt; 2 <b>bold</b></p>", "1 < 2 bold"),
        ("<p>a</p><ul><li>b</li><li>c</li></ul>", "a\n\nb\n\nc"),
        ("<br" * 30_000, "<br" * 30_000),
        ('<p class="quote-inline">' * 4_000, ""),
        ("&#" + "9" * 5_000 + ";", "&#" + "9" * 5_000 + ";"),
        ("not html", "not html"),
        ("", ""),
    ],
)
def test_html_becomes_the_text_a_person_reads(world: World, content: str, text: str) -> None:
    made = world.post("ada", "@volmera", fields={"content": content})
    assert read(world).messages[made].text == text


def test_language_subject_and_visibility_are_kept(world: World) -> None:
    made = world.post("ada", "@volmera aïe", lang="fr", subject="Sang", visibility="direct")
    found = read(world).messages[made]
    assert (found.lang, found.subject, found.extra["visibility"]) == ("fr", "Sang", "direct")


def test_boosts_and_bots_are_automatic_and_we_are_not(world: World) -> None:
    for acct in ("robot", "volmera"):
        world.server.control("accounts", {"acct": acct, "bot": True})
    robot, ours = world.post("robot", "@volmera beep"), world.post("volmera", "hello")
    boost = world.post("ada", "@volmera", fields={"reblog": {"id": "1"}})
    found = read(world).messages
    assert found[robot].direction is found[boost].direction is Direction.AUTOMATIC
    assert (found[robot].automatic_reason, found[boost].automatic_reason) == (
        "the account says that it is a bot", "boost"
    )  # fmt: skip
    assert found[ours].direction is Direction.OUTBOUND


def test_another_account_of_ours_counts_as_ours(world: World) -> None:
    made = [world.post(acct, "@volmera hello") for acct in ("helpdesk", "brand@other.example", "ada")]
    ours = ("@volmera@mastodon.example", "@helpdesk@mastodon.example", "@brand@other.example")
    found = read(world, addresses=ours).messages
    assert [found[id_].direction is Direction.OUTBOUND for id_ in made] == [True, True, False]


def test_a_deleted_status_is_told_once(world: World) -> None:
    kept, lost = (world.post("ada", f"@volmera {word}") for word in ("kept", "lost"))
    collected = read(world)
    world.server.control("delete", {"id": lost})
    for _ in range(2):
        run(world.source(known=lambda ids: {kept, lost} & set(ids)), collected)
    assert collected.deleted == [lost]


@pytest.mark.parametrize("method", ["statuses", "status"])
@pytest.mark.parametrize("how", [{"kind": "status", "status": 500}, {"kind": "status", "status": 403}])
def test_in_doubt_nothing_counts_as_deleted_and_reading_goes_on(
    world: World, method: str, how: dict[str, Any]
) -> None:
    lost = world.post("ada", "@volmera lost")
    collected = read(world)
    world.server.control("delete", {"id": lost})
    world.server.control("faults", {**how, "method": method, "times": 0})
    more = world.post("ada", "@volmera more")
    run(world.source(known=lambda ids: {lost} & set(ids)), collected)
    assert collected.deleted == []
    assert collected.given[-1] == more


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"content": 7}, "content"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": None}, "created_at"),
        ({"account": None}, "account"),
        ({"account": {"id": 7}}, "account"),
    ],
)
def test_what_cannot_be_read_is_quarantined_with_its_reason(
    world: World, fields: dict[str, Any], reason: str
) -> None:
    odd, good = world.post("ada", "@volmera odd", fields=fields), world.post("ada", "@volmera good")
    collected = read(world, track=())
    assert collected.given == [good]
    assert list(collected.quarantined) == [odd]
    assert reason in collected.quarantined[odd]


def test_a_status_without_an_id_is_quarantined_under_a_digest(world: World) -> None:
    world.post("ada", "@volmera odd", fields={"id": ""})
    (found,) = read(world).quarantined
    assert found.startswith("unreadable-")


@pytest.mark.parametrize("fields", [{"url": "javascript:alert(1)", "uri": "data:x"}, {"url": None, "uri": 7}])
def test_an_address_that_is_none_of_the_web_is_left_out(world: World, fields: dict[str, Any]) -> None:
    made = world.post("ada", "@volmera", fields=fields)
    assert read(world).messages[made].url == ""


@pytest.mark.parametrize(
    "fields", [{"language": 7}, {"tags": [7, {"name": 7}]}, {"spoiler_text": None}, {"quote": 7}]
)
def test_odd_trimmings_do_not_keep_a_status_from_being_read(world: World, fields: dict[str, Any]) -> None:
    made = world.post("ada", "@volmera odd", fields=fields)
    assert read(world).given == [made]


def test_a_revoked_token_is_told_with_the_mend(world: World) -> None:
    assert world.source().whoami() == f"@volmera (Volmera), id {world.id}"
    world.server.control("revoke", {"token": TOKEN})
    with pytest.raises(Fatal, match=r"^brand: .*make a new one"):
        world.source().pull(None)


def test_a_token_without_a_scope_is_told_which(world: World) -> None:
    world.server.control("accounts", {"acct": "volmera", "token": "few", "scopes": ["read:accounts"]})
    with pytest.raises(Fatal, match="read:notifications"):
        world.source(token="few").pull(None)


def test_a_token_of_another_account_expires_the_cursor(world: World) -> None:
    collected = read(world)
    world.server.control("accounts", {"acct": "other", "token": "another"})
    with pytest.raises(CursorExpired, match="another one"):
        world.source(token="another").pull(collected.cursor)


def test_a_429_says_when_and_nothing_sleeps(world: World) -> None:
    rested: list[float] = []
    world.server.control("limits", {"name": "all", "limit": 1})
    source = MastodonSource(
        SourceSettings(account="brand", addresses=("@volmera",)),
        Credentials(password=TOKEN, extra={"api_endpoint": world.server.url}),
        sleep=rested.append,
    )
    with pytest.raises(Retry) as caught:
        source.pull(None)
    assert timedelta(seconds=290) < caught.value.after <= timedelta(seconds=300)
    assert rested == []


def test_a_budget_bounds_what_a_page_may_ask(world: World) -> None:
    world.post("rita", "What a day.", id="rant")
    for number in range(9):
        world.post(f"user{number}", "@volmera", reply_to=world.post("rita", f"rant {number}"))
    assert "units_per_minute" in world.source().pull(None, budget=3).paused
    page = world.source(page_size=40).pull(None, budget=8)
    assert len(page.messages) == 5
    assert sum(page.units.values()) <= 8


@pytest.mark.parametrize(
    ("login", "password", "track", "said"),
    [
        ("", "t", (), "names no server"),
        ("mastodon.example", "", (), "access token"),
        ("mastodon.example", "jetôn", (), "access token"),
        ("mastodon.example", "t", ("Duo 7",), "hashtags only"),
        ("http://[::1", "t", (), "not an address"),
    ],
)
def test_a_connection_that_cannot_work_is_refused(
    login: str, password: str, track: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        MastodonSource(
            SourceSettings(account="brand", addresses=("@volmera",), track=track),
            Credentials(login=login, password=password),
        )


def test_the_stand_in_answers_what_the_mastodon_client_expects(world: World) -> None:
    """An independent client reads the same, and finds its way from page to page."""
    root = world.post("volmera", "A new mixer! #Volmera", id="root")
    asked = [world.post("ada@far.example", f"@volmera {n} #Volmera", reply_to="root") for n in range(5)]
    client = mastodon.Mastodon(access_token=TOKEN, api_base_url=world.server.url, version_check_mode="none")
    assert client.me().acct == "volmera"
    first = client.notifications(limit=3, types=["mention"])
    second = client.fetch_next(first)
    assert [str(n.status.id) for n in [*first, *second]] == asked[::-1]
    assert not client.fetch_next(second)
    assert [str(s.id) for s in client.timeline_hashtag("volmera")] == [*asked[::-1], root]
    assert [str(s.id) for s in client.status_context(asked[0]).ancestors] == [root]
    assert [str(s.id) for s in client.account_statuses(world.id)] == [root]
    assert client.ratelimit_limit == 300
