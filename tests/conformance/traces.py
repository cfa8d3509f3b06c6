"""The traces of RFC 8448, and what it takes to replay them: scripted randomness, signers and verifiers.

Our client and our server do not send the extensions of the RFC's implementation, nor in its order, and no
setting makes them. So two seams put prepared bytes in the place of hellos and of parameters that are the
sender's own choice. Everything around them is the engine as it is: key exchange, transcript, key schedule,
authentication, records, driver. Wherever the engine builds a message that is replaced, what matters in it is
compared first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.connection import ClientConnection, ServerConnection
from lucidtls.crypto.groups import Group
from lucidtls.events import ACCEPTED, Accepted
from lucidtls.handshake import client, server
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.channel import Channel
from lucidtls.handshake.driver import Driver
from lucidtls.handshake.offer import ClientHandshake
from lucidtls.sessions.session import Session
from lucidtls.trust.names import parse_server_name
from lucidtls.trust.verify import VerificationRequest
from lucidtls.wire.codec import HandshakeMessage, decode
from lucidtls.wire.extensions import ExtensionForm, ch, ee, hrr, sh
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import HANDSHAKE_MESSAGES_13, EncryptedExtensions

VALID = datetime(2018, 1, 1, tzinfo=UTC)
"""A moment at which the certificates in the traces are valid."""

# The order of the group of P-256 (SP 800-186 §3.2.1.3).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

Step = dict[str, str]


@dataclass(frozen=True)
class Trace:
    """One section: its steps, and ways to find fields in them."""

    section: str
    steps: list[Step] = field(repr=False)

    def find(self, who: str, what: str, name: str, nth: int = 0) -> bytes:
        """The bytes of a field in the nth step of `who` whose title begins with `what`."""
        found = [s for s in self.steps if s["who"] == who and s["what"].startswith(what) and name in s]
        return bytes.fromhex(found[nth][name])

    def records(self, who: str, *kinds: str) -> list[bytes]:
        """The complete records that a side sends, of some content types ("handshake", "alert", ...)."""
        wanted = {f"send {kind} record" for kind in kinds}
        mine = (s for s in self.steps if s["who"] == who and s["what"].rstrip(":") in wanted)
        return [bytes.fromhex(step["complete record"]) for step in mine]

    def message(self, who: str, name: str, nth: int = 0) -> bytes:
        """A handshake message with its header."""
        return self.find(who, "construct a", name, nth)

    def has(self, who: str, name: str) -> bool:
        """Whether a side sends such a message."""
        return any(step["who"] == who and name in step for step in self.steps)

    def key_pair(self, who: str, nth: int = 0) -> bytes:
        """What the engine must draw from its source of randomness to get the nth private key of a side."""
        mine = [s for s in self.steps if s["who"] == who and s["what"].startswith("create an ephemeral")]
        private = bytes.fromhex(mine[nth]["private key"])
        if "P-256" not in mine[nth]["what"]:
            return private
        # Eight bytes more than the coordinate, reduced to 1 .. n-1.
        return (int.from_bytes(private) - 1).to_bytes(40)

    def secret(self, label: str) -> bytes:
        """A derived secret by its label, "c hs traffic" for example."""
        found = [s for s in self.steps if f'"tls13 {label}"' in s["what"] and "expanded" in s]
        return bytes.fromhex(found[0]["expanded"])


@cache
def trace(section: str) -> Trace:
    """The trace of one section of the RFC."""
    path = Path(__file__).parent.parent / "vectors" / "rfc8448" / "traces.json"
    return Trace(section, json.loads(path.read_text(encoding="utf-8"))[section])


def read_message(raw: bytes) -> HandshakeMessage:
    """Decode a handshake message that comes with its header."""
    return decode(HANDSHAKE_MESSAGES_13[raw[0]], raw[4:])


class ScriptedRandom:
    """Gives out prepared bytes in order, and insists that they are asked for in the lengths they have."""

    def __init__(self, *values: bytes) -> None:
        self.values = list(values)

    def __call__(self, length: int) -> bytes:
        """The next value."""
        value = self.values.pop(0)
        assert len(value) == length, f"{length} bytes were asked for where {len(value)} come next"
        return value


@dataclass
class TraceSigner:
    """Signs as the RFC's implementation did: RSA-PSS and ECDSA signatures are random."""

    scheme: int
    signature: bytes
    content: bytes = b""

    def sign(self, scheme: int, content: bytes) -> bytes:
        """Return the recorded signature and remember what it is said to cover."""
        assert scheme == self.scheme, "the trace was signed with another scheme"
        self.content = content
        return self.signature


class TraceVerifier:
    """Accepts the chain in the trace and no other: its certificates are self-signed."""

    def __init__(self, chain: Sequence[bytes]) -> None:
        self.chain = tuple(chain)

    def verify(self, request: VerificationRequest) -> Accepted:
        """Compare the chain, byte for byte."""
        assert request.chain == self.chain and request.at == VALID
        return ACCEPTED


_COMPARED = (
    ch.SERVER_NAME,
    ch.SUPPORTED_VERSIONS,
    ch.SUPPORTED_GROUPS,
    ch.KEY_SHARE,
    ch.COOKIE,
    ch.EARLY_DATA,
    ch.PRE_SHARED_KEY,
)
"""Extensions of a hello in which the engine and a trace must agree, whatever stands around them."""


def without_binders(hello: ClientHello) -> ClientHello:
    """The hello with zeros in the place of its binders, which the engine is to make."""
    offered = hello.extensions.get(ch.PRE_SHARED_KEY)
    if offered is not None:
        empty = offered._replace(binders=tuple(bytes(len(binder)) for binder in offered.binders))
        hello.extensions.raw[ch.PRE_SHARED_KEY.code] = ch.PRE_SHARED_KEY.write(empty)
        hello.extensions.values[ch.PRE_SHARED_KEY.code] = empty
    return hello


class _HelloFromTrace(ClientHandshake):
    """Sends the ClientHellos of the trace, after comparing them with those it would have sent itself."""

    def __init__(
        self,
        config: ClientConfig,
        channel: Channel,
        server_name: str,
        hellos: list[bytes],
        session: Session | None = None,
    ) -> None:
        self.prepared = hellos
        super().__init__(config, channel, parse_server_name(server_name), session=session)

    def _hello(self, random: bytes, session_id: bytes, groups: Sequence[Group]) -> ClientHello:
        own = super()._hello(random, session_id, groups)
        hello = without_binders(decode(ClientHello, self.prepared.pop(0)[4:]))
        for name in ("legacy_version", "random", "legacy_session_id", "cipher_suites"):
            assert getattr(own, name) == getattr(hello, name), f"the trace has another {name}"
        for form in _COMPARED:
            same = own.extensions.raw.get(form.code) == hello.extensions.raw.get(form.code)
            assert same, f"the trace has another {form.name}"
        return hello


class TraceClient(ClientConnection):
    """Our client, with the hellos of a trace."""

    def __init__(
        self, config: ClientConfig, server_name: str, hellos: list[bytes], session: Session | None = None
    ) -> None:
        hs = _HelloFromTrace(config, Channel(config), server_name, hellos, session)
        super(ClientConnection, self).__init__(Driver(config, hs.channel, client.run(hs)))


class _ChannelFromTrace(Channel):
    """Sends prepared messages in the place of those with extensions of the sender's own choice."""

    def __init__(self, config: ServerConfig, prepared: list[bytes]) -> None:
        super().__init__(config)
        self.prepared = [read_message(raw) for raw in prepared]

    def send(self, message: HandshakeMessage, *, in_transcript: bool = True) -> None:
        """Replace the message if there is one of its type, and compare what matters in a ServerHello."""
        if self.prepared and type(self.prepared[0]) is type(message):
            own, message = message, self.prepared.pop(0)
            if isinstance(own, ServerHello) and isinstance(message, ServerHello):
                _compare_hellos(own, message)
            if isinstance(own, EncryptedExtensions) and isinstance(message, EncryptedExtensions):
                same = (ee.EARLY_DATA in own.extensions) == (ee.EARLY_DATA in message.extensions)
                assert same, "the trace says something else of early data"
        super().send(message, in_transcript=in_transcript)


def _compare_hellos(own: ServerHello, traced: ServerHello) -> None:
    form: ExtensionForm[Any] = hrr.KEY_SHARE if own.is_retry_request else sh.KEY_SHARE
    assert own.extensions.get(form) == traced.extensions.get(form), "the trace has another key share"
    if not own.is_retry_request:
        selected = (hello.extensions.get(sh.PRE_SHARED_KEY) for hello in (own, traced))
        assert len(set(selected)) == 1, "the trace selects another PSK"
    for name in ("random", "legacy_session_id_echo", "cipher_suite", "legacy_compression_method"):
        assert getattr(own, name) == getattr(traced, name), f"the trace has another {name}"


class TraceServer(ServerConnection):
    """Our server, with the parameters of a trace."""

    def __init__(self, config: ServerConfig, prepared: list[bytes]) -> None:
        hs = ServerHandshake(config, _ChannelFromTrace(config, prepared))
        super(ServerConnection, self).__init__(Driver(config, hs.channel, server.run(hs)))

    def send_message(self, raw: bytes) -> None:
        """Send a message after the handshake, such as a ticket."""
        self._channel.send(read_message(raw), in_transcript=False)
        self._channel.flush()


def cookie_of(retry: bytes) -> bytes:
    """The cookie in a HelloRetryRequest."""
    message = decode(ServerHello, retry[4:])
    cookie = message.extensions.get(hrr.COOKIE)
    assert cookie is not None
    return cookie
