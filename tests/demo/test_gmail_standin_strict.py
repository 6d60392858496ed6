"""The Gmail stand-in: contract, tokens, scopes, quota and the batch endpoint."""

from __future__ import annotations

import gzip
import json
import socket
import urllib.parse
from collections.abc import Iterator
from typing import Any

import httplib2
import pytest
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2.credentials import Credentials
from googleapiclient.errors import HttpError
from googleapiclient.http import BatchHttpRequest

import demo.gmail
from demo.common.serving import Server
from demo.gmail.contract import gmail_contract
from demo.gmail.methods import HANDLERS
from demo.gmail.quota import UNITS
from tests.demo.test_gmail_standin_kit import (
    ME,
    TOKEN,
    Stand,
    discovery,
    judge,
    mail,
    reason,
    refused,
    responses,
    run,
)

USERS = "/gmail/v1/users/me"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the module."""
    with demo.gmail.serve() as running:
        yield running


@pytest.fixture
def stand(server: Server) -> Stand:
    """A fresh mailbox."""
    return Stand(server)


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", f"{USERS}/mails", 404),
        ("PUT", f"{USERS}/profile", 404),
        ("GET", "/gmail/v2/users/me/profile", 404),
        ("GET", f"{USERS}/profile?colour=red", 400),
        ("GET", f"{USERS}/messages?maxResults=many", 400),
        ("GET", f"{USERS}/messages?maxResults=-1", 400),
        ("GET", f"{USERS}/messages?includeSpamTrash=perhaps", 400),
        ("GET", f"{USERS}/messages?q=a&q=b", 400),
        ("GET", f"{USERS}/messages/1abc?format=fancy", 400),
        ("GET", f"{USERS}/history?startHistoryId=-4", 400),
        ("GET", f"{USERS}/history?startHistoryId=99999999999999999999", 400),
        ("GET", f"{USERS}/history?startHistoryId=1&historyTypes=labelEaten", 400),
        ("GET", f"{USERS}/profile?fields=emailAddress,shoeSize", 400),
        ("GET", f"{USERS}/profile?fields=emailAddress(", 400),
        ("GET", f"{USERS}/profile?alt=xml", 400),
        ("GET", f"{USERS}/drafts", 501),
        ("GET", "/gmail/v1/users/other%40brixel.test/profile", 403),
    ],
)
def test_requests_outside_the_contract_are_refused(stand: Stand, verb: str, path: str, status: int) -> None:
    response, content = stand.http(verb, path)
    assert response.status == status
    error = json.loads(content)["error"]
    assert error["code"] == status
    assert {"message", "domain", "reason"} <= set(error["errors"][0])
    if status == 400:
        assert error["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"nme": "A"}', 'Unknown name "nme": Cannot find field.'),
        (b'{"name": 5}', "Invalid value at 'name' (TYPE_STRING), 5"),
        (b'{"name": "A", "color": {"hue": "red"}}', "Unknown name \"hue\" at 'color'"),
        (b'{"name": "A", "messagesTotal": "x"}', "TYPE_INT32"),
        (b'{"name": "A"', "Invalid JSON payload received."),
        (b'["name"]', "Root element must be a message."),
    ],
)
def test_bodies_outside_the_contract_are_refused(stand: Stand, body: bytes, said: str) -> None:
    response, content = stand.http("POST", f"{USERS}/labels", body, content_type="application/json")
    assert response.status == 400
    assert said in json.loads(content)["error"]["message"]


def test_a_body_must_be_json_and_unneeded_ones_empty(stand: Stand) -> None:
    assert stand.http("POST", f"{USERS}/labels", b'{"name": "A"}', content_type="text/plain")[0].status == 400
    body = b'{"ids": [1]}'
    assert (
        stand.http("POST", f"{USERS}/messages/batchModify", body, content_type="application/json")[0].status
        == 400
    )
    assert (
        stand.http("POST", f"{USERS}/stop", b'{"now": true}', content_type="application/json")[0].status
        == 400
    )


def test_a_response_that_breaks_the_contract_is_a_loud_500(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HANDLERS, "gmail.users.getProfile", lambda call: {"historyId": 12})
    response, content = stand.http("GET", f"{USERS}/profile")
    assert response.status == 500
    assert "breaks the contract: Invalid value at 'historyId'" in json.loads(content)["error"]["message"]


def test_every_price_and_handler_names_a_method_of_the_document() -> None:
    known = set(responses(discovery()))
    assert set(UNITS) == set(HANDLERS)
    assert set(UNITS) <= known
    assert len(gmail_contract().methods) == len(known)


def test_partial_responses(stand: Stand) -> None:
    [put] = stand.put(mail())
    got = run(
        stand.users.messages().get(userId="me", id=put["id"], fields="id,payload(headers/name,mimeType)")
    )
    assert set(got) == {"id", "payload"}
    assert set(got["payload"]) == {"headers", "mimeType"}
    assert set(got["payload"]["headers"][0]) == {"name"}


def test_gzip_only_when_asked_for(stand: Stand) -> None:
    stand.put(*[mail(f"n{n}") for n in range(50)])
    url = urllib.parse.urlsplit(stand.server.url)

    def body(*extra: str) -> tuple[bytes, bytes]:
        lines = [
            f"GET {USERS}/messages HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {TOKEN}",
            "Connection: close",
        ]
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall("\r\n".join([*lines, *extra, "", ""]).encode())
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, rest = data.partition(b"\r\n\r\n")
        return head.lower(), rest

    head, plain = body()
    assert b"content-encoding" not in head
    head, packed = body("Accept-Encoding: gzip, deflate")
    assert b"content-encoding: gzip" in head
    assert gzip.decompress(packed) == plain


def test_tokens_are_required_and_must_be_good(stand: Stand) -> None:
    for headers, why in (({}, "required"), ({"authorization": "Bearer wrong"}, "authError")):
        response, content = httplib2.Http().request(f"{stand.server.url}{USERS}/profile", headers=headers)
        assert response.status == 401
        assert json.loads(content)["error"]["errors"][0]["reason"] == why
        assert "www-authenticate" in response


def test_scopes_bound_what_a_token_may_do(server: Server) -> None:
    scopes = {
        "modify": "gmail.modify",
        "send": "gmail.send",
        "meta": "gmail.metadata",
        "labels": "gmail.labels",
    }
    stand = Stand(server, tokens=[{"token": name, "scopes": [scope]} for name, scope in scopes.items()])
    [put] = stand.put(mail())
    users = {name: stand.connect(name).users() for name in scopes}
    error = refused(users["send"].messages().list(userId="me"))
    assert (error.resp.status, reason(error)) == (403, "insufficientPermissions")
    assert refused(users["modify"].messages().delete(userId="me", id=put["id"])).resp.status == 403
    assert refused(users["labels"].getProfile(userId="me")).resp.status == 403
    assert run(users["labels"].labels().list(userId="me"))
    meta = users["meta"].messages()
    assert "payload" in run(meta.get(userId="me", id=put["id"], format="metadata"))
    assert refused(meta.get(userId="me", id=put["id"])).resp.status == 403
    assert refused(meta.list(userId="me", q="in:inbox")).resp.status == 403


def test_access_tokens_expire_and_are_refreshed(server: Server) -> None:
    stand = Stand(server, tokens=[{"token": TOKEN, "expires_in": 3600}])
    assert stand.now()
    stand.control("clock", {"advance": 3601})
    assert stand.http("GET", f"{USERS}/profile")[0].status == 401
    keys = {"refresh_token": f"refresh-{ME}", "client_id": "client-id", "client_secret": "client-secret"}
    credentials = Credentials(None, token_uri=f"{server.url}/token", **keys)
    credentials.refresh(Request())
    assert run(stand.connect(credentials.token).users().getProfile(userId="me"))
    stand.control("tokens/revoke", {"token": f"refresh-{ME}"})
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(Request())


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"refresh_token": "other"}, 400, "invalid_grant"),
        ({"client_id": "other"}, 401, "invalid_client"),
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"refresh_token": ""}, 400, "invalid_request"),
        ({"scope": "https://mail.google.com/"}, 400, "invalid_scope"),
    ],
)
def test_token_errors_are_googles(stand: Stand, change: dict[str, str], status: int, error: str) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": f"refresh-{ME}", "client_id": "client-id"}
    body = urllib.parse.urlencode(form | {"client_secret": "client-secret"} | change).encode()
    response, content = stand.http("POST", "/token", body, content_type="application/x-www-form-urlencoded")
    assert (response.status, json.loads(content)["error"]) == (status, error)
    assert json.loads(content)["error_description"]


def test_units_are_counted_and_refused_over_the_limit(stand: Stand) -> None:
    [put] = stand.put(mail())
    stand.control("quota", {"limit": 45})
    stand.control("stats/reset", {})
    stand.get(put["id"])
    stand.get(put["id"])
    reasons = [reason(refused(stand.users.messages().get(userId="me", id=put["id"]))) for _ in range(3)]
    assert reasons == ["rateLimitExceeded", "userRateLimitExceeded", "rateLimitExceeded"]
    assert stand.list_ids() == [put["id"]]
    stats = stand.control("stats")
    assert stats["units"] == 45
    assert stats["errors"] == {"403": 2, "429": 1}
    assert stats["methods"]["gmail.users.messages.get"] == {
        "requests": 5, "units": 40, "errors": {"403": 2, "429": 1},
    }  # fmt: skip
    assert stats["mailboxes"] == {ME: {"requests": 6, "units": 45}}
    stand.control("clock", {"advance": 59})
    assert refused(stand.users.messages().get(userId="me", id=put["id"])).resp.status in (403, 429)
    stand.control("clock", {"advance": 2})
    assert stand.get(put["id"])


@pytest.mark.parametrize(("form", "status"), [("403", 403), ("403user", 403), ("429", 429)])
def test_the_form_of_a_quota_refusal_can_be_chosen(stand: Stand, form: str, status: int) -> None:
    stand.control("quota", {"limit": 1, "form": form})
    assert [refused(stand.users.messages().list(userId="me")).resp.status for _ in range(2)] == [
        status,
        status,
    ]
    stand.control("quota", {"limit": 0})
    assert stand.control("quota")["limit"] is None
    assert stand.list_ids() == []


def test_the_limit_is_6000_units_and_each_mailbox_has_its_own(stand: Stand) -> None:
    assert stand.control("quota")["limit"] == 6000
    stand.server.control("mailboxes", {"address": "press@brixel.test"})
    stand.control("quota", {"limit": 1})
    assert stand.now()
    assert refused(stand.users.getProfile(userId="me")).resp.status == 403
    assert run(stand.connect("token-press@brixel.test").users().getProfile(userId="me"))


Parts = dict[str, tuple[Any, HttpError | None]]


def execute_batch(stand: Stand, requests: list[Any], **options: Any) -> Parts:
    """Run a batch of the real client; what each part came to, by its id."""
    got: Parts = {}
    batch = stand.service.new_batch_http_request(
        callback=lambda key, body, error: got.update({key: (body, error)})
    )
    for number, request in enumerate(requests):
        batch.add(request, request_id=f"part {number}+é")
    batch.execute(**options)
    return got


def test_a_batch_answers_and_counts_each_part(stand: Stand) -> None:
    ids = [item["id"] for item in stand.put(mail("Ünï"), *[mail(f"n{n}") for n in range(99)])]
    stand.control("stats/reset", {})
    messages = stand.users.messages()
    requests = [messages.get(userId="me", id=item, format="raw") for item in ids[:97]]
    requests += [
        messages.get(userId="me", id="1abc"),
        messages.batchModify(userId="me", body={"ids": ids, "addLabelIds": ["STARRED"]}),
        messages.modify(userId="me", id=ids[0], body={"removeLabelIds": ["UNREAD"]}),
    ]
    got = execute_batch(stand, requests)
    assert [body["id"] for body, _ in list(got.values())[:97]] == ids[:97]
    for request, (body, error) in zip(requests, got.values(), strict=True):
        if error is None:
            judge(request.methodId, body)
    missing, modified, changed = list(got.values())[97:]
    assert missing[1] is not None
    assert missing[1].resp.status == 404
    assert modified == ("", None)
    assert set(changed[0]["labelIds"]) == {"INBOX", "STARRED"}
    stats = stand.control("stats")
    assert stats["batches"] == {"count": 1, "largest": 100}
    assert (stats["requests"], stats["units"]) == (100, 98 * 20 + 50 + 5)


def test_a_batch_of_more_than_100_is_refused(stand: Stand) -> None:
    head = "--b\r\nContent-Type: application/http\r\nContent-ID: <a + 1>\r\n\r\n"
    part = f"{head}GET {USERS}/profile HTTP/1.1\r\n\r\n\r\n"
    for count, status in ((100, 200), (101, 400)):
        body = (part * count + "--b--\r\n").encode()
        response, content = stand.http("POST", "/batch", body, content_type="multipart/mixed; boundary=b")
        assert response.status == status, content
    assert "at most 100" in json.loads(content)["error"]["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{}"),
        ("multipart/mixed", "--b\r\n"),
        ("multipart/mixed; boundary=b", "nothing"),
        ("multipart/mixed; boundary=b", "--b\r\nContent-Type: text/plain\r\n\r\nGET / HTTP/1.1\r\n--b--"),
        ("multipart/mixed; boundary=b", "--b\r\nContent-Type: application/http\r\n\r\nhello\r\n--b--"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused(stand: Stand, content_type: str, body: str) -> None:
    response, content = stand.http("POST", "/batch/gmail/v1", body.encode(), content_type=content_type)
    assert (response.status, json.loads(content)["error"]["code"]) == (400, 400)


def test_parts_of_a_batch_get_their_own_quota_refusals(stand: Stand) -> None:
    ids = [item["id"] for item in stand.put(*[mail(f"n{n}") for n in range(5)])]
    stand.control("quota", {"limit": 60, "form": "429"})
    got = execute_batch(stand, [stand.users.messages().get(userId="me", id=item) for item in ids])
    statuses = [200 if error is None else error.resp.status for _, error in got.values()]
    assert statuses == [200, 200, 200, 429, 429]


def test_the_legacy_batch_address_and_parts_without_a_token(stand: Stand) -> None:
    got: list[Any] = []
    batch = BatchHttpRequest(batch_uri=f"{stand.server.url}/batch", callback=lambda *part: got.append(part))
    batch.add(stand.users.getProfile(userId="me"))
    batch.execute()
    assert got[0][1]["emailAddress"] == ME
    body = f"--b\r\nContent-Type: application/http\r\n\r\nGET {USERS}/profile HTTP/1.1\r\n\r\n--b--"
    headers = {"content-type": "multipart/mixed; boundary=b"}
    _, content = httplib2.Http().request(f"{stand.server.url}/batch", "POST", body=body, headers=headers)
    assert b"HTTP/1.1 401 Unauthorized" in content
