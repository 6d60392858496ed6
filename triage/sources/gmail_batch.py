"""Google's batch of requests, written and read plainly.

The client library's own takes a generator of mails to write it and a parser of mails to read it: longer, for each mail,
than the mail itself takes to read.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import httplib2
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import BatchHttpRequest

_BOUNDARY = re.compile(r'boundary="?([^";]+)"?', re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_ANSWERED = re.compile(rb"^content-id: *<response-([^>]*)>", re.IGNORECASE | re.MULTILINE)


class Batch(BatchHttpRequest):  # type: ignore[misc]
    """As the library's, but for how it is put on the wire."""

    def _execute(self, http: Any, order: Sequence[str], requests: Mapping[str, Any]) -> None:
        boundary = f"batch_{uuid.uuid4().hex}"
        body = "".join(_written(boundary, key, requests[key]) for key in order) + f"--{boundary}--\r\n"
        headers = {"content-type": f'multipart/mixed; boundary="{boundary}"'}
        answer, content = http.request(self._batch_uri, method="POST", body=body, headers=headers)
        if answer.status >= 300:
            raise HttpError(answer, content, uri=self._batch_uri)
        self._responses.update(_read(str(answer.get("content-type", "")), content))


def _written(boundary: str, key: str, request: Any) -> str:
    """One request as a part. Who asks stands in the head of the batch, for all of them."""
    place = urlsplit(request.uri)
    body = request.body or ""
    told = f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n" if body else ""
    return (
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <{quote(key)}>\r\n\r\n"
        f"{request.method} {place.path}?{place.query} HTTP/1.1\r\n{told}\r\n{body}\r\n"
    )


def _read(content_type: str, content: bytes) -> Iterator[tuple[str, tuple[httplib2.Response, bytes]]]:
    """Each request's key, and its answer. Raises BatchError where there is none."""
    found = _BOUNDARY.search(content_type)
    if not found:
        raise BatchError("Gmail's answer to a batch is not in parts")
    line = re.compile(rb"(?:^|\r?\n)--" + re.escape(found[1].encode()) + rb"(?:--)?[ \t]*(?:\r?\n|$)")
    for part in line.split(content)[1:]:
        if part.strip():
            head, answer, body = _BLANK.split(part, maxsplit=2)
            key = _ANSWERED.search(head)
            if not key:
                raise BatchError("a part of Gmail's answer to a batch does not say what it answers")
            status = answer.split(None, 2)[1].decode()
            fields = (row.partition(b":") for row in answer.splitlines()[1:])
            named = {name.decode().strip().lower(): value.decode().strip() for name, _, value in fields}
            yield unquote(key[1].decode()), (httplib2.Response({**named, "status": status}), body)
