"""What `lucidtls serve` answers: files of a directory, a page about the connection, or what was sent."""

from __future__ import annotations

import html
import json
import mimetypes
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from lucidtls.io.sockets import TLSSocket
from lucidtls.tools import http
from lucidtls.tools.text import printable

FILE_PIECE: Final = 2**18
"""Bytes of a file that are read and sent at a time."""

INFO_PATH: Final = "/.well-known/lucidtls"

Handler = Callable[[TLSSocket], str]
"""Serves one connection and returns what it did, in a few words for the log."""

PLAIN_HTTP_ANSWER: Final = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"This port speaks TLS: use https://\n"
)
"""What a client that speaks plain HTTP can read; an alert would mean nothing to it."""

_STYLE: Final = (
    "body{font:16px/1.5 system-ui;max-width:46em;margin:2em auto;padding:0 1em}"
    "td,th{text-align:left;padding-right:1em}"
)


def echo(tls: TLSSocket) -> str:
    """Return what comes, until the client closes."""
    total = 0
    while data := tls.recv(FILE_PIECE):
        tls.sendall(data)
        total += len(data)
    return f"echoed {total} bytes"


@dataclass(frozen=True, slots=True)
class Site:
    """Answers HTTP: files below `root` if there is one, and a page about the connection."""

    root: Path | None = None
    hidden_files: bool = False

    def answer(self, tls: TLSSocket) -> str:
        """Answer one request, then be done with the connection."""
        head = _receive_head(tls)
        if head is None:
            return "no request"
        method, target, *_ = [*head.start.split(" "), "", ""]
        path = unquote(urlsplit(target).path)
        if method not in ("GET", "HEAD"):
            _send(tls, "405 Method Not Allowed", b"only GET and HEAD here\n", head_only=method == "HEAD")
            return f"{printable(head.start, 60)} 405"
        status = self._answer(tls, head, path, head_only=method == "HEAD")
        return f"{printable(head.start, 60)} {status}"

    def _answer(self, tls: TLSSocket, head: http.Head, path: str, *, head_only: bool) -> int:
        if self.root is None or path == INFO_PATH:
            wants_json = "json" in head.token("accept")
            body = _info_json(tls) if wants_json else _info_page(tls)
            _send(
                tls,
                "200 OK",
                body,
                "application/json" if wants_json else "text/html; charset=utf-8",
                head_only,
            )
            return 200
        found = self._find(path)
        if found is None:
            _send(tls, "404 Not Found", b"there is no such file\n", head_only=head_only)
            return 404
        if found.is_dir():
            if not path.endswith("/"):
                _redirect(tls, path + "/")
                return 301
            _send(
                tls, "200 OK", _listing(found, path, self.hidden_files), "text/html; charset=utf-8", head_only
            )
            return 200
        _send_file(tls, found, head_only)
        return 200

    def _find(self, path: str) -> Path | None:
        """The file or directory that a path names, if it is below the root and may be seen."""
        assert self.root is not None, "without a root there is nothing to find"
        parts = [part for part in path.split("/") if part]
        if (
            "\0" in path
            or ".." in parts
            or (not self.hidden_files and any(part.startswith(".") for part in parts))
        ):
            return None
        try:
            found = self.root.joinpath(*parts).resolve()
        except OSError:
            return None
        if not found.is_relative_to(self.root.resolve()) or not found.exists():
            return None  # a link that leads out of the directory, too
        index = found / "index.html"
        return index if found.is_dir() and path.endswith("/") and index.is_file() else found


def _receive_head(tls: TLSSocket) -> http.Head | None:
    received = bytearray()
    while (head := http.read_head(received)) is None:
        data = tls.recv(http.MAX_HEAD)
        if not data or len(received) > http.MAX_HEAD:
            return None
        received += data
    return head


def _send(
    tls: TLSSocket, status: str, body: bytes, kind: str = "text/plain; charset=utf-8", head_only: bool = False
) -> None:
    tls.sendall(_head(status, len(body), kind) + (b"" if head_only else body))


def _head(status: str, length: int, kind: str, *more: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {length}", "Connection: close",
             "X-Content-Type-Options: nosniff", *more)  # fmt: skip
    return "\r\n".join((*lines, "", "")).encode("latin-1", "replace")


def _redirect(tls: TLSSocket, path: str) -> None:
    # One leading slash only: two would make the path another host.
    place = "/" + quote(path.lstrip("/"))
    tls.sendall(_head("301 Moved Permanently", 0, "text/plain", f"Location: {place}"))


def _send_file(tls: TLSSocket, file: Path, head_only: bool) -> None:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    with file.open("rb") as opened:
        length = file.stat().st_size
        tls.sendall(_head("200 OK", length, kind))
        while not head_only and length > 0 and (piece := opened.read(min(FILE_PIECE, length))):
            tls.sendall(piece)
            length -= len(piece)


def _listing(directory: Path, path: str, hidden: bool) -> bytes:
    names = sorted(
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in directory.iterdir()
        if hidden or not entry.name.startswith(".")
    )
    links = "".join(f'<li><a href="{quote(name)}">{html.escape(printable(name))}</a></li>' for name in names)
    return _page(f"Index of {path}", f"<ul>{links}</ul>")


def _page(title: str, body: str) -> bytes:
    shown = html.escape(printable(title))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{shown}</title>'
        f"<style>{_STYLE}</style><h1>{shown}</h1>{body}</html>\n"
    ).encode()


# The page about the connection


def about(tls: TLSSocket) -> dict[str, Any]:
    """What was agreed with this client."""
    agreed = tls.negotiated
    older = agreed.key_exchange is not None
    return {
        "version": agreed.version,
        "suite": agreed.cipher_suite,
        "group": agreed.group,
        "key_exchange": agreed.key_exchange,
        "ems": agreed.extended_master_secret if older else None,
        "etm": agreed.encrypt_then_mac if older else None,
        "server_name": agreed.server_name,
        "alpn": agreed.alpn,
        "hello_retried": agreed.hello_retried,
        "resumed": agreed.resumed,
        "early_data": tls.early_data_received,
        "psk_identity": (
            agreed.psk_identity.decode("utf-8", "backslashreplace")
            if agreed.psk_identity is not None
            else None
        ),
        "client_certificate": {
            "requested": agreed.client_certificate_requested,
            "sent": agreed.client_authenticated,
            "names": list(agreed.verified.names) if agreed.verified is not None else [],
        },
    }


def _info_json(tls: TLSSocket) -> bytes:
    return (json.dumps(about(tls), indent=2) + "\n").encode()


def _info_page(tls: TLSSocket) -> bytes:
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name.replace("_", " "))}<td>{html.escape(printable(str(value)))}'
        for name, value in _flat(about(tls))
    )
    return _page("Your connection", f"<table>{rows}</table>")


def _flat(values: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", "none" if value in (None, []) else value
