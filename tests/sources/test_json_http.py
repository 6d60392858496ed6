"""What spoiled answers, refusals and odd headers become: on a real socket, with answers written for the case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sources.scripted import Answer, Scripted
from triage.core.errors import ConfigError, Retry
from triage.sources.json_http import LONGEST_WAIT, JsonClient, Refused

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


class Rest:
    """Stands where time.sleep would, and remembers."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.pauses.append(seconds)


def client(url: str, rest: Rest | None = None, **extra: Any) -> JsonClient:
    return JsonClient("Somewhere", "brand", url, extra, now=lambda: NOW, sleep=rest or Rest())


def ask(*answers: Answer, rest: Rest | None = None, **extra: Any) -> Any:
    with Scripted(*answers) as server:
        return client(server.url, rest, **extra).ask("GET", "/a", name="a", token="secret").body


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"ratelimit-reset": str(EPOCH + 437)}, timedelta(seconds=437)),
        ({"X-RateLimit-Reset": "2026-11-20T12:07:17.000000Z"}, timedelta(seconds=437)),
        ({"Retry-After": "437"}, timedelta(seconds=437)),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, timedelta(seconds=60)),
        ({}, timedelta(seconds=60)),
        ({"ratelimit-reset": "soon"}, timedelta(seconds=60)),
        ({"ratelimit-reset": ""}, timedelta(seconds=60)),
        ({"ratelimit-reset": str(EPOCH - 5)}, timedelta(seconds=1)),
        ({"X-RateLimit-Reset": "2026-11-20T11:00:00Z"}, timedelta(seconds=1)),
        ({"ratelimit-reset": "9" * 40}, LONGEST_WAIT),
        ({"X-RateLimit-Reset": "9999-12-31T23:59:59Z"}, LONGEST_WAIT),
    ],
)
@pytest.mark.parametrize("body", [{"error": "RateLimitExceeded"}, b"Too Many Requests", b'"text"'])
def test_a_429_waits_as_long_as_it_is_told_and_sleeps_never(
    headers: dict[str, str], after: timedelta, body: Any
) -> None:
    rest = Rest()
    with Scripted(Answer(body, 429, headers)) as server, pytest.raises(Retry, match="patience") as caught:
        client(server.url, rest).ask("GET", "/a", name="a")
    assert caught.value.after == after
    assert rest.pauses == []
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Answer({}, 500),
        Answer(b"<html>bad gateway</html>", 502),
        Answer({}, 408),
        Answer(b'{"data": [', declared=4000),
        Answer(b'{"data": [{"id"'),
        Answer(b"[" * 200_000),
        Answer(b'{"count": ' + b"9" * 6000 + b"}"),
        Answer(b"\xff\xfe\x00"),
        Answer(b""),
        Answer(b"<html>we are moving house</html>"),
    ],
    ids=["500", "502", "408", "cut", "half", "deep", "digits", "bytes", "empty", "html"],
)
def test_a_spoiled_answer_is_asked_for_again_and_then_given_up_for_now(fault: Answer) -> None:
    rest = Rest()
    assert ask(fault, fault, Answer([1]), rest=rest) == [1]
    assert len(rest.pauses) == 2
    assert sum(rest.pauses) < 2
    with pytest.raises(Retry, match="3 attempts"):
        ask(fault)


def test_a_stalled_socket_ends_in_a_retry() -> None:
    with Scripted(Answer(stall=True)) as server, pytest.raises(Retry, match="Timeout"):
        client(server.url, timeout_seconds=0.1).ask("GET", "/a", name="a")
    assert len(server.asked) == 3


def test_nobody_listening_is_a_retry() -> None:
    with Scripted(Answer({})) as server:
        pass
    with pytest.raises(Retry, match="could not be reached"):
        client(server.url).ask("GET", "/a", name="a")


@pytest.mark.parametrize(
    ("answer", "error", "detail"),
    [
        (Answer({"error": "ExpiredToken", "message": "Token has expired"}, 400), "ExpiredToken", "Token has expired"),
        (Answer({"error": "Invalid"}, 401), "Invalid", "Invalid"),
        (Answer({"error": "invalid_token", "error_description": "Revoked"}, 401), "invalid_token", "Revoked"),
        (Answer(b"nonsense", 403), "", ""),
        (Answer([1], 404), "", ""),
        (Answer(b"", 301, {"Location": "https://elsewhere.example/"}), "", ""),
    ],
)  # fmt: skip
def test_a_refusal_is_told_once_with_what_it_says(answer: Answer, error: str, detail: str) -> None:
    with Scripted(answer) as server, pytest.raises(Refused) as caught:
        client(server.url).ask("GET", "/a", name="a", token="secret")
    assert (caught.value.status, caught.value.error, caught.value.detail) == (answer.status, error, detail)
    assert "secret" not in str(caught.value)
    assert len(server.asked) == 1


def test_every_attempt_is_counted_by_name() -> None:
    with Scripted(Answer({}, 500), Answer({})) as server:
        asking = client(server.url)
        asking.ask("GET", "/a", name="a")
        asking.ask("GET", "/b", name="b")
        assert asking.spent() == {"a": 2, "b": 1}
        assert asking.spent() == {}
    assert server.asked[0].path == "/a"


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert ask(Answer({"a": 1})) == {"a": 1}


def test_the_endpoint_of_the_connection_wins_and_may_have_a_path() -> None:
    with Scripted(Answer({})) as server:
        client("https://real.example", api_endpoint=f"{server.url}/x/").ask("GET", "/a", name="a")
    assert server.asked[0].path == "/x/a"


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"api_endpoint": "localhost:80"}, "api_endpoint"),
        ({"api_endpoint": "http://[::1"}, "api_endpoint"),
        ({"api_endpoint": "http://host:port"}, "api_endpoint"),
        ({"timeout_seconds": "long"}, "timeout_seconds"),
        ({"timeout_seconds": -1}, "timeout_seconds"),
    ],
)
def test_a_connection_that_cannot_work_is_refused(extra: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        client("https://real.example", **extra)
