"""Where to connect to, as it is written on a command line: one grammar for all commands."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

HTTPS_PORT = 443

# Scheme -> port, and whether the conversation begins in the clear (STARTTLS).
SCHEMES: dict[str, tuple[int, bool]] = {
    "https": (443, False),
    "tls": (443, False),
    "smtps": (465, False),
    "imaps": (993, False),
    "pop3s": (995, False),
    "ftps": (990, False),
    "ldaps": (636, False),
    "smtp": (25, True),
    "imap": (143, True),
    "pop3": (110, True),
    "ftp": (21, True),
    "ldap": (389, True),
    "xmpp": (5222, True),
    "postgres": (5432, True),
    "mysql": (3306, True),
}


@dataclass(frozen=True, slots=True)
class Target:
    """A host and port, or the path of a local socket. `path` is what an HTTP request asks for."""

    host: str
    port: int
    scheme: str = ""
    path: str = "/"
    local_path: str | None = None

    @property
    def starttls(self) -> bool:
        """Whether the service has to be asked for TLS first."""
        return SCHEMES.get(self.scheme, (0, False))[1]

    @property
    def speaks_http(self) -> bool:
        """Whether HTTP is what one expects there."""
        return self.scheme == "https" or (not self.scheme and self.port == HTTPS_PORT)

    def __str__(self) -> str:
        if self.local_path is not None:
            return f"unix:{self.local_path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(text: str) -> Target:
    """Read `host`, `host:port`, `[::1]:443`, `https://host/path`, `smtp://host`, `unix:/path`; raises
    ValueError.
    """
    if text.startswith("unix:"):
        if not text[5:]:
            raise ValueError("unix: needs the path of a socket, as in unix:/run/service.sock")
        return Target("", 0, "unix", local_path=text[5:])
    scheme, found, rest = text.partition("://")
    if not found:
        host, port = _host_and_port(text, HTTPS_PORT)
        return Target(host, port)
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        hint = "; lucidtls speaks TLS, and plain HTTP has none" if scheme == "http" else ""
        raise ValueError(f"unknown scheme {scheme!r}{hint}. Known are: {', '.join(SCHEMES)}, unix")
    parts = urlsplit(f"//{rest}")
    host, port = _host_and_port(parts.netloc.rpartition("@")[2], SCHEMES[scheme][0])
    path = parts.path or "/"
    return Target(unquote(host), port, scheme, f"{path}?{parts.query}" if parts.query else path)


def _host_and_port(text: str, default: int) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, after = text[1:].partition("]")
        if not bracket or (after and not after.startswith(":")):
            raise ValueError(f"{text!r} has a bracket too few")
        port = after[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if not host:
        raise ValueError(f"{text!r} names no host")
    if not port:
        return host, default
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{port!r} is no port; ports are 1 to 65535")
    return host, int(port)
