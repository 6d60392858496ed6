"""POST /batch/gmail/v1: up to a hundred requests in one, each answered and counted on its own."""

from __future__ import annotations

import re
from email.parser import BytesParser
from http import HTTPStatus
from urllib.parse import urlsplit

from demo.common.wire import Reply
from demo.gmail.api import Incoming, after, before, error_reply, respond
from demo.gmail.errors import GoogleError
from demo.gmail.hub import Hub

MOST_PARTS = 100
BOUNDARY = "batch_standin_9Xq2Lk7vT4"
REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.[01]\r?\n")
BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def _bad(message: str) -> GoogleError:
    return GoogleError(400, message, "badRequest")


async def respond_batch(hub: Hub, outer: Incoming) -> Reply:
    """Answer a batch, and spoil its envelope when a rule for the method `batch` says so."""
    rule = hub.faults.match("batch", outer.path, hub.owner(outer.authorization), "direct")
    reply = await before(hub, rule, outer)
    if reply is not None:
        return reply
    try:
        parts = split(outer)
    except GoogleError as error:
        return error_reply(error)
    hub.stats.batches.append(len(parts))
    answers = []
    for content_id, inner in parts:
        answer = await respond(hub, inner)
        if answer.cut == "drop":
            return Reply(cut="drop")
        answers.append((content_id, answer))
    return await after(hub, rule, _join(answers))


def split(outer: Incoming) -> list[tuple[str, Incoming]]:
    """The requests inside a batch, each with its Content-ID."""
    content_type = outer.headers.get("content-type", "")
    envelope = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1") + outer.body
    mail = BytesParser().parsebytes(envelope)
    boundary = mail.get_boundary()
    if mail.get_content_type() != "multipart/mixed" or not boundary:
        raise _bad("Failed to parse batch request, error: Missing or invalid multipart boundary.")
    chunks = re.split(
        rb"(?:^|\r?\n)--" + re.escape(boundary.encode("latin-1")) + rb"(?:--)?[ \t]*(?:\r?\n|$)", outer.body
    )
    bodies = [chunk for chunk in chunks[1:] if chunk.strip()]
    if not bodies:
        raise _bad("Failed to parse batch request, error: 0 items.")
    if len(bodies) > MOST_PARTS:
        raise _bad(
            f"The batch has {len(bodies)} calls; at most {MOST_PARTS} are allowed in a single batch request."
        )
    return [_part(chunk, outer) for chunk in bodies]


def _part(chunk: bytes, outer: Incoming) -> tuple[str, Incoming]:
    pieces = BLANK_LINE.split(chunk, maxsplit=1)
    head = BytesParser().parsebytes(pieces[0] + b"\r\n\r\n", headersonly=True)
    if head.get_content_type() != "application/http" or len(pieces) < 2:
        raise _bad("Failed to parse batch request, error: each part must be of type application/http.")
    line = REQUEST_LINE.match(pieces[1])
    if line is None:
        raise _bad("Failed to parse batch request, error: a part does not begin with a request line.")
    rest = BLANK_LINE.split(pieces[1][line.end() :], maxsplit=1)
    headers = BytesParser().parsebytes(rest[0] + b"\r\n\r\n", headersonly=True)
    named = {name.lower(): str(value) for name, value in headers.items()}
    target = urlsplit(line[2].decode("latin-1"))
    named.setdefault("authorization", outer.headers.get("authorization", ""))
    incoming = Incoming(
        verb=line[1].decode(),
        path=target.path,
        query=target.query,
        headers=named,
        body=rest[1] if len(rest) > 1 else b"",
        where="batch",
        left=outer.left,
    )
    return str(head.get("Content-ID", "")), incoming


def _join(answers: list[tuple[str, Reply]]) -> Reply:
    lines = []
    for content_id, answer in answers:
        body = answer.body[: len(answer.body) // 2] if answer.cut == "truncated" else answer.body
        phrase = HTTPStatus(answer.status).phrase
        headers = answer.headers | ({} if answer.status == 204 else {"Content-Length": str(len(answer.body))})
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        named = f"Content-ID: <response-{content_id.removeprefix('<')}\r\n" if content_id else ""
        lines.append(
            f"--{BOUNDARY}\r\nContent-Type: application/http\r\n{named}\r\n"
            f"HTTP/1.1 {answer.status} {phrase}\r\n{head}\r\n".encode()
            + body
            + b"\r\n"
        )
    data = b"".join(lines) + f"--{BOUNDARY}--\r\n".encode()
    return Reply(body=data, headers={"Content-Type": f"multipart/mixed; boundary={BOUNDARY}"})
