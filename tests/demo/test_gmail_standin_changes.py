"""The Gmail stand-in: labels, history, what a person does, and the control API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

import demo.gmail
from demo.common.serving import ControlFailed, Server
from tests.demo.test_gmail_standin_kit import START, Stand, encode, mail, reason, refused, run


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One server for the module."""
    with demo.gmail.serve() as running:
        yield running


@pytest.fixture
def stand(server: Server) -> Stand:
    """A fresh mailbox."""
    return Stand(server)


def test_labels_life(stand: Stand) -> None:
    labels = stand.users.labels()
    colour = {"backgroundColor": "#fb4c2f", "textColor": "#ffffff"}
    made = run(labels.create(userId="me", body={"name": "Crisis/Defect", "color": colour}))
    assert (made["name"], made["color"]) == ("Crisis/Defect", colour)
    assert not {"messagesTotal", "threadsTotal", "messagesUnread", "threadsUnread"} & set(made)
    [put] = stand.put(mail(), labels=["INBOX", "UNREAD", "Crisis/Defect"])
    shown = run(labels.get(userId="me", id=made["id"]))
    counts = [shown[name] for name in ("messagesTotal", "messagesUnread", "threadsTotal", "threadsUnread")]
    assert counts == [1, 1, 1, 1]
    renamed = run(labels.patch(userId="me", id=made["id"], body={"name": "Defect"}))
    assert (renamed["name"], renamed["color"]) == ("Defect", colour)
    replaced = run(
        labels.update(userId="me", id=made["id"], body={"name": "Flaw", "labelListVisibility": "labelHide"})
    )
    assert (replaced["name"], replaced["labelListVisibility"], "color" in replaced) == (
        "Flaw",
        "labelHide",
        False,
    )
    listed = run(labels.list(userId="me"))["labels"]
    assert {"INBOX", "SENT", "SPAM", made["id"]} <= {item["id"] for item in listed}
    assert all("messagesTotal" not in item for item in listed)
    assert run(labels.delete(userId="me", id=made["id"])) == ""
    assert made["id"] not in stand.labels_of(put["id"])
    assert refused(labels.get(userId="me", id=made["id"])).resp.status == 404
    assert stand.label("Again") != made["id"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "crisis/DEFECT"}, 409),
        ({"name": "Inbox"}, 400),
        ({"name": "sent"}, 400),
        ({"name": ""}, 400),
        ({}, 400),
        ({"name": "A//B"}, 400),
        ({"name": "A/"}, 400),
        ({"name": "x" * 226}, 400),
        ({"name": "New", "color": {"backgroundColor": "#123456", "textColor": "#ffffff"}}, 400),
        ({"name": "New", "color": {"backgroundColor": "#fb4c2f"}}, 400),
        ({"name": "New", "labelListVisibility": "sometimes"}, 400),
    ],
)
def test_labels_refused(stand: Stand, body: dict[str, Any], status: int) -> None:
    stand.label("Crisis/Defect")
    error = refused(stand.users.labels().create(userId="me", body=body))
    assert error.resp.status == status
    if status == 409:
        assert (reason(error), error.reason) == ("aborted", "Label name exists or conflicts")


def test_system_labels_are_fixed(stand: Stand) -> None:
    labels = stand.users.labels()
    assert refused(labels.delete(userId="me", id="INBOX")).resp.status == 400
    assert refused(labels.patch(userId="me", id="INBOX", body={"name": "In"})).resp.status == 400
    one, two = stand.label("One"), stand.label("Two")
    assert refused(labels.patch(userId="me", id=one, body={"name": "two"})).resp.status == 409
    assert run(labels.patch(userId="me", id=two, body={"name": "TWO"}))["name"] == "TWO"
    assert (
        refused(labels.update(userId="me", id=two, body={"labelListVisibility": "labelShow"})).resp.status
        == 400
    )


def test_history_tells_every_change_in_order(stand: Stand) -> None:
    start = stand.now()
    label = stand.label("Unanswered")
    [put] = stand.put(mail())
    body = {"addLabelIds": [label], "removeLabelIds": ["UNREAD"]}
    run(stand.users.messages().modify(userId="me", id=put["id"], body=body))
    stand.control("box/person", {"action": "delete", "message": put["id"]})
    answer = stand.history(start)
    ids = [int(record["id"]) for record in answer["history"]]
    assert ids == sorted(ids)
    assert answer["historyId"] == str(ids[-1]) == stand.now()
    added, changed, deleted = answer["history"]
    assert added["messagesAdded"][0]["message"] == {**put, "labelIds": ["INBOX", "UNREAD"]}
    assert changed["labelsAdded"][0]["labelIds"] == [label]
    assert changed["labelsRemoved"][0]["labelIds"] == ["UNREAD"]
    assert deleted["messagesDeleted"][0]["message"]["id"] == put["id"]
    assert stand.history(stand.now()) == {"historyId": stand.now()}


def test_history_filters_and_pages(stand: Stand) -> None:
    start = stand.now()
    stand.put(*[mail(f"n{n}") for n in range(501)])
    [filtered] = stand.put(mail("filtered"), labels=["UNREAD"])
    run(stand.users.messages().modify(userId="me", id=filtered["id"], body={"addLabelIds": ["STARRED"]}))
    page = stand.history(start, maxResults=1000)
    assert len(page["history"]) == 500
    rest = stand.history(start, maxResults=1000, pageToken=page["nextPageToken"])
    assert len(rest["history"]) == 3
    assert "nextPageToken" not in rest
    assert "history" not in stand.history(rest["history"][0]["id"], labelId="INBOX")
    [only] = stand.history(start, historyTypes=["labelAdded"])["history"]
    assert set(only) == {"id", "messages", "labelsAdded"}
    wrong = stand.users.history().list(userId="me", startHistoryId="1", pageToken=page["nextPageToken"])
    assert refused(wrong).resp.status in (400, 404)


def test_history_too_old_future_or_garbage(stand: Stand) -> None:
    stand.put(mail())
    start = stand.now()
    history = stand.users.history()
    fresh = stand.control("box/expire_history", {})["historyId"]
    error = refused(history.list(userId="me", startHistoryId=start))
    assert (error.resp.status, reason(error)) == (404, "notFound")
    assert stand.history(fresh) == {"historyId": fresh}
    assert refused(history.list(userId="me", startHistoryId=str(int(fresh) + 1))).resp.status == 400
    assert refused(history.list(userId="me", startHistoryId="garbage")).resp.status == 400
    assert refused(history.list(userId="me")).resp.status == 400


def test_person_replies_labels_trashes_and_renames(stand: Stand) -> None:
    [put] = stand.put(mail("Mixer", Message_ID="<1@x>"))
    start = stand.now()
    reply = {"action": "reply", "thread": put["threadId"], "text": "We are on it.", "internalDate": START + 5}
    [sent] = stand.control("box/person", reply)["messages"]
    assert (sent["threadId"], sent["labelIds"]) == (put["threadId"], ["SENT"])
    headers = {item["name"]: item["value"] for item in stand.get(sent["id"])["payload"]["headers"]}
    assert (headers["To"], headers["Subject"]) == ("ada@home.test", "Re: Mixer")
    assert headers["In-Reply-To"] == "<1@x>"
    assert stand.history(start)["history"][0]["messagesAdded"][0]["message"]["labelIds"] == ["SENT"]
    label = stand.label("Unanswered")
    act = {"action": "label", "thread": put["threadId"], "add": ["Unanswered"], "remove": ["unread"]}
    stand.control("box/person", act)
    assert stand.labels_of(put["id"]) == {"INBOX", label}
    stand.control("box/person", {"action": "rename_label", "label": "Unanswered", "name": "Waiting"})
    assert "Waiting" in stand.control("box/snapshot")["labels"]
    stand.control("box/person", {"action": "delete_label", "label": "Waiting"})
    stand.control("box/person", {"action": "trash", "message": put["id"]})
    assert stand.labels_of(put["id"]) == {"TRASH"}
    stand.control("box/person", {"action": "untrash", "message": put["id"]})
    assert stand.labels_of(put["id"]) == {"INBOX"}


@pytest.mark.parametrize("told", [False, True])
def test_a_label_renamed_keeps_its_messages_and_one_deleted_is_unknown(stand: Stand, told: bool) -> None:
    [put] = stand.put(mail())
    label = stand.label("Unanswered")
    modify = stand.users.messages().modify
    run(modify(userId="me", id=put["id"], body={"addLabelIds": [label]}))
    start = stand.now()
    stand.control("box/person", {"action": "rename_label", "label": "Unanswered", "name": "Waiting"})
    assert "history" not in stand.history(start)
    assert label in stand.labels_of(put["id"])
    stand.control("box/person", {"action": "delete_label", "label": "Waiting", "history": told})
    assert label not in stand.labels_of(put["id"])
    removed = [item["labelsRemoved"][0]["labelIds"] for item in stand.history(start).get("history", ())]
    assert removed == ([[label]] if told else [])
    error = refused(modify(userId="me", id=put["id"], body={"addLabelIds": [label]}))
    assert (error.resp.status, reason(error)) == (400, "invalidArgument")
    assert refused(stand.users.labels().patch(userId="me", id=label, body={"name": "A"})).resp.status == 404


def test_snapshots_of_equal_runs_are_equal_and_of_others_are_not(stand: Stand) -> None:
    def scene() -> Any:
        again = Stand(stand.server)
        again.put(
            mail("a", Message_ID="<1@x>"),
            mail("Re: a", In_Reply_To="<1@x>"),
            labels=["INBOX", "Zeta", "Alpha"],
        )
        return again.control("box/snapshot")

    first = scene()
    assert first == scene()
    assert first["labels"] == ["Alpha", "Zeta"]
    assert first["messages"][0]["labels"] == ["Alpha", "INBOX", "Zeta"]
    stand.control(
        "box/person", {"action": "label", "message": first["messages"][0]["id"], "remove": ["Zeta"]}
    )
    assert stand.control("box/snapshot") != first


def test_delivering_a_thousand_is_quick(stand: Stand) -> None:
    begun = time.monotonic()
    stand.put(*[mail(f"n{n}") for n in range(1000)])
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("box/deliver", {"messages": [{"raw": "%"}]}, "must be base64url"),
        ("box/deliver", {"mail": []}, "needs the field 'messages'"),
        ("box/person", {"action": "reply", "thread": "1", "text": "x"}, "There is no thread 1"),
        ("box/person", {"action": "dance"}, "must be one of reply"),
        (
            "box/person",
            {"action": "create_label", "name": "Inbox"},
            "Gmail would refuse that: Invalid label name",
        ),
        ("mailboxes", {"address": "x@y", "colour": "red"}, "unknown fields 'colour'"),
        ("mailboxes/none@x/deliver", {"messages": []}, "There is no mailbox none@x"),
        ("faults", {"kind": "status", "method": "messages.fly"}, "There is no API method 'messages.fly'"),
        ("faults", {"kind": "status", "path": "("}, "is not a regular expression"),
        ("quota", {"limit": "many"}, "of the wrong type"),
        ("nonsense", {}, "There is no control request"),
    ],
)
def test_control_errors_are_one_sentence(stand: Stand, path: str, body: Any, sentence: str) -> None:
    with pytest.raises(ControlFailed, match=r"^[^\n]*$") as caught:
        stand.control(path, body)
    assert sentence in str(caught.value)


def test_delivery_is_all_or_nothing(stand: Stand) -> None:
    with pytest.raises(ControlFailed):
        stand.control("box/deliver", {"messages": [{"raw": encode(mail())}, {"raw": "%"}]})
    assert stand.list_ids() == []
