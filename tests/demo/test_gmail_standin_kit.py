"""What the tests of the Gmail stand-in share: the real client, and a judge of responses of its own."""

from __future__ import annotations

import base64
import json
from email.message import EmailMessage
from importlib import resources
from typing import Any

import httplib2
import jsonschema
import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build_from_document
from googleapiclient.errors import HttpError

from demo.common.serving import Server

ME = "care@brixel.test"
TOKEN = f"token-{ME}"
DAY = 86_400_000
START = 1_780_000_000_000


def discovery(url: str = "https://gmail.googleapis.com") -> dict[str, Any]:
    """Google's own description of the API, pointed at a server."""
    file = resources.files("googleapiclient") / "discovery_cache" / "documents" / "gmail.v1.json"
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document | dict.fromkeys(("rootUrl", "baseUrl", "mtlsRootUrl"), f"{url}/")


def to_json_schema(node: dict[str, Any]) -> dict[str, Any]:
    """A discovery schema as JSON Schema: nothing unknown, int64 as digits in a string."""
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    kind, form = node.get("type"), node.get("format")
    if kind == "object":
        properties = {name: to_json_schema(value) for name, value in node.get("properties", {}).items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if kind == "array":
        return {"type": "array", "items": to_json_schema(node["items"])}
    schema: dict[str, Any] = {"type": kind}
    if form in ("int64", "uint64"):
        schema["pattern"] = r"^\d+$" if form == "uint64" else r"^-?\d+$"
    if form == "byte":
        schema["pattern"] = r"^[A-Za-z0-9_-]*={0,2}$"
    if form in ("int32", "uint32"):
        schema |= {"minimum": 0 if form == "uint32" else -(2**31), "maximum": 2**32 - 1}
    if "enum" in node:
        schema["enum"] = node["enum"]
    return schema


DOCUMENT = discovery()
DEFINITIONS = {name: to_json_schema(node) for name, node in DOCUMENT["schemas"].items()}


def responses(resource: dict[str, Any]) -> dict[str, str | None]:
    """The response schema of every method."""
    found = {
        item["id"]: item.get("response", {}).get("$ref") for item in resource.get("methods", {}).values()
    }
    for inner in resource.get("resources", {}).values():
        found |= responses(inner)
    return found


RESPONSES = responses(DOCUMENT)
JUDGES = {
    method: jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": DEFINITIONS})
    for method, name in RESPONSES.items()
    if name is not None
}


def judge(method: str, body: Any) -> None:
    """Fail when a response is not what the discovery document allows."""
    if RESPONSES[method] is None:
        assert body in ("", None, b"")
    else:
        JUDGES[method].validate(body)


def run(request: Any) -> Any:
    """Execute a request of the real client, and judge the response."""
    body = request.execute()
    judge(request.methodId, body)
    return body


def refused(request: Any) -> HttpError:
    """Execute a request that must fail, and check that the error is of Google's form."""
    with pytest.raises(HttpError) as caught:
        request.execute()
    error = json.loads(caught.value.content)["error"]
    assert error["code"] == caught.value.resp.status
    assert error["message"]
    assert {"message", "domain", "reason"} <= set(error["errors"][0])
    return caught.value


def reason(error: HttpError) -> str:
    """The reason that an error gives."""
    return str(json.loads(error.content)["error"]["errors"][0]["reason"])


def encode(raw: bytes) -> str:
    """base64url."""
    return base64.urlsafe_b64encode(raw).decode()


def mail(subject: str = "Mixer smokes", text: str = "It smokes.", **headers: str) -> bytes:
    """A small mail; header names are written with underscores."""
    message = EmailMessage()
    fields = {"From": "Ada <ada@home.test>", "To": ME, "Subject": subject}
    for name, value in (fields | {key.replace("_", "-"): value for key, value in headers.items()}).items():
        message[name] = value
    message.set_content(text)
    return message.as_bytes()


class Stand:
    """A fresh mailbox on a running stand-in, with the real client connected to it."""

    def __init__(self, server: Server, **mailbox: Any) -> None:
        server.control("reset", {})
        self.server = server
        self.created = server.control("mailboxes", {"address": ME, **mailbox})
        self.service = self.connect()
        self.users = self.service.users()

    def connect(self, token: str = TOKEN) -> Any:
        """The real client with a token."""
        return build_from_document(discovery(self.server.url), credentials=Credentials(token))

    def control(self, path: str, body: Any = None, **more: Any) -> Any:
        """A control call; `box/…` is about this mailbox."""
        return self.server.control(path.replace("box/", f"mailboxes/{ME}/", 1), body, **more)

    def put(self, *raws: bytes, **fields: Any) -> list[dict[str, str]]:
        """Deliver mail, a second apart."""
        dates = range(fields.pop("date", START), 2**60, 1000)
        items = [
            {"raw": encode(raw), "internalDate": when, **fields}
            for raw, when in zip(raws, dates, strict=False)
        ]
        return list(self.control("box/deliver", {"messages": items})["delivered"])

    def http(
        self, verb: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[httplib2.Response, bytes]:
        """A bare request with the token of the mailbox."""
        named = {"authorization": f"Bearer {TOKEN}"} | {
            key.replace("_", "-"): item for key, item in headers.items()
        }
        answer: tuple[httplib2.Response, bytes] = httplib2.Http(timeout=10).request(
            self.server.url + path, verb, body=body, headers=named
        )
        return answer

    def get(self, message_id: str, **params: Any) -> Any:
        """messages.get."""
        return run(self.users.messages().get(userId="me", id=message_id, **params))

    def labels_of(self, message_id: str) -> set[str]:
        """The label ids of a message."""
        return set(self.get(message_id, format="minimal").get("labelIds", []))

    def label(self, name: str, **more: Any) -> str:
        """Make a label and return its id."""
        return str(run(self.users.labels().create(userId="me", body={"name": name, **more}))["id"])

    def list_ids(self, **params: Any) -> list[str]:
        """messages.list, one page."""
        return [
            item["id"] for item in run(self.users.messages().list(userId="me", **params)).get("messages", [])
        ]

    def history(self, start: str, **params: Any) -> Any:
        """history.list, one page."""
        return run(self.users.history().list(userId="me", startHistoryId=start, **params))

    def now(self) -> str:
        """The mailbox's newest history id."""
        return str(run(self.users.getProfile(userId="me"))["historyId"])


def test_the_judge_refuses_what_google_could_not_send() -> None:
    """The converter must be able to say no, or it proves nothing."""
    judge("gmail.users.getProfile", {"emailAddress": ME, "historyId": "12"})
    for wrong in (
        {"historyId": 12},
        {"historyId": "x"},
        {"emailAddress": ME, "extra": 1},
        {"messagesTotal": "1"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            judge("gmail.users.getProfile", wrong)
