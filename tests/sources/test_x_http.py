"""What X's refusals and the network's faults become: on a real socket, with answers written for the case."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sources.scripted import Answer, Scripted
from triage.core.errors import ConfigError, CursorExpired, Fatal, Retry
from triage.core.types import Cursor, Page
from triage.sources.base import Credentials, SourceSettings
from triage.sources.x import XSource
from triage.sources.x_http import LONGEST_WAIT
from triage.sources.x_round import VERSION

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USER = Answer({"data": {"id": "900", "username": "volmera", "name": "Volmera"}})
EMPTY = Answer({"meta": {"result_count": 0}})


class Rest:
    """Stands where time.sleep would, and remembers."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


def source(server: Scripted, rest: Rest | None = None, **extra: Any) -> XSource:
    return XSource(
        SourceSettings(account="brand", addresses=("@volmera",), track=("#Volmera",)),
        Credentials(login="@volmera", password="secret-token", extra={"api_endpoint": server.url, **extra}),
        now=lambda: NOW,
        sleep=rest or Rest(),
    )


def at_mentions() -> Cursor:
    """A cursor that knows the user id already: the next request is for mentions."""
    return Cursor(account="brand", version=VERSION, value={"users": {"volmera": "900"}})


def pull(*answers: Answer, rest: Rest | None = None, **extra: Any) -> Page:
    with Scripted(*answers) as server:
        return source(server, rest, **extra).pull(at_mentions())


def problem(status: int, **fields: Any) -> Answer:
    return Answer({"title": "Problem", "detail": "because", "type": "about:blank", **fields}, status)


def test_a_429_waits_until_the_window_resets_and_sleeps_never() -> None:
    rest = Rest()
    reset = {"x-rate-limit-reset": str(int(NOW.timestamp()) + 437)}
    with Scripted(Answer({}, 429, reset)) as server, pytest.raises(Retry, match="patience") as caught:
        source(server, rest).pull(at_mentions())
    assert caught.value.after == timedelta(seconds=437)
    assert rest.pauses == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("header", "after"),
    [
        (None, timedelta(seconds=60)),
        ("soon", timedelta(seconds=60)),
        ("", timedelta(seconds=60)),
        (str(int(NOW.timestamp()) - 5), timedelta(seconds=1)),
        (str(int(NOW.timestamp())), timedelta(seconds=1)),
        ("9" * 40, LONGEST_WAIT),
    ],
)
@pytest.mark.parametrize("body", [{}, b"Too Many Requests", b'"text"', b"[1]"])
def test_a_429_with_an_odd_reset_header_or_body_is_still_a_retry(
    header: str | None, after: timedelta, body: Any
) -> None:
    rest = Rest()
    headers = {} if header is None else {"x-rate-limit-reset": header}
    with pytest.raises(Retry) as caught:
        pull(Answer(body, 429, headers), rest=rest)
    assert caught.value.after == after
    assert rest.pauses == []


@pytest.mark.parametrize(
    "fault",
    [
        Answer({}, 500),
        Answer(b"<html>bad gateway</html>", 502),
        Answer({}, 503),
        Answer(b'{"data": [', declared=4000),
        Answer(b'{"data": [{"id"'),
        Answer(b"[" * 200_000),
        Answer(b'{"meta": {"result_count": ' + b"9" * 6000 + b"}}"),
        Answer(b"\xff\xfe\x00"),
        Answer(b""),
        Answer([]),
        Answer("text"),
    ],
    ids=["500", "502", "503", "cut", "half", "deep", "digits", "bytes", "empty", "list", "string"],
)
def test_a_spoiled_answer_is_asked_for_again_and_then_given_up_for_now(fault: Answer) -> None:
    rest = Rest()
    assert pull(fault, fault, EMPTY, rest=rest).has_more
    assert len(rest.pauses) == 2
    assert sum(rest.pauses) < 3
    with pytest.raises(Retry, match="3 attempts"):
        pull(fault)


def test_a_stalled_socket_ends_in_a_retry() -> None:
    rest = Rest()
    with Scripted(Answer(stall=True)) as server, pytest.raises(Retry, match="Timeout"):
        source(server, rest, timeout_seconds=0.2).pull(at_mentions())
    assert len(server.asked) == 3
    assert sum(rest.pauses) < 3


def test_one_stall_costs_one_attempt() -> None:
    assert pull(Answer(stall=True), EMPTY, timeout_seconds=0.3).has_more


def test_nobody_listening_is_a_retry() -> None:
    with Scripted(EMPTY) as server:
        pass
    with pytest.raises(Retry, match="ConnectionError"):
        source(server).pull(at_mentions())


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (problem(401, title="Unauthorized"), "make a new one"),
        (problem(403, title="Unsupported Authentication"), "app-only bearer token"),
        (problem(404), "check the handle"),
        (
            problem(400, errors=[{"parameters": {"query": ["x"]}, "message": "no viable alternative"}]),
            "no viable",
        ),
        (Answer(b"", 301, {"Location": "https://elsewhere.example/"}), "api_endpoint"),
        (Answer(b"nonsense", 400), "no reason given"),
        (Answer({"errors": "odd"}, 400), "no reason given"),
        (Answer({"errors": [7], "detail": None}, 400), "no reason given"),
    ],
)
def test_what_a_person_has_to_mend_is_fatal_and_says_how(answer: Answer, said: str) -> None:
    rest = Rest()
    with pytest.raises(Fatal, match=said) as caught:
        pull(answer, rest=rest)
    assert str(caught.value).startswith("brand: ")
    assert rest.pauses == []


@pytest.mark.parametrize(
    "answer",
    [
        problem(402),
        problem(402, type="https://api.x.com/2/problems/credits-depleted", detail="credits depleted"),
        problem(403, title="CreditsDepleted"),
        problem(429, title="UsageCapExceeded", type="https://api.twitter.com/2/problems/usage-capped"),
    ],
)
def test_used_up_credits_pause_the_account_where_it_stands(answer: Answer) -> None:
    page = pull(answer)
    assert "credits are used up" in page.paused
    assert page.cursor == at_mentions()
    assert not page.has_more


def test_credits_that_end_before_the_first_pull_leave_a_cursor_that_starts_anew() -> None:
    with Scripted(problem(402), USER, EMPTY) as server:
        x = source(server)
        page = x.pull(None)
        assert page.paused
        assert x.pull(page.cursor).has_more


@pytest.mark.parametrize("name", ["since_id", "start_time"])
def test_a_bound_older_than_seven_days_is_an_expired_cursor(name: str) -> None:
    with pytest.raises(CursorExpired):
        pull(problem(400, errors=[{"parameters": {name: ["1"]}, "message": f"'{name}' must be later"}]))


def test_the_token_travels_in_the_header_and_not_through_the_debug_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with Scripted(USER) as server:
        assert source(server).whoami() == "@volmera (Volmera), id 900"
    assert server.asked[0].headers["Authorization"] == "Bearer secret-token"
    assert server.asked[0].path == "/2/users/by/username/volmera"
    assert "tweepy" in {record.name.split(".")[0] for record in caplog.records}
    assert "secret-token" not in caplog.text


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with Scripted(USER) as server:
        assert source(server).whoami()


def test_an_endpoint_may_have_a_path() -> None:
    with Scripted(USER) as server:
        source(server, api_endpoint=f"{server.url}/x/").whoami()
    assert server.asked[0].path == "/x/2/users/by/username/volmera"


def test_a_handle_nobody_has_is_fatal_and_named() -> None:
    unknown = Answer({"errors": [{"title": "Not Found Error", "detail": "Could not find user"}]})
    with Scripted(unknown) as server, pytest.raises(Fatal, match="@volmera"):
        source(server).pull(None)


@pytest.mark.parametrize(
    "body", [{"data": 5}, {"data": {"id": "1"}}, {"meta": []}, {"data": None, "meta": {}}]
)
def test_an_answer_that_is_no_page_of_posts_is_a_retry(body: Any) -> None:
    with pytest.raises(Retry, match="not a page of posts"):
        pull(Answer(body))


@pytest.mark.parametrize(
    ("password", "extra", "said"),
    [
        ("", {}, "bearer token"),
        ("tok\nen", {}, "bearer token"),
        ("jetôn", {}, "bearer token"),
        ("t", {"api_endpoint": "localhost:80"}, "api_endpoint"),
        ("t", {"api_endpoint": "http://[::1"}, "api_endpoint"),
        ("t", {"api_endpoint": "http://host:port"}, "api_endpoint"),
        ("t", {"timeout_seconds": "long"}, "timeout_seconds"),
        ("t", {"timeout_seconds": -1}, "timeout_seconds"),
    ],
)
def test_a_connection_that_cannot_work_is_refused_before_anything_is_asked(
    password: str, extra: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        XSource(
            SourceSettings(account="brand", addresses=("@volmera",)),
            Credentials(password=password, extra=extra),
        )


@pytest.mark.parametrize("address", ["", "care@volmera.example", "@", "@much_too_long_a_handle", "@é"])
def test_an_address_that_is_no_handle_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="not a handle"):
        XSource(SourceSettings(account="brand", addresses=(address,)), Credentials(password="t"))


def test_without_addresses_the_handle_is_the_connection_s() -> None:
    with Scripted(USER) as server:
        credentials = Credentials(login="@Volmera", password="t", extra={"api_endpoint": server.url})
        assert (
            XSource(SourceSettings(account="x_default"), credentials).whoami() == "@volmera (Volmera), id 900"
        )
