"""Handshakes with real peers, kept so that they can be had again without the peer.

    python -m tests.interop.transcripts [PEER ...]

records them anew into tests/vectors/transcripts12, a compressed JSON file each. Our side draws its randomness
from a seed and has a fixed clock, so the same input gives the same output, octet for octet; a change of what
our hellos look like asks for a new recording.

Our side has the role in which nothing it sends depends on randomness that pyca draws by itself: as a client
it never encrypts a premaster secret (PKCS #1 padding is random), as a server it never signs with ECDSA or
RSA-PSS. Hence RSA and RSA_PSK with their client, ECDHE_ECDSA with their server (or an Ed25519 key of ours),
and PKCS #1 signatures in DHE_RSA and ECDHE_RSA.
"""

import argparse
import gzip
import json
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import shake_128
from pathlib import Path
from typing import Any

from lucidtls.crypto.randomness import Random
from lucidtls.events import Event
from tests.interop.attempts import visit, welcome
from tests.interop.older import Cast, own_parameters
from tests.interop.ours import Connection, EngineStream, client_connection, server_connection
from tests.interop.peers.all import PEERS
from tests.interop.peers.base import Peer, Stream
from tests.interop.pki import SERVER_NAME, Authority
from tests.interop.plan_older import OWN_PARAMETERS, Trial, suites_of
from tests.interop.settings import CLIENT, SERVER, SHARED_KEY, Identity, Older, Settings
from tests.interop.suites import OLDER_VERSIONS, SIGNED_EXCHANGES, SUITES, TLS_12

DIRECTORY = Path(__file__).parents[1] / "vectors" / "transcripts12"
SHORT = 40  # octets of application data each way
FEW = {"node": 1, "curl": 1, "python-ssl": 1, "node24": 2, "pyopenssl": 2}  # all around OpenSSL
CHAIN_SCHEME = "ecdsa_secp256r1_sha256"  # of every certificate here


def seeded(seed: str) -> Random:
    """Return a source of octets that gives the same ones in the same order for the same seed."""
    drawn = 0

    def random(length: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return shake_128(f"{seed}/{drawn}".encode()).digest(length)

    return random


@dataclass(frozen=True, slots=True)
class Plan:
    """One handshake to record."""

    peer: str
    role: str  # of the peer
    trial: Trial

    @property
    def name(self) -> str:
        """What its file is called."""
        version = self.trial.version.replace("TLS ", "")
        return f"{self.peer}-{self.role}-{version}-{self.trial.exchange}"


def role_for(peer: Peer, exchange: str, turn: int) -> str:
    """Return the peer's role: where our side can be repeated, and otherwise each in turn."""
    if peer.server is None or exchange in {"RSA", "RSA_PSK"}:
        return CLIENT
    if exchange == "ECDHE_ECDSA":
        return SERVER
    if peer.role(CLIENT).older is None or exchange in _older(peer, CLIENT).breaks_after:
        return SERVER
    return (SERVER, CLIENT)[turn % 2]


def _older(peer: Peer, role: str) -> Older:
    older = peer.role(role).older
    assert older is not None
    return older


def plans() -> Iterator[Plan]:
    """Yield what to record: each key exchange of each library, versions, roles and suites taking turns."""
    turn = 0
    for peer in PEERS.values():
        exchanges = _older(peer, CLIENT).exchanges()
        if peer.name in FEW:
            exchanges = exchanges[len(peer.name) % 3 :][: FEW[peer.name]]
        for exchange in exchanges:
            role = role_for(peer, exchange, turn)
            yield Plan(peer.name, role, _trial(_older(peer, role), exchange, turn))
            turn += 1


def _trial(older: Older, exchange: str, turn: int) -> Trial:
    version = OLDER_VERSIONS[-(turn % 3) - 1]
    suites = [suite for suite in suites_of(older, version, exchange) if SUITES[suite].cipher != "NULL"]
    suite = suites[turn * 3 % len(suites)]
    scheme = None
    key = {"ECDHE_ECDSA": "p256", "PSK": None, "DHE_PSK": None, "ECDHE_PSK": None}.get(exchange, "rsa2048")
    if exchange in SIGNED_EXCHANGES and version == TLS_12:
        scheme = CHAIN_SCHEME if exchange == "ECDHE_ECDSA" else "rsa_pkcs1_sha256"
    group = None
    if exchange.startswith("ECDHE") or exchange == "ECDH_anon":
        group = ("x25519", "secp256r1")[turn % 2]
    elif exchange.startswith("DH"):
        group = "ffdhe2048" if older.finite_fields and turn % 2 else OWN_PARAMETERS
    return Trial(version, suite, scheme, key, group)


class Recorded:
    """A connection of the engine's, and a list of what was done with it."""

    def __init__(self, connection: Connection, operations: list[list[str]]) -> None:
        self._connection = connection
        self._operations = operations

    @property
    def negotiated(self) -> Any:
        """What the connection says."""
        return self._connection.negotiated

    def _note(self, operation: str, data: bytes = b"") -> None:
        self._operations.append([operation, b64encode(data).decode()])

    def receive_data(self, data: bytes) -> None:
        """Pass on what the peer sent."""
        self._note("receive", data)
        self._connection.receive_data(data)

    def send_data(self, data: bytes) -> None:
        """Pass on what we say."""
        self._note("say", data)
        self._connection.send_data(data)

    def close(self) -> None:
        """Pass on that we say no more."""
        self._note("close")
        self._connection.close()

    def data_to_send(self) -> bytes:
        """Pass on what we send."""
        if data := self._connection.data_to_send():
            self._note("send", data)
        return data

    def next_event(self) -> Event | None:
        """Pass on what happened."""
        return self._connection.next_event()


class Recorder:
    """Our side, which keeps what it does."""

    name = "lucidtls"
    updates_keys = True
    tells_all = True

    def __init__(self) -> None:
        self.operations: list[list[str]] = []

    def has(self, suite: str) -> bool:
        return True

    def _stream(self, plain: Any, connection: Connection) -> Stream:
        recorded: Any = Recorded(connection, self.operations)
        return EngineStream(plain, recorded)

    def client(self, plain: Any, settings: Settings) -> Stream:
        return self._stream(plain, client_connection(settings))

    def server(self, plain: Any, settings: Settings) -> Stream:
        return self._stream(plain, server_connection(settings))


def seeded_settings(settings: Settings, seed: str, at: datetime) -> Settings:
    """Return settings with which our side does the same thing whenever it runs."""
    fixed: dict[str, Any] = {"random": seeded(seed), "clock": lambda: at}
    return replace(settings, extra={**settings.extra, **fixed})


def no_tickets(as_server: bool) -> dict[str, Any]:
    """Return the field with which a server keeps no sessions."""
    return {"tickets": 0} if as_server else {}


def our_settings(cast: Cast, plan: Plan) -> Settings:
    """Return the settings of our side, with nothing left to a policy that may change."""
    chosen = cast.our_client(plan.trial) if plan.role == SERVER else cast.our_server(plan.trial)
    schemes = dict.fromkeys([plan.trial.scheme or CHAIN_SCHEME, CHAIN_SCHEME])
    return replace(
        chosen,
        schemes=tuple(schemes),
        groups=chosen.groups or ("x25519", "secp256r1"),
        extra={**chosen.extra, "certificate_signature_schemes": (CHAIN_SCHEME,)}
        | no_tickets(plan.role == CLIENT),
    )


def record(plan: Plan, directory: Path) -> dict[str, Any]:
    """Have the handshake and a short conversation with the peer; return the transcript."""
    peer, at = PEERS[plan.peer], datetime.now(UTC).replace(microsecond=0)
    authority = Authority(directory)
    cast, older, side = Cast(authority), _older(peer, plan.role), Recorder()
    settings = our_settings(cast, plan)
    ours = seeded_settings(settings, plan.name, at)
    if plan.role == SERVER:
        with peer.serve(cast.their_server(older, plan.trial), directory / "peer") as server:
            visit(side, server, ours, upload=SHORT, download=SHORT, first=peer.role(SERVER).closings[0])
    else:
        theirs = cast.their_client(older, plan.trial)
        welcome(side, peer, theirs, ours, directory / "peer", upload=SHORT, download=SHORT)
    return {
        "peer": f"{plan.peer} {peer.version()}",
        "our role": CLIENT if plan.role == SERVER else SERVER,
        "seed": plan.name,
        "clock": at.isoformat(),
        "version": plan.trial.version,
        "suite": plan.trial.suite,
        "settings": as_json(settings),
        "operations": side.operations,
    }


def as_json(settings: Settings) -> dict[str, Any]:
    """Return those settings of ours that differ between transcripts, files by their contents."""
    identity = settings.identity
    return {
        "trust": settings.trust.read_text(),
        "certificate": identity.chain.read_text() if identity else None,
        "key": identity.key.read_text() if identity else None,
        "groups": settings.groups,
        "schemes": settings.schemes,
        "signs_with": settings.signs_with,
        "psk": settings.psk is not None,
        "anonymous": settings.anonymous,
        "own_parameters": "dh_parameters" in settings.extra,
        "minimum_dh_bits": settings.extra.get("minimum_dh_bits"),
    }


def settings_of(transcript: dict[str, Any], directory: Path) -> Settings:
    """Return the settings of our side in a transcript; files go to `directory`."""
    told = transcript["settings"]
    files = {name: directory / f"{name}.pem" for name in ("trust", "certificate", "key")}
    for name, path in files.items():
        path.write_text(told[name] or "")
    identity = Identity("recorded", files["certificate"], files["key"], "") if told["key"] else None
    extra: dict[str, Any] = {"certificate_signature_schemes": (CHAIN_SCHEME,)}
    extra |= no_tickets(transcript["our role"] == SERVER)
    if told["own_parameters"]:
        extra["dh_parameters"] = own_parameters()
    if told["minimum_dh_bits"]:
        extra["minimum_dh_bits"] = told["minimum_dh_bits"]
    settings = Settings(
        trust=files["trust"],
        identity=identity,
        server_name=SERVER_NAME if transcript["our role"] == CLIENT else None,
        versions=(transcript["version"],),
        suites=(transcript["suite"],),
        groups=tuple(told["groups"]),
        schemes=tuple(told["schemes"]),
        signs_with=tuple(told["signs_with"]) if told["signs_with"] else None,
        psk=SHARED_KEY if told["psk"] else None,
        anonymous=told["anonymous"],
        extra=extra,
    )
    return seeded_settings(settings, transcript["seed"], datetime.fromisoformat(transcript["clock"]))


def connection_of(transcript: dict[str, Any], directory: Path) -> Connection:
    """Return our side as it was at the beginning of a transcript."""
    settings = settings_of(transcript, directory)
    return (client_connection if transcript["our role"] == CLIENT else server_connection)(settings)


def replay(connection: Connection, operations: list[list[str]]) -> Iterator[tuple[bytes, bytes]]:
    """Do to a connection what was done; yield what was sent then beside what is sent now."""
    for operation, text in operations:
        data = b64decode(text)
        match operation:
            case "receive":
                connection.receive_data(data)
                while connection.next_event() is not None:
                    continue
            case "say":
                connection.send_data(data)
            case "close":
                connection.close()
            case _:
                yield data, connection.data_to_send()


def read(path: Path) -> dict[str, Any]:
    """Return a transcript."""
    transcript: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return transcript


def main() -> int:
    """Record all of them, or those of some peers."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.transcripts", description=__doc__)
    parser.add_argument("peers", nargs="*", metavar="PEER", help="record with these only")
    wanted = parser.parse_args().peers or list(PEERS)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for plan in plans():
        if plan.peer not in wanted:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            transcript = record(plan, Path(scratch))
        for old in DIRECTORY.glob(f"{plan.name}.json.gz"):
            old.unlink()
        text = json.dumps(transcript, separators=(",", ":")).encode()
        (DIRECTORY / f"{plan.name}.json.gz").write_bytes(gzip.compress(text, mtime=0))
        print(plan.name, transcript["suite"])
    for peer in PEERS.values():
        peer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
