"""HTTP/1.1 by httptools: what is no request is answered as a problem too, and heads are bounded."""

import secrets
import sys
from http import HTTPStatus

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from voc_common.http.problems import document

MAX_HEAD = 64 * 1024
"""Bytes of a request line with its headers; the parser itself would take any number of them."""
_METHODS = "DELETE, GET, PATCH, POST, PUT"


class Protocol(HttpToolsProtocol):
    """One connection."""

    _reading_head = True
    _head = 0
    """Bytes of a head that has not ended yet."""

    def data_received(self, data: bytes) -> None:
        """Read what came; a head that does not end ends the connection."""
        self._head += len(data)
        super().data_received(data)
        if not self._reading_head:
            self._head = 0
        elif self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, f"a request line with its headers has at most {MAX_HEAD} bytes")

    def on_headers_complete(self) -> None:
        """What follows is a body, if anything."""
        super().on_headers_complete()
        self._reading_head = False

    def on_message_complete(self) -> None:
        """The next request's head begins behind this one, with what may be there of it already."""
        super().on_message_complete()
        self._reading_head, self._head = True, 0

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be read as a request."""
        if isinstance(sys.exc_info()[1], httptools.HttpParserInvalidMethodError):
            self._refuse(405, "there is no such method", {"allow": _METHODS})
        else:
            self._refuse(400, "this is no HTTP/1.1 request")

    def _refuse(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        body = msgspec.json.encode(document(status, detail))
        told = {
            "content-type": "application/problem+json",
            "content-length": str(len(body)),
            "connection": "close",
            "x-request-id": secrets.token_hex(8),
        }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in (told | (headers or {})).items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
