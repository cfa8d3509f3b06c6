"""The certificates of the interop tests: one root, and for each kind of key a leaf under it, as files.

The peers read files, so files they are. cryptography makes no certificates for keys bound to RSASSA-PSS
(RFC 4055 §1.2), so for that kind the algorithm identifier of an RSA key is exchanged in the DER and the
result signed again.
"""

from base64 import encodebytes
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.interop.settings import Identity, digest_of

SERVER_NAME: Final = "server.interop.example"
PKCS12_PASSWORD: Final = b"interop"
VALID_FOR: Final = timedelta(days=7)
RSA_BITS: Final = 2048

RSA_ENCRYPTION: Final = bytes.fromhex("300d06092a864886f70d0101010500")
RSASSA_PSS: Final = bytes.fromhex("300b06092a864886f70d01010a")  # no parameters: any hash, RFC 4055 §3.1
SEQUENCE: Final = 0x30
BIT_STRING: Final = 0x03

CERTIFICATE_SIGNING: Final = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)

KEY_KINDS: Final[dict[str, Callable[[], CertificateIssuerPrivateKeyTypes]]] = {
    "rsa": lambda: rsa.generate_private_key(65537, RSA_BITS),
    "rsa_pss": lambda: rsa.generate_private_key(65537, RSA_BITS),
    "ecdsa_secp256r1_sha256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ecdsa_secp384r1_sha384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ecdsa_secp521r1_sha512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "mldsa44": mldsa.MLDSA44PrivateKey.generate,
    "mldsa65": mldsa.MLDSA65PrivateKey.generate,
    "mldsa87": mldsa.MLDSA87PrivateKey.generate,
}


def key_kind_of(scheme: str) -> str:
    """Return the kind of key that signs with a scheme; one certificate serves all schemes of its kind."""
    if scheme.startswith("rsa_pss_rsae"):
        return "rsa"
    return "rsa_pss" if scheme.startswith("rsa_pss_pss") else scheme


def der(tag: int, *parts: bytes) -> bytes:
    """Return one DER element."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + body


def der_elements(element: bytes) -> list[bytes]:
    """Return the elements inside a constructed DER element, whole."""
    elements: list[bytes] = []
    rest = element[_der_header(element) :]
    while rest:
        header = _der_header(rest)
        length = rest[1] if rest[1] < 0x80 else int.from_bytes(rest[2:header])
        elements.append(rest[: header + length])
        rest = rest[header + length :]
    return elements


def _der_header(element: bytes) -> int:
    return 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)


def mark_pss(element: bytes) -> bytes:
    """Return `element`, with rsaEncryption exchanged for id-RSASSA-PSS when it is a key."""
    if RSA_ENCRYPTION not in element:
        return element
    return der(SEQUENCE, *(RSASSA_PSS if part == RSA_ENCRYPTION else part for part in der_elements(element)))


def bind_to_pss(certificate: bytes, issuer: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a certificate whose RSA key is marked id-RSASSA-PSS, signed again by `issuer`."""
    tbs, algorithm, _ = der_elements(certificate)
    bound = der(SEQUENCE, *(mark_pss(part) for part in der_elements(tbs)))
    signature = issuer.sign(bound, ec.ECDSA(hashes.SHA256()))
    return der(SEQUENCE, bound, algorithm, der(BIT_STRING, b"\0", signature))


def pem(label: str, body: bytes) -> bytes:
    """Return DER in its PEM armour."""
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), encodebytes(body), label.encode())


class Authority:
    """A root and the leaves under it, made when first asked for and kept in one directory."""

    def __init__(self, directory: Path, name: str = "interop root") -> None:
        self.directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._identities: dict[str, Identity] = {}
        self.root = self._make_root()
        self.file = directory / "root.pem"
        self.file.write_bytes(self.root.public_bytes(Encoding.PEM))

    def _builder(self, subject: x509.Name, key: CertificatePublicKeyTypes) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + VALID_FOR)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )

    def _make_root(self) -> x509.Certificate:
        return (
            self._builder(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(CERTIFICATE_SIGNING, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def _make_leaf(self, kind: str, key: CertificatePublicKeyTypes) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"interop {kind}")])
        names = [x509.DNSName(SERVER_NAME), x509.IPAddress(IPv4Address("127.0.0.1"))]
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            self._builder(subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(Encoding.DER)
        )
        return bind_to_pss(certificate, self._key) if kind == "rsa_pss" else certificate

    def identity(self, scheme: str) -> Identity:
        """Return the leaf and key that sign with a scheme."""
        kind = key_kind_of(scheme)
        if kind not in self._identities:
            self._identities[kind] = self._make_identity(kind)
        return self._identities[kind]

    def _make_identity(self, kind: str) -> Identity:
        key = KEY_KINDS[kind]()
        leaf = self._make_leaf(kind, key.public_key())
        encoded = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        identity = Identity(
            name=kind,
            chain=self.directory / f"{kind}.pem",
            key=self.directory / f"{kind}.key",
            pkcs12=self.directory / f"{kind}.p12",
            leaf_digest=digest_of(leaf),
        )
        identity.chain.write_bytes(pem("CERTIFICATE", leaf))
        identity.key.write_bytes(pem("PRIVATE KEY", mark_pss(encoded) if kind == "rsa_pss" else encoded))
        if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):  # what the one reader, NSS, knows
            bundle = pkcs12.serialize_key_and_certificates(
                kind.encode(),
                key,
                x509.load_der_x509_certificate(leaf),
                None,
                BestAvailableEncryption(PKCS12_PASSWORD),
            )
            identity.pkcs12.write_bytes(bundle)
        return identity
