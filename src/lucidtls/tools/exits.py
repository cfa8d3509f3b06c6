"""Exit codes, the same for every command: a script can tell what went wrong without reading text."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FINDING: Final = 1
USAGE: Final = 2
INPUT: Final = 3
RESOLUTION: Final = 4
CONNECTION: Final = 5
NOT_TLS: Final = 6
HANDSHAKE: Final = 7
CERTIFICATE: Final = 8
CLIENT_AUTHENTICATION: Final = 9
DATA: Final = 10
INCOMPLETE: Final = 11
INTERNAL: Final = 70
INTERRUPTED: Final = 130

MEANINGS: Final = {
    OK: "done, nothing wrong",
    FINDING: "done, but an expectation failed",
    USAGE: "the command line makes no sense",
    INPUT: "a local file, key or password cannot be used",
    RESOLUTION: "the name has no address",
    CONNECTION: "no TCP connection: refused, unreachable or no answer",
    NOT_TLS: "the peer does not speak TLS there",
    HANDSHAKE: "the TLS handshake failed",
    CERTIFICATE: "the certificate was not accepted",
    CLIENT_AUTHENTICATION: "client authentication is required, or was refused",
    DATA: "the connection failed after the handshake",
    INCOMPLETE: "some of it could not be examined",
    INTERNAL: "a bug in lucidtls",
    INTERRUPTED: "interrupted",
}
