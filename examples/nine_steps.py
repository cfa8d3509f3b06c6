"""The nine steps of TLS 1.2 with RSA key exchange: a real connection, and what each side computed in it.

Both sides keep a trace while they talk over TCP; the story is told from the two traces afterwards. A value
that both sides have is printed from both, and compared.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import lucidtls
from examples.story import CLIENT, REQUEST, SERVER, Story, serve, short
from lucidtls.tools.development import Authority
from lucidtls.trace import Computed, Direction, MessageTraced, Recorder, RecordTraced
from lucidtls.trust.certificate import parse_certificate
from lucidtls.wire.codepoints import CIPHER_SUITES, ContentType, name_of
from lucidtls.wire.versions import version_name

SUITE = "TLS_RSA_WITH_AES_128_GCM_SHA256"
TITLES = {
    1: "Client hello",
    2: "Server hello, with its certificate",
    3: "Authentication",
    4: "The premaster secret, encrypted with the server's public key",
    5: "The private key is used to decrypt it",
    6: "Session keys, from client random, server random and premaster secret",
    7: "Client Finished",
    8: "Server Finished",
    9: "Symmetric encryption",
}
BESIDE = (
    ("1 client hello", "1 client hello, with its key share"),
    ("2 server hello, certificate", "2 and 3 server hello, certificate, signature"),
    ("3 authentication of the name", "4 client verifies name and signature"),
    ("4 premaster secret encrypted", "- nothing secret is ever sent"),
    ("5 premaster secret decrypted", "- the certificate's key only signs"),
    ("6 session keys on both sides", "2 and 4, before anything else is said"),
    ("7 client Finished", "4 client Finished"),
    ("8 server Finished", "3 server Finished, in its first flight"),
    ("9 symmetric encryption", "5 symmetric encryption"),
)


class Different(Exception):
    """Two values that must be the same are not."""


class Side:
    """One side's trace, with questions to it."""

    def __init__(self, who: str, recorder: Recorder) -> None:
        self.who = who
        self._entries = recorder.entries

    def message(self, direction: Direction, name: str) -> Any:
        """The message of this name that it sent or received."""
        return next(
            entry.message
            for entry in self._entries
            if isinstance(entry, MessageTraced) and (entry.direction, entry.name) == (direction, name)
        )

    def computed(self, name: str) -> Computed:
        """What it computed under this name."""
        return next(
            entry
            for entry in self._entries
            if isinstance(entry, Computed) and name in (entry.purpose, entry.function)
        )

    def sealed(self, direction: Direction) -> list[int]:
        """The lengths of the protected records of application data that it sent or received."""
        return [
            entry.length
            for entry in self._entries
            if isinstance(entry, RecordTraced)
            and entry.direction == direction
            and entry.protected
            and entry.content_type == ContentType.APPLICATION_DATA
        ]


class NineSteps:
    """The story of one connection."""

    def __init__(self, client: Side, server: Side, negotiated: lucidtls.Negotiated) -> None:
        self._client, self._server, self._negotiated = client, server, negotiated
        self._story = Story(TITLES)

    def tell(self) -> None:
        """Tell it from beginning to end."""
        self._hellos()
        self._authentication()
        self._premaster_secret()
        self._session_keys()
        self._finished(7, "client Finished", self._client, self._server)
        self._finished(8, "server Finished", self._server, self._client)
        self._data()

    def _hellos(self) -> None:
        for step, name, sender, receiver in (
            (1, "ClientHello", self._client, self._server),
            (2, "ServerHello", self._server, self._client),
        ):
            sent, received = sender.message("sent", name), receiver.message("received", name)
            self._both(step, f"{sender.who} random", sender, sent.random, receiver, received.random)
            verb, codes = ("offers", sent.cipher_suites) if step == 1 else ("chooses", (sent.cipher_suite,))
            suites = ", ".join(name_of(CIPHER_SUITES, code) for code in codes)
            self._story.tell(step, sender.who, f"{verb} {version_name(sent.legacy_version)}, {suites}")
        leaf = self._server.message("sent", "Certificate").certificate_list[0]
        self._story.tell(2, SERVER, f"certificate            {short(leaf)}")

    def _authentication(self) -> None:
        sent = self._client.message("received", "Certificate").certificate_list
        names = ", ".join(parse_certificate(sent[0]).facts.names.dns)  # type: ignore[union-attr]
        verified = self._negotiated.verified
        if verified is None or verified.path[0] != sent[0]:
            raise Different("the certificate that was verified is not the one that was sent")
        anchor = parse_certificate(verified.path[-1]).subject_text
        self._story.tell(3, CLIENT, f"the certificate is for {names}, and leads to {anchor}")
        self._story.tell(3, CLIENT, "that the server has its private key will show in step 8")

    def _premaster_secret(self) -> None:
        made = self._client.computed("premaster secret").output
        encrypted = self._client.message("sent", "ClientKeyExchange").exchange
        self._value(4, CLIENT, "premaster secret", made)
        self._value(4, CLIENT, "encrypted and sent", encrypted)
        received = self._server.message("received", "ClientKeyExchange").exchange
        found = self._server.computed("premaster secret").output
        self._same(5, "receives the same", received, encrypted)
        self._same(5, "finds the same", found, made)

    def _session_keys(self) -> None:
        for side in (self._client, self._server):
            for name, value in side.computed("main secret").inputs:
                self._value(6, side.who, f"takes {name}", value)
        for purpose in ("main secret", "key block"):
            self._made_twice(purpose)
        for purpose in ("client_write_key", "server_write_key", "client_write_IV", "server_write_IV"):
            self._made_twice(purpose)

    def _made_twice(self, purpose: str) -> None:
        mine, theirs = self._client.computed(purpose).output, self._server.computed(purpose).output
        self._both(6, purpose, self._client, mine, self._server, theirs, verb="makes")

    def _finished(self, step: int, purpose: str, sender: Side, receiver: Side) -> None:
        sent = sender.message("sent", "Finished").verify_data
        expected = receiver.computed(purpose).output
        self._both(step, "Finished", sender, sent, receiver, expected, verb="expects")
        if step == 8:
            self._story.tell(step, CLIENT, "so the server could decrypt it: it has the private key")

    def _data(self) -> None:
        for sender, receiver in ((self._client, self._server), (self._server, self._client)):
            sent, received = sender.sealed("sent"), receiver.sealed("received")
            if sent != received:
                raise Different("what was sealed is not what was opened")
            text = f"seals {sum(sent)} bytes with {sender.who}_write_key; the {receiver.who} opens them"
            self._story.tell(9, sender.who, text)

    # Lines

    def _value(self, step: int, who: str, name: str, value: bytes) -> None:
        self._story.tell(step, who, f"{name:22} {short(value)}")

    def _same(self, step: int, name: str, value: bytes, other: bytes) -> None:
        if value != other:
            raise Different(name)
        self._value(step, SERVER, name, value)

    def _both(
        self, step: int, name: str, first: Side, value: bytes, second: Side, other: bytes, verb: str = "has"
    ) -> None:
        """A value of one side, and that the other has it too."""
        if value != other:
            raise Different(name)
        self._value(step, first.who, name, value)
        self._story.tell(step, second.who, f"{f'{verb} the same':22} {short(other)}")


def tell_nine_steps(authority: Authority) -> None:
    """Make the connection, tell it, and put it beside TLS 1.3."""
    print("\nTLS 1.2 with RSA key exchange, the way it was for twenty years: nine steps.")
    client, server, negotiated = connect_once(authority)
    NineSteps(Side(CLIENT, client), Side(SERVER, server), negotiated).tell()
    print("\n Beside TLS 1.3\n")
    for old, new in BESIDE:
        print(f"    {old:30} {new}")
    print("\nThe connection was TLS 1.2, verified; every value is the same on both sides.")
    print("Whoever gets the private key later can read all of it: TLS 1.3 has no such step.")


def connect_once(authority: Authority) -> tuple[Recorder, Recorder, lucidtls.Negotiated]:
    """One request over TCP, with both sides' traces."""
    issued = authority.issue(["localhost", "127.0.0.1"], kind="rsa")
    traces = Recorder(wants_secrets=True), Recorder(wants_secrets=True)
    choices: dict[str, Any] = {
        "policy": lucidtls.dangerous.LEGACY_2026,
        "versions": ["TLS 1.2"],
        "cipher_suites": [SUITE],
        # With it the main secret is made from a hash of all messages, in which the randoms are only a part.
        "extended_master_secret": "off",
    }
    credential = lucidtls.Credential.load(issued.chain_pem(), issued.key)
    server = lucidtls.ServerConfig(credentials=credential, tracer=traces[1], **choices)
    client = lucidtls.ClientConfig(trust=authority.root_pem(), tracer=traces[0], **choices)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, server, threading.Event()))
        thread.start()
        port = listener.getsockname()[1]
        with lucidtls.connect("127.0.0.1", port, config=client, server_name="localhost") as tls:
            tls.sendall(REQUEST)
            while tls.recv(65536):
                continue
            negotiated = tls.negotiated
        thread.join(10)
    return *traces, negotiated
