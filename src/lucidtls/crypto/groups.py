"""Key exchange groups as rows (RFC 9846 §4.3.7), and one key exchange under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x448, x25519

from lucidtls.crypto import ffdh
from lucidtls.crypto.agreements import (
    Agreement,
    CurveAgreement,
    EncapsulationAgreement,
    Finish,
    FiniteFieldAgreement,
    HybridAgreement,
    MontgomeryAgreement,
)
from lucidtls.crypto.randomness import Random
from lucidtls.errors import ConfigurationError, IllegalParameter, UsageError

Kind = Literal["ecdhe", "ffdhe", "kem", "hybrid"]


class KeyExchange:
    """The client's half of one key exchange: the `share` to send and the secret key behind it.

    It completes once: "Clients and Servers MUST NOT reuse a key share for multiple connections"
    (RFC 9846 §4.3.8).
    """

    __slots__ = ("_finish", "group", "share")

    def __init__(self, group: Group, share: bytes, finish: Finish) -> None:
        self.group = group
        self.share = share
        self._finish: Finish | None = finish

    def __repr__(self) -> str:
        return f"<KeyExchange {self.group.name}{' completed' if self._finish is None else ''}>"

    def complete(self, server_share: bytes) -> bytes:
        """Return the shared secret; IllegalParameter for a bad share, UsageError the second time."""
        finish, self._finish = self._finish, None
        if finish is None:
            raise UsageError(f"this {self.group.name} key share was used already")
        if len(server_share) != self.group.server_share_length:
            self.group.refuse_length("server", server_share, self.group.server_share_length)
        return finish(server_share)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One named group; lengths in bytes.

    `security_bits` is the estimated strength against classical computers, for a hybrid that of its stronger
    half; `source` defines the group and `clause` its shares.
    """

    code: int
    name: str
    kind: Kind
    client_share_length: int
    server_share_length: int
    security_bits: int
    post_quantum: bool
    source: str
    clause: str
    agreement: Agreement = field(repr=False)

    def available(self) -> bool:
        """Tell whether the libraries here can do it; the answer is kept for the process."""
        return self.agreement.available()

    def generate(self, random: Random) -> KeyExchange:
        """Start a key exchange as the client."""
        share, finish = self.agreement.generate(random)
        return KeyExchange(self, share, finish)

    def respond(self, client_share: bytes, random: Random) -> tuple[bytes, bytes]:
        """Answer a client's share as the server: (server_share, shared_secret).

        Raises IllegalParameter for a bad share. ML-KEM encapsulation draws its own randomness, so with
        those groups the answer differs from run to run even when `random` repeats.
        """
        if len(client_share) != self.client_share_length:
            self.refuse_length("client", client_share, self.client_share_length)
        return self.agreement.respond(client_share, random)

    def refuse_length(self, side: str, share: bytes, expected: int) -> None:
        """Raise IllegalParameter for a share whose length is not the group's."""
        raise IllegalParameter(
            f"the {side}'s key share has the wrong length",
            group=self.name,
            length=len(share),
            expected=expected,
            clause=self.clause,
        )


def _row(
    code: int,
    name: str,
    kind: Kind,
    agreement: Agreement,
    *,
    bits: int,
    source: str,
    clause: str,
) -> Group:
    return Group(
        code=code,
        name=name,
        kind=kind,
        client_share_length=agreement.client_share_length,
        server_share_length=agreement.server_share_length,
        security_bits=bits,
        post_quantum=kind in ("kem", "hybrid"),
        source=source,
        clause=clause,
        agreement=agreement,
    )


_SECP256R1 = CurveAgreement("secp256r1", ec.SECP256R1(), 32)
_SECP384R1 = CurveAgreement("secp384r1", ec.SECP384R1(), 48)
_SECP521R1 = CurveAgreement("secp521r1", ec.SECP521R1(), 66)
_X25519 = MontgomeryAgreement(
    "x25519",
    32,
    x25519.X25519PrivateKey.generate,
    x25519.X25519PrivateKey.from_private_bytes,
    x25519.X25519PublicKey.from_public_bytes,
)
_X448 = MontgomeryAgreement(
    "x448",
    56,
    x448.X448PrivateKey.generate,
    x448.X448PrivateKey.from_private_bytes,
    x448.X448PublicKey.from_public_bytes,
)
_MLKEM512 = EncapsulationAgreement("ML-KEM-512", 800, 768, None, None, None)
_MLKEM768 = EncapsulationAgreement(
    "ML-KEM-768",
    1184,
    1088,
    mlkem.MLKEM768PrivateKey.generate,
    mlkem.MLKEM768PrivateKey.from_seed_bytes,
    mlkem.MLKEM768PublicKey.from_public_bytes,
)
_MLKEM1024 = EncapsulationAgreement(
    "ML-KEM-1024",
    1568,
    1568,
    mlkem.MLKEM1024PrivateKey.generate,
    mlkem.MLKEM1024PrivateKey.from_seed_bytes,
    mlkem.MLKEM1024PublicKey.from_public_bytes,
)


def _curve(code: int, agreement: CurveAgreement | MontgomeryAgreement, bits: int, source: str) -> Group:
    return _row(
        code, agreement.name, "ecdhe", agreement, bits=bits, source=source, clause="RFC 9846 §4.3.8.2"
    )


def _field(code: int, field: ffdh.FiniteField, bits: int, section: str) -> Group:
    agreement = FiniteFieldAgreement(field)
    source = f"RFC 7919 Appendix {section}"
    return _row(code, field.name, "ffdhe", agreement, bits=bits, source=source, clause="RFC 9846 §4.3.8.1")


def _kem(code: int, name: str, agreement: EncapsulationAgreement, bits: int) -> Group:
    return _row(
        code, name, "kem", agreement, bits=bits, source="FIPS 203 §8", clause="draft-ietf-tls-mlkem §4.2"
    )


def _hybrid(code: int, name: str, first: Agreement, second: Agreement, bits: int) -> Group:
    agreement = HybridAgreement(first, second)
    return _row(code, name, "hybrid", agreement, bits=bits, source="RFC 10024 §4", clause="RFC 10024 §4")


SECP256R1 = _curve(0x0017, _SECP256R1, 128, "NIST SP 800-186 §3.2.1.3")
SECP384R1 = _curve(0x0018, _SECP384R1, 192, "NIST SP 800-186 §3.2.1.4")
SECP521R1 = _curve(0x0019, _SECP521R1, 256, "NIST SP 800-186 §3.2.1.5")
X25519 = _curve(0x001D, _X25519, 128, "RFC 7748 §5")
X448 = _curve(0x001E, _X448, 224, "RFC 7748 §5")
# Strengths as estimated in RFC 7919 Appendix A.
FFDHE2048 = _field(0x0100, ffdh.FFDHE2048, 103, "A.1")
FFDHE3072 = _field(0x0101, ffdh.FFDHE3072, 125, "A.2")
FFDHE4096 = _field(0x0102, ffdh.FFDHE4096, 150, "A.3")
FFDHE6144 = _field(0x0103, ffdh.FFDHE6144, 175, "A.4")
FFDHE8192 = _field(0x0104, ffdh.FFDHE8192, 192, "A.5")
MLKEM512 = _kem(0x0200, "MLKEM512", _MLKEM512, 128)
MLKEM768 = _kem(0x0201, "MLKEM768", _MLKEM768, 192)
MLKEM1024 = _kem(0x0202, "MLKEM1024", _MLKEM1024, 256)
# The order of the halves is not the same in all of them: ML-KEM goes first with X25519 only.
SECP256R1MLKEM768 = _hybrid(0x11EB, "SecP256r1MLKEM768", _SECP256R1, _MLKEM768, 192)
X25519MLKEM768 = _hybrid(0x11EC, "X25519MLKEM768", _MLKEM768, _X25519, 192)
SECP384R1MLKEM1024 = _hybrid(0x11ED, "SecP384r1MLKEM1024", _SECP384R1, _MLKEM1024, 256)

GROUPS: Final[dict[int, Group]] = {
    row.code: row
    for row in (
        X25519MLKEM768,
        SECP256R1MLKEM768,
        SECP384R1MLKEM1024,
        X25519,
        SECP256R1,
        X448,
        SECP384R1,
        SECP521R1,
        FFDHE2048,
        FFDHE3072,
        FFDHE4096,
        FFDHE6144,
        FFDHE8192,
        MLKEM512,
        MLKEM768,
        MLKEM1024,
    )
}

_BY_NAME: Final = {row.name.lower(): row for row in GROUPS.values()}


def group_named(name: str | int) -> Group:
    """Find a group by its IANA name (in any case) or its code; ConfigurationError when there is none."""
    row = GROUPS.get(name) if isinstance(name, int) else _BY_NAME.get(name.lower())
    if row is None:
        known = ", ".join(each.name for each in GROUPS.values())
        raise ConfigurationError(f"no group is called {name!r}; there are {known}")
    return row
