"""Certificates for tests: authorities, leaves and chains with any kind of key and any defect.

Keys are made once per process and reused, so that thousands of certificates cost little more than their
signatures. The time is `NOW` unless a test says otherwise.

    root = make_ca("Root")
    leaf = make_leaf(root, "www.example.org", key="p256")
    chain(leaf)            # DER, leaf first, without the root
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 6, 15, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)

SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH

KEY_KINDS = (
    "p256",
    "p384",
    "p521",
    "rsa2048",
    "rsa-pss",
    "ed25519",
    "ed448",
    "ml-dsa-44",
    "ml-dsa-65",
    "ml-dsa-87",
)

_GENERATORS: dict[str, Callable[[], Any]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "p224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    "rsa2048": lambda: rsa.generate_private_key(65537, 2048),
    "rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    "rsa4096": lambda: rsa.generate_private_key(65537, 4096),
    "rsa-pss": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "ml-dsa-44": mldsa.MLDSA44PrivateKey.generate,
    "ml-dsa-65": mldsa.MLDSA65PrivateKey.generate,
    "ml-dsa-87": mldsa.MLDSA87PrivateKey.generate,
}

# The AlgorithmIdentifiers of rsaEncryption and id-RSASSA-PSS in a SubjectPublicKeyInfo, without parameters
# in the second (RFC 4055 §3.1).
_RSA_ENCRYPTION = bytes.fromhex("300d06092a864886f70d0101010500")
_RSASSA_PSS = bytes.fromhex("300b06092a864886f70d01010a")


@cache
def key_of(kind: str, number: int = 0) -> Any:
    """Return the private key of a kind with a number; always the same one within a process."""
    return _GENERATORS[kind]()


@dataclass(eq=False)
class Issued:
    """A certificate with its key and the one that issued it (None for a self-signed one)."""

    certificate: x509.Certificate
    key: Any
    kind: str
    issuer: Issued | None = None

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM, PKCS#8, in the clear."""
        return self.key_bytes(serialization.Encoding.PEM)

    @property
    def name(self) -> x509.Name:
        """The subject."""
        return self.certificate.subject

    def key_bytes(self, encoding: serialization.Encoding, password: bytes | None = None) -> bytes:
        """Encode the private key in PKCS#8."""
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password is not None:
            protection = serialization.BestAvailableEncryption(password)
        encoded: bytes = self.key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, protection)
        return encoded


@dataclass
class Recipe:
    """Everything that can be chosen about one certificate. None leaves an extension out."""

    subject: x509.Name | str = "leaf"
    issuer_name: x509.Name | None = None
    not_before: datetime = NOW - 30 * DAY
    not_after: datetime = NOW + 60 * DAY
    serial: int | None = None
    ca: bool | None = None
    path_length: int | None = None
    key_usage: Sequence[str] | None = None
    extended_key_usage: Sequence[x509.ObjectIdentifier] | None = None
    names: Sequence[str | x509.GeneralName] | None = None
    permitted: Sequence[str | x509.GeneralName] | None = None
    excluded: Sequence[str | x509.GeneralName] | None = None
    constraints_critical: bool = True
    subject_key_id: bool = True
    authority_key_id: bool = True
    hash: hashes.HashAlgorithm | None = None
    pss: bool | None = None
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = field(default_factory=list)


def name_of(text: str | x509.Name, organization: str | None = None) -> x509.Name:
    """Make a distinguished name with a common name, and an organization if wanted; "" is the empty name."""
    if isinstance(text, x509.Name):
        return text
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    if text:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, text))
    return x509.Name(attributes)


def general_name(value: str | x509.GeneralName) -> x509.GeneralName:
    """Read a general name: an IP address or network, an email address, a URI, else a DNS name."""
    if isinstance(value, x509.GeneralName):
        return value
    if "://" in value:
        return x509.UniformResourceIdentifier(value)
    if "@" in value:
        return x509.RFC822Name(value)
    for parse in (ipaddress.ip_address, ipaddress.ip_network):
        try:
            return x509.IPAddress(parse(value))
        except ValueError:
            continue
    return x509.DNSName(value)


def make_ca(
    subject: str | x509.Name = "Test Root",
    issuer: Issued | None = None,
    *,
    key: str = "p256",
    number: int | None = None,
    **choices: Any,
) -> Issued:
    """Make an authority: a root without `issuer`, an intermediate with it.

    `choices` are fields of `Recipe`; `number` picks the key among those of its kind (each name has its own
    unless told).
    """
    defaults: dict[str, Any] = {"ca": True, "key_usage": ("key_cert_sign", "crl_sign"), "subject": subject}
    defaults |= {"not_before": NOW - 365 * DAY, "not_after": NOW + 3650 * DAY}
    picked = _number_for(str(subject)) if number is None else number
    return issue(Recipe(**{**defaults, **choices}), issuer, key, picked)


def make_leaf(
    issuer: Issued | None = None,
    *names: str | x509.GeneralName,
    key: str = "p256",
    number: int = 0,
    **choices: Any,
) -> Issued:
    """Make an end-entity certificate for `names` (default www.example.org), self-signed without `issuer`."""
    defaults: dict[str, Any] = {
        "subject": "leaf",
        "ca": False,
        "key_usage": ("digital_signature",),
        "extended_key_usage": (SERVER_AUTH, CLIENT_AUTH),
        "names": names or ("www.example.org",),
    }
    return issue(Recipe(**{**defaults, **choices}), issuer, key, number)


def make_chain(*names: str, key: str = "p256", intermediates: int = 1) -> list[Issued]:
    """Make a chain: leaf, intermediates, root, in this order, all with keys of one kind."""
    above = make_ca("Test Root", key=key)
    chain_ = [above]
    for place in range(intermediates):
        above = make_ca(f"Test Intermediate {place}", above, key=key)
        chain_.insert(0, above)
    return [make_leaf(above, *names, key=key, number=1), *chain_]


def chain(leaf: Issued, *, root: bool = False) -> tuple[bytes, ...]:
    """Return the DER chain of a leaf, leaf first, with its root only if asked for."""
    found, one = [leaf.der], leaf
    while one.issuer is not None:
        one = one.issuer
        if root or one.issuer is not None:
            found.append(one.der)
    return tuple(found)


def issue(recipe: Recipe, issuer: Issued | None, kind: str, number: int) -> Issued:
    """Make one certificate by its recipe, signed by `issuer` or by its own key."""
    key = key_of(kind, number)
    subject = name_of(recipe.subject)
    issuer_name = recipe.issuer_name or (issuer.certificate.subject if issuer else subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(recipe.serial or next(_serials))
        .not_valid_before(recipe.not_before)
        .not_valid_after(recipe.not_after)
    )
    signer = issuer.key if issuer else key
    for extension, critical in _extensions(recipe, key, signer):
        builder = builder.add_extension(extension, critical)
    certificate = _sign(builder, recipe, signer, issuer.kind if issuer else kind)
    if kind == "rsa-pss":
        certificate = _mark_pss(certificate, recipe, signer, issuer.kind if issuer else kind)
    return Issued(certificate, key, kind, issuer)


_serials = count(1000)
_numbers: dict[str, int] = {}


def _number_for(name: str) -> int:
    return _numbers.setdefault(name, 10 + len(_numbers))


def _extensions(recipe: Recipe, key: Any, signer: Any) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if recipe.ca is not None:
        length = recipe.path_length if recipe.ca else None
        found.append((x509.BasicConstraints(recipe.ca, length), True))
    if recipe.key_usage is not None:
        found.append((key_usage(*recipe.key_usage), True))
    if recipe.extended_key_usage is not None:
        found.append((x509.ExtendedKeyUsage(recipe.extended_key_usage), False))
    if recipe.names:
        names = [general_name(name) for name in recipe.names]
        found.append((x509.SubjectAlternativeName(names), name_of(recipe.subject) == x509.Name([])))
    if recipe.permitted is not None or recipe.excluded is not None:
        permitted = [general_name(name) for name in recipe.permitted] if recipe.permitted else None
        excluded = [general_name(name) for name in recipe.excluded] if recipe.excluded else None
        found.append((x509.NameConstraints(permitted, excluded), recipe.constraints_critical))
    if recipe.subject_key_id:
        found.append((x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False))
    if recipe.authority_key_id:
        found.append((x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False))
    return [*found, *recipe.extensions]


def key_usage(*bits: str) -> x509.KeyUsage:
    """Make a key usage with the bits named as pyca names them."""
    names = [
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    ]
    return x509.KeyUsage(**{name: name in bits for name in names})


def _signing_arguments(recipe: Recipe, signer: Any, kind: str) -> dict[str, Any]:
    if not isinstance(signer, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        return {"algorithm": None}
    hash_ = recipe.hash or _usual_hash(signer)
    pss = kind == "rsa-pss" if recipe.pss is None else recipe.pss
    if isinstance(signer, rsa.RSAPrivateKey) and pss:
        scheme = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
        return {"algorithm": hash_, "rsa_padding": scheme}
    return {"algorithm": hash_}


def _usual_hash(signer: Any) -> hashes.HashAlgorithm:
    size = signer.key_size if isinstance(signer, ec.EllipticCurvePrivateKey) else 0
    return {384: hashes.SHA384(), 521: hashes.SHA512()}.get(size, hashes.SHA256())


def _sign(builder: x509.CertificateBuilder, recipe: Recipe, signer: Any, kind: str) -> x509.Certificate:
    return builder.sign(signer, **_signing_arguments(recipe, signer, kind))


def _mark_pss(certificate: x509.Certificate, recipe: Recipe, signer: Any, kind: str) -> x509.Certificate:
    """Mark the key id-RSASSA-PSS, which pyca cannot write, and sign again."""
    tbs = certificate.tbs_certificate_bytes
    body = _contents(tbs).replace(_RSA_ENCRYPTION, _RSASSA_PSS, 1)
    # The SubjectPublicKeyInfo around it is two bytes shorter; its two-byte length stands right before.
    at = body.index(_RSASSA_PSS)
    length = int.from_bytes(body[at - 2 : at], "big") - len(_RSA_ENCRYPTION) + len(_RSASSA_PSS)
    return resign(body[: at - 2] + length.to_bytes(2, "big") + body[at:], certificate, signer, recipe, kind)


def resign(
    tbs_contents: bytes, like: x509.Certificate, signer: Any, recipe: Recipe | None = None, kind: str = ""
) -> x509.Certificate:
    """Wrap altered TBSCertificate contents, signed as `like` is; for what pyca will not build."""
    return x509.load_der_x509_certificate(resigned_der(tbs_contents, like, signer, recipe, kind))


def resigned_der(
    tbs_contents: bytes, like: x509.Certificate, signer: Any, recipe: Recipe | None = None, kind: str = ""
) -> bytes:
    """As `resign`, without parsing the outcome; it may be no certificate at all."""
    tbs = sequence(tbs_contents)
    arguments = _signing_arguments(recipe or Recipe(), signer, kind)
    hash_ = arguments["algorithm"]
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        signature = signer.sign(tbs, ec.ECDSA(hash_))
    elif isinstance(signer, rsa.RSAPrivateKey):
        signature = signer.sign(tbs, arguments.get("rsa_padding") or padding.PKCS1v15(), hash_)
    else:
        signature = signer.sign(tbs)
    whole = like.public_bytes(serialization.Encoding.DER)
    after_tbs = _contents(whole)[len(like.tbs_certificate_bytes) :]
    algorithm = after_tbs[: 2 + after_tbs[1]]
    return sequence(tbs + algorithm + element(0x03, b"\0" + signature))


def tbs_contents(certificate: x509.Certificate) -> bytes:
    """Return the contents of the TBSCertificate, to alter and `resign`."""
    return _contents(certificate.tbs_certificate_bytes)


def element(tag: int, contents: bytes) -> bytes:
    """Encode one DER element."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + contents


def sequence(contents: bytes) -> bytes:
    """Encode a DER SEQUENCE."""
    return element(0x30, contents)


def _contents(encoded: bytes) -> bytes:
    size = encoded[1]
    return encoded[2 + (size & 0x7F) :] if size & 0x80 else encoded[2:]
