"""The certificates of the interop tests as files, because files are what the peers read.

One root on P-256, and under it a leaf for each kind of key, good for both roles and for seven days from now.
"""

from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding

from tests.certificates import Issued, make_ca, make_leaf, sequence
from tests.interop.settings import Identity, digest_of

SERVER_NAME: Final = "server.interop.example"
NAMES: Final = (SERVER_NAME, "127.0.0.1")
HOUR: Final = timedelta(hours=1)
WEEK: Final = timedelta(days=7)

KEY_KINDS: Final = {
    "rsa_pkcs1": "rsa2048",
    "ecdsa": "p256",
    "rsa_pss_rsae": "rsa2048",
    "rsa_pss_pss": "rsa-pss",
    "ecdsa_secp256r1": "p256",
    "ecdsa_secp384r1": "p384",
    "ecdsa_secp521r1": "p521",
    "ed25519": "ed25519",
    "ed448": "ed448",
    "mldsa44": "ml-dsa-44",
    "mldsa65": "ml-dsa-65",
    "mldsa87": "ml-dsa-87",
}

RSA_ENCRYPTION: Final = bytes.fromhex("300d06092a864886f70d0101010500")
RSASSA_PSS: Final = bytes.fromhex("300b06092a864886f70d01010a")  # no parameters: any hash (RFC 4055 §3.1)
LONG_SEQUENCE: Final = 4  # octets of the header of a PKCS #8 structure, which is always longer than 255


def key_kind_of(scheme: str) -> str:
    """Return the kind of key that signs with a scheme; one certificate serves all schemes of its kind."""
    return KEY_KINDS[scheme.rsplit("_sha", 1)[0]]


def key_pem(leaf: Issued) -> bytes:
    """Return the key in PEM, bound to PSS when its certificate is: OpenSSL wants the two alike."""
    if leaf.kind != "rsa-pss":
        return leaf.key_pem
    contents = leaf.key_bytes(Encoding.DER)[LONG_SEQUENCE:]
    return pem("PRIVATE KEY", sequence(contents.replace(RSA_ENCRYPTION, RSASSA_PSS, 1)))


def pem(label: str, der: bytes) -> bytes:
    """Return DER in its PEM armour."""
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), encodebytes(der), label.encode())


class Authority:
    """A root and the leaves under it, made when first asked for and kept in one directory."""

    def __init__(self, directory: Path, name: str = "Interop Root") -> None:
        self.directory = directory
        now = datetime.now(UTC)
        self._validity: dict[str, Any] = {"not_before": now - HOUR, "not_after": now + WEEK}
        self._root = make_ca(name, **self._validity)
        self._identities: dict[str, Identity] = {}
        self.file = directory / "root.pem"
        self.file.write_bytes(self._root.pem)

    def identity(self, scheme: str) -> Identity:
        """Return the leaf and key that sign with a scheme."""
        return self.identity_of_kind(key_kind_of(scheme))

    def identity_of_kind(self, kind: str) -> Identity:
        """Return the leaf with a kind of key."""
        if kind not in self._identities:
            self._identities[kind] = self._make_identity(kind)
        return self._identities[kind]

    def _make_identity(self, kind: str) -> Identity:
        usage = ["digital_signature"]
        if kind == "rsa2048":
            usage.append("key_encipherment")  # NSS asks for it whatever the version
        subject = f"interop {kind}"
        leaf = make_leaf(self._root, *NAMES, key=kind, subject=subject, key_usage=usage, **self._validity)
        identity = Identity(
            name=kind,
            chain=self.directory / f"{kind}.pem",
            key=self.directory / f"{kind}.key",
            leaf_digest=digest_of(leaf.der),
        )
        identity.chain.write_bytes(leaf.pem)
        identity.key.write_bytes(key_pem(leaf))
        return identity
