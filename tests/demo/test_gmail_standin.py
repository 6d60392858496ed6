"""The Gmail stand-in: messages, threads, search and sending, through the real client."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

import demo.gmail
from demo.common.serving import Server
from tests.demo.test_gmail_standin_kit import DAY, ME, START, Stand, encode, mail, reason, refused, run


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the module."""
    with demo.gmail.serve() as running:
        yield running


@pytest.fixture
def stand(server: Server) -> Stand:
    """A fresh mailbox."""
    return Stand(server)


def test_profile_counts_messages_and_threads(stand: Stand) -> None:
    stand.put(mail("a"), mail("b"))
    profile = run(stand.users.getProfile(userId="me"))
    assert (profile["emailAddress"], profile["messagesTotal"], profile["threadsTotal"]) == (ME, 2, 2)


def test_list_is_newest_first_and_pages_do_not_shift(stand: Stand) -> None:
    ids = [item["id"] for item in stand.put(*[mail(f"n{n}") for n in range(7)])]
    messages = stand.users.messages()
    request = messages.list(userId="me", maxResults=3)
    seen: list[str] = []
    while request is not None:
        page = run(request)
        seen += [item["id"] for item in page["messages"]]
        stand.put(mail("late"), date=START + DAY)
        request = messages.list_next(request, page)
    assert seen == ids[::-1]


def test_an_empty_list_has_no_messages_field(stand: Stand) -> None:
    assert run(stand.users.messages().list(userId="me")) == {"resultSizeEstimate": 0}


def test_a_page_holds_at_most_500_and_a_foreign_token_is_refused(stand: Stand) -> None:
    stand.put(*[mail(f"n{n}") for n in range(501)])
    page = run(stand.users.messages().list(userId="me", maxResults=9999))
    assert len(page["messages"]) == 500
    token = page["nextPageToken"]
    assert refused(stand.users.messages().list(userId="me", pageToken=token, q="in:inbox")).resp.status == 400
    assert refused(stand.users.messages().list(userId="me", pageToken="junk")).resp.status == 400
    assert refused(stand.users.messages().list(userId="me", maxResults=0)).resp.status == 400


def test_search_operators(stand: Stand) -> None:
    now = int(time.time() * 1000)
    stand.control("box/person", {"action": "create_label", "name": "Crisis/Product defect"})
    [old] = stand.put(mail("old", From="bob@far.test"), date=now - 40 * DAY)
    [young] = stand.put(
        mail("young", Message_ID="<y@x>"), date=now - DAY, labels=["INBOX", "Crisis/Product defect"]
    )
    [spam] = stand.put(mail("junk"), date=now - 2 * DAY, labels=["SPAM"])
    [sent] = stand.put(mail("mine"), date=now - 3 * DAY, labels=["SENT"])
    names = {old["id"]: "old", young["id"]: "young", spam["id"]: "spam", sent["id"]: "sent"}

    def found(q: str, **params: Any) -> list[str]:
        return [names[item] for item in stand.list_ids(q=q, **params)]

    border = (now - 30 * DAY) // 1000
    assert found(f"after:{border}") == ["young", "sent"]
    assert found(f"before:{border}") == ["old"]
    assert found("before:2020/01/01") == []
    assert found("after:2020/01/01 -in:sent") == ["young", "old"]
    assert found("newer_than:2d") == ["young"]
    assert found("older_than:1m") == ["old"]
    assert found("in:inbox is:unread") == ["old"]
    assert found("in:anywhere") == ["young", "spam", "sent", "old"]
    assert found("in:spam") == ["spam"]
    assert found("label:crisis-product-defect") == ["young"]
    assert found('label:"Crisis/Product defect"') == ["young"]
    assert found("from:far.test") == ["old"]
    assert found("rfc822msgid:y@x") == ["young"]
    assert found("smokes subject:old") == ["old"]
    assert found("", includeSpamTrash=True) == ["young", "spam", "sent", "old"]
    assert found("", labelIds=["SPAM"]) == ["spam"]
    assert found("", labelIds=["INBOX", "UNREAD"]) == ["old"]
    assert refused(stand.users.messages().list(userId="me", q="filename:pdf")).resp.status == 400
    assert refused(stand.users.messages().list(userId="me", q="after:yesterday")).resp.status == 400


def test_search_groups(stand: Stand) -> None:
    ids = [
        item["id"] for item in stand.put(*[mail(f"{a} {b}") for a in ("red", "blue") for b in ("cat", "dog")])
    ]
    names = dict(zip(ids, ("red cat", "red dog", "blue cat", "blue dog"), strict=True))

    def found(q: str) -> set[str]:
        return {names[item] for item in stand.list_ids(q=q)}

    assert found("red cat") == found("red AND cat") == found("(red cat)") == {"red cat"}
    assert found('{"red cat" "blue dog"}') == found('"red cat" OR "blue dog"') == {"red cat", "blue dog"}
    assert found("red OR blue cat") == found("{red blue} cat") == {"red cat", "blue cat"}
    assert found("-{red cat}") == {"blue dog"}
    assert found("-(red cat)") == {"red dog", "blue cat", "blue dog"}
    assert found("subject:(blue dog)") == {"blue dog"}
    assert found("subject:{cat -blue}") == {"red cat", "red dog", "blue cat"}
    assert found("{(red dog) (blue cat)}") == {"red dog", "blue cat"}
    assert found("after:2020/01/01 {subject:cat subject:bird}") == {"red cat", "blue cat"}
    for broken in ("{red", "red}", "(red}", "OR red", "red OR", "red OR OR blue", "{}", 'red "blue', "()"):
        assert refused(stand.users.messages().list(userId="me", q=broken)).resp.status == 400, broken


def test_send_as_lists_the_address_and_its_aliases(stand: Stand) -> None:
    stand.server.control("mailboxes", {"address": ME, "aliases": ["bonjour@brixel.test"]})
    answer = run(stand.users.settings().sendAs().list(userId="me"))
    assert [item["sendAsEmail"] for item in answer["sendAs"]] == [ME, "bonjour@brixel.test"]
    assert [item.get("isPrimary", False) for item in answer["sendAs"]] == [True, False]


def rich_mail() -> bytes:
    """Text in Latin-1, HTML, and a PDF, with a subject in encoded words."""
    message = EmailMessage()
    message["From"] = "Zoé <zoe@home.test>"
    message["To"] = ME
    message["Subject"] = "Réfrigérateur brûlé"
    message.set_content("Ça brûle <vite> & fort", charset="iso-8859-1", cte="quoted-printable")
    message.add_alternative("<p>Ça brûle</p>", subtype="html")
    message.add_attachment(b"%PDF-1", maintype="application", subtype="pdf", filename="reçu.pdf")
    return message.as_bytes()


def test_full_format_is_the_tree_of_parts(stand: Stand) -> None:
    [put] = stand.put(rich_mail())
    got = stand.get(put["id"])
    root = got["payload"]
    assert root["mimeType"] == "multipart/mixed"
    assert root["body"] == {"size": 0}
    assert {"name": "Subject", "value": "Réfrigérateur brûlé"} in root["headers"]
    alternative, pdf = root["parts"]
    plain, page = alternative["parts"]
    assert [part["partId"] for part in (root, alternative, plain, page, pdf)] == ["", "0", "0.0", "0.1", "1"]
    assert base64.urlsafe_b64decode(plain["body"]["data"]).decode() == "Ça brûle <vite> & fort\n"
    assert (pdf["filename"], pdf["body"]["size"]) == ("reçu.pdf", 6)
    assert "data" not in pdf["body"]
    attachments = stand.users.messages().attachments()
    request = attachments.get(userId="me", messageId=put["id"], id=pdf["body"]["attachmentId"])
    assert base64.urlsafe_b64decode(run(request)["data"]) == b"%PDF-1"
    assert refused(attachments.get(userId="me", messageId=put["id"], id="none")).resp.status == 404
    assert got["snippet"] == "Ça brûle &lt;vite&gt; &amp; fort"


def test_raw_metadata_and_minimal_formats(stand: Stand) -> None:
    raw = rich_mail()
    [put] = stand.put(raw)
    got = stand.get(put["id"], format="raw")
    assert base64.urlsafe_b64decode(got["raw"]) == raw
    assert (got["sizeEstimate"], got["internalDate"]) == (len(raw), str(START))
    assert "payload" not in got
    some = stand.get(put["id"], format="metadata", metadataHeaders=["subject"])
    assert [item["name"] for item in some["payload"]["headers"]] == ["Subject"]
    assert "parts" not in some["payload"]
    least = stand.get(put["id"], format="minimal")
    assert set(least) == {
        "id",
        "threadId",
        "labelIds",
        "snippet",
        "sizeEstimate",
        "historyId",
        "internalDate",
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00garbage",
        b"Subject: =?utf-8?B?@@@?=\nContent-Type: text/plain; charset=nonsense\n\n\xe9\xe8",
        b"Content-Type: multipart/mixed\n\nno boundary",
        b"Subject: a\n b\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"Content-Type: text/plain; name*=foo''%ff; name=\"a\n\nb",
        b"Content-Type: message/rfc822\n\nSubject: inner\n\nhello",
        b"Subject: \xe9t\xe9\n\ntext",
    ],
)
def test_malformed_mail_is_shown_in_every_format(stand: Stand, raw: bytes) -> None:
    [put] = stand.put(raw)
    for form in ("full", "raw", "metadata", "minimal"):
        assert stand.get(put["id"], format=form)["id"] == put["id"]


def test_unknown_and_malformed_ids(stand: Stand) -> None:
    error = refused(stand.users.messages().get(userId="me", id="1abc"))
    assert (error.resp.status, reason(error)) == (404, "notFound")
    error = refused(stand.users.messages().get(userId="me", id="not-an-id"))
    assert (error.resp.status, reason(error)) == (400, "invalidArgument")


def test_modify_changes_labels_and_history_only_when_something_changes(stand: Stand) -> None:
    [put] = stand.put(mail())
    modify = stand.users.messages().modify
    before = stand.now()
    changed = run(
        modify(userId="me", id=put["id"], body={"addLabelIds": ["STARRED"], "removeLabelIds": ["UNREAD"]})
    )
    assert set(changed["labelIds"]) == {"INBOX", "STARRED"}
    after = stand.now()
    assert int(after) > int(before)
    run(modify(userId="me", id=put["id"], body={"addLabelIds": ["STARRED"]}))
    assert stand.now() == after


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "No label add or removes specified"),
        ({"addLabelIds": ["SENT"]}, "Invalid label: SENT"),
        ({"removeLabelIds": ["DRAFT"]}, "Invalid label: DRAFT"),
        ({"addLabelIds": ["Label_99"]}, "labelId not found"),
        (
            {"addLabelIds": ["STARRED"], "removeLabelIds": ["STARRED"]},
            "Cannot both add and remove the same label",
        ),
        ({"addLabelIds": ["STARRED"] * 101}, "Too many labels: at most 100 may be added or removed at once."),
    ],
)
def test_modify_refuses(stand: Stand, body: dict[str, Any], message: str) -> None:
    [put] = stand.put(mail())
    for request in (
        stand.users.messages().modify(userId="me", id=put["id"], body=body),
        stand.users.threads().modify(userId="me", id=put["threadId"], body=body),
        stand.users.messages().batchModify(userId="me", body={"ids": [put["id"]], **body}),
    ):
        error = refused(request)
        assert (error.resp.status, error.reason) == (400, message)
    assert stand.labels_of(put["id"]) == {"INBOX", "UNREAD"}


def test_batch_modify(stand: Stand) -> None:
    ids = [item["id"] for item in stand.put(*[mail(f"n{n}") for n in range(1000)])]
    batch = stand.users.messages().batchModify
    body = {"ids": [*ids[1:], "1abcdef"], "addLabelIds": ["STARRED"]}
    assert run(batch(userId="me", body=body)) == ""
    assert len(stand.list_ids(labelIds=["STARRED"], maxResults=500)) == 500
    assert "STARRED" not in stand.labels_of(ids[0])
    assert refused(batch(userId="me", body=body | {"ids": [*ids, "1abcdef"]})).resp.status == 400
    assert refused(batch(userId="me", body={"addLabelIds": ["STARRED"]})).resp.status == 400
    assert refused(batch(userId="me", body=body | {"ids": ["no id"]})).resp.status == 400
    response, content = stand.http(
        "POST", "/gmail/v1/users/me/messages/batchModify", b'{"ids":["1"],"addLabelIds":["INBOX"]}',
        content_type="application/json",
    )  # fmt: skip
    assert (response.status, content) == (204, b"")


def test_trash_untrash_delete(server: Server) -> None:
    stand = Stand(server, tokens=[{"token": f"token-{ME}", "scopes": ["https://mail.google.com/"]}])
    [put] = stand.put(mail())
    messages = stand.users.messages()
    assert "TRASH" in run(messages.trash(userId="me", id=put["id"]))["labelIds"]
    assert stand.labels_of(put["id"]) == {"UNREAD", "TRASH"}
    assert stand.list_ids() == []
    assert "TRASH" not in run(messages.untrash(userId="me", id=put["id"]))["labelIds"]
    assert run(messages.delete(userId="me", id=put["id"])) == ""
    assert refused(messages.get(userId="me", id=put["id"])).resp.status == 404
    assert refused(messages.delete(userId="me", id=put["id"])).resp.status == 404
    two = stand.put(mail("a"), mail("b"))
    assert run(messages.batchDelete(userId="me", body={"ids": [item["id"] for item in two]})) == ""
    assert stand.list_ids() == []


def test_replies_join_their_thread_only_under_the_same_subject(stand: Stand) -> None:
    [first] = stand.put(mail("Mixer smokes", Message_ID="<1@x>"))
    [reply] = stand.put(mail("RE: Re : Mixer  smokes", In_Reply_To="<1@x>", Message_ID="<2@x>"))
    [by_reference] = stand.put(mail("Fwd: mixer smokes", References="<0@x> <2@x>"))
    [other_subject] = stand.put(mail("Invoice", In_Reply_To="<1@x>"))
    [same_subject] = stand.put(mail("Mixer smokes"))
    assert reply["threadId"] == by_reference["threadId"] == first["threadId"]
    assert len({first["threadId"], other_subject["threadId"], same_subject["threadId"]}) == 3
    [explicit] = stand.put(mail("Anything"), thread=first["threadId"])
    one, two = stand.put(mail("a"), mail("b"), thread="1790000000000000017")
    assert explicit["threadId"] == first["threadId"]
    assert one["threadId"] == two["threadId"] != first["threadId"]


def test_a_later_message_does_not_inherit_labels(stand: Stand) -> None:
    label = stand.label("Unanswered")
    [first] = stand.put(mail("Mixer", Message_ID="<1@x>"))
    changed = run(
        stand.users.threads().modify(userId="me", id=first["threadId"], body={"addLabelIds": [label]})
    )
    assert label in changed["messages"][0]["labelIds"]
    [later] = stand.put(mail("Re: Mixer", In_Reply_To="<1@x>"))
    assert later["threadId"] == first["threadId"]
    assert label not in stand.labels_of(later["id"])


def test_threads_list_and_get(stand: Stand) -> None:
    [old] = stand.put(mail("Mixer", Message_ID="<1@x>"))
    [other] = stand.put(mail("Invoice"), date=START + 1000)
    [new] = stand.put(mail("Re: Mixer", text="newest", In_Reply_To="<1@x>"), date=START + 2000)
    threads = stand.users.threads()
    page = run(threads.list(userId="me", maxResults=1))
    assert page["threads"][0]["id"] == old["threadId"]
    assert page["threads"][0]["snippet"] == "newest"
    page = run(threads.list(userId="me", maxResults=1, pageToken=page["nextPageToken"]))
    assert [item["id"] for item in page["threads"]] == [other["threadId"]]
    assert "nextPageToken" not in page
    got = run(threads.get(userId="me", id=old["threadId"], format="metadata"))
    assert [item["id"] for item in got["messages"]] == [old["id"], new["id"]]
    assert got["historyId"] == max(item["historyId"] for item in got["messages"])
    assert refused(threads.get(userId="me", id="1abc")).resp.status == 404
    assert {"TRASH"} <= set(run(threads.trash(userId="me", id=old["threadId"]))["messages"][1]["labelIds"])
    run(threads.untrash(userId="me", id=old["threadId"]))
    assert "TRASH" not in stand.labels_of(new["id"])


def test_watch_and_stop(stand: Stand) -> None:
    topic = {
        "topic": "projects/brixel-care/topics/mail",
        "subscription": "projects/brixel-care/subscriptions/us",
    }
    stand.control("pubsub", topic)
    stranger = refused(
        stand.users.watch(userId="me", body={"topicName": "projects/brixel-care/topics/other"})
    )
    assert stranger.resp.status == 403
    watch = run(stand.users.watch(userId="me", body={"topicName": "projects/brixel-care/topics/mail"}))
    assert 6 * DAY < int(watch["expiration"]) - time.time() * 1000 <= 7 * DAY
    assert watch["historyId"] == stand.now()
    assert refused(stand.users.watch(userId="me", body={"topicName": "mail"})).resp.status == 400
    assert run(stand.users.stop(userId="me")) == ""


def send(stand: Stand, raw: bytes, **body: Any) -> Any:
    """messages.send."""
    return run(stand.users.messages().send(userId="me", body={"raw": encode(raw), **body}))


def test_send_in_a_thread(stand: Stand) -> None:
    [put] = stand.put(mail("Mixer", Message_ID="<1@x>"))
    good = mail("Re: Mixer", From=ME, To="ada@home.test", In_Reply_To="<1@x>", References="<1@x>")
    sent = send(stand, good, threadId=put["threadId"])
    assert (sent["threadId"], sent["labelIds"]) == (put["threadId"], ["SENT"])
    other_subject = mail("Hello", To="ada@home.test", In_Reply_To="<1@x>")
    assert send(stand, other_subject, threadId=put["threadId"])["threadId"] != put["threadId"]
    no_reference = mail("Re: Mixer", To="ada@home.test")
    assert send(stand, no_reference, threadId=put["threadId"])["threadId"] != put["threadId"]
    body = {"raw": encode(good), "threadId": "1abc"}
    assert refused(stand.users.messages().send(userId="me", body=body)).resp.status == 404


def test_send_makes_the_mail_gmails_own(stand: Stand) -> None:
    raw = mail("Hi", From="Someone <else@where.test>", To=f"Me <{ME}>", Message_ID="<mine@home>")
    sent = send(stand, raw)
    assert set(sent["labelIds"]) == {"SENT", "INBOX", "UNREAD"}
    assert len(stand.list_ids()) == 1
    headers = {item["name"]: item["value"] for item in stand.get(sent["id"])["payload"]["headers"]}
    assert headers["From"] == ME
    assert headers["Message-ID"].endswith("@mail.gmail.com>")
    assert "Date" in headers


def test_send_refuses_and_reaches_neighbours(stand: Stand) -> None:
    messages = stand.users.messages()
    assert "payload message string" in refused(messages.send(userId="me", body={})).reason
    assert refused(messages.send(userId="me", body={"raw": "%%%"})).resp.status == 400
    nobody = EmailMessage()
    nobody["Subject"] = "x"
    error = refused(messages.send(userId="me", body={"raw": encode(nobody.as_bytes())}))
    assert error.reason == "Recipient address required"
    stand.server.control("mailboxes", {"address": "press@brixel.test", "aliases": ["news@brixel.test"]})
    send(stand, mail("Hi", From=ME, To="news@brixel.test", Bcc="secret@x.test"))
    neighbour = stand.connect("token-press@brixel.test").users()
    [arrived] = run(neighbour.messages().list(userId="me"))["messages"]
    shown = run(neighbour.messages().get(userId="me", id=arrived["id"]))
    assert set(shown["labelIds"]) == {"INBOX", "UNREAD"}
    assert "Bcc" not in {item["name"] for item in shown["payload"]["headers"]}
