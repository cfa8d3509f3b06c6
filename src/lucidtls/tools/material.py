"""What a command line names: files, keys, algorithms, read into what a config takes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lucidtls.dangerous import LEGACY_2026
from lucidtls.errors import CertificateRejected, ConfigurationError
from lucidtls.events import ACCEPTED, Accepted, PreSharedKey
from lucidtls.policies import VERSIONS
from lucidtls.tools import exits
from lucidtls.tools.failures import local_failure
from lucidtls.tools.findings import CommandFailed, Diagnosis
from lucidtls.tools.refusals import sentence
from lucidtls.trust.algorithms import DEFAULT_CERTIFICATE_POLICY, CertificatePolicy
from lucidtls.trust.credentials import Credential
from lucidtls.trust.names import ReferenceName
from lucidtls.trust.stores import SystemTrust, TrustStore, load_trust
from lucidtls.trust.verify import ChainVerifier, VerificationRequest, VerifiedChain

PRIVATE = 0o600
"""The mode of files with secrets: for their owner alone."""

WITHDRAWN = ("TLS 1.0", "TLS 1.1")
"""Versions that --legacy has to allow (RFC 8996)."""

# Names that people use beside those of IANA.
ALIASES = {
    "p-256": "secp256r1",
    "p-384": "secp384r1",
    "p-521": "secp521r1",
    "prime256v1": "secp256r1",
    "aes_128_gcm": "TLS_AES_128_GCM_SHA256",
    "aes_256_gcm": "TLS_AES_256_GCM_SHA384",
    "chacha20_poly1305": "TLS_CHACHA20_POLY1305_SHA256",
    "aes_128_ccm": "TLS_AES_128_CCM_SHA256",
    "aes_128_ccm_8": "TLS_AES_128_CCM_8_SHA256",
}


def algorithm_list(text: str | None) -> tuple[str | int, ...] | None:
    """Read `x25519,P-256,0x11ec`: names, usual names and code points; None stays None, "" is an empty
    list.
    """
    if text is None:
        return None
    names = [part.strip() for part in text.replace(":", ",").split(",")]
    return tuple(_algorithm(name) for name in names if name)


def _algorithm(name: str) -> str | int:
    if name.lower().startswith("0x"):
        try:
            return int(name, 16)
        except ValueError:
            raise usage_error(f"{name!r} is no code point") from None
    return ALIASES.get(name.lower(), name)


def protocol_choices(options: argparse.Namespace) -> dict[str, Any]:
    """What --tls and --legacy say, as arguments of a config."""
    versions = version_range(options.tls) if options.tls is not None else None
    if options.legacy:
        return {"policy": LEGACY_2026, "versions": versions}
    withdrawn = [name for name in WITHDRAWN if name in (versions or ())]
    if withdrawn:
        verb = "is" if len(withdrawn) == 1 else "are"
        raise usage_error(
            f"{' and '.join(withdrawn)} {verb} withdrawn (RFC 8996); say --legacy if that is meant"
        )
    return {"versions": versions}


def version_range(text: str) -> tuple[str, ...]:
    """Read `1.2`, `1.0..1.2`, `1.2..` and `..1.2` into names of versions, lowest first."""
    known = [name.removeprefix("TLS ") for name in VERSIONS]
    low, dots, high = text.partition("..")
    first, last = (low or known[0], high or known[-1]) if dots else (low, low)
    if first not in known or last not in known or not text.strip("."):
        raise usage_error(f"{text!r} names no versions; known are {', '.join(known)}, and ranges as 1.0..1.2")
    chosen = known[known.index(first) : known.index(last) + 1]
    if not chosen:
        raise usage_error(f"{text!r} begins after its end: the lower version goes first")
    return tuple(f"TLS {version}" for version in chosen)


def usage_error(text: str) -> CommandFailed:
    """The command line makes no sense; exit code 2."""
    return CommandFailed(Diagnosis(code=None, slug="usage", title=sentence(text), exit_code=exits.USAGE))


def configured(make: Callable[[], Any]) -> Any:
    """Build a config; what is wrong with it is the command line's fault."""
    try:
        return make()
    except ConfigurationError as error:
        # The library names its policy; here it goes by the name of the option.
        text = str(error).replace("policy=lucidtls.dangerous.LEGACY_2026", "--legacy")
        raise usage_error(text) from error


def read_credential(chain: str, key: str | None, password_file: str | None = None) -> Credential:
    """Read a chain and its key (beside it in the same file without `key`), or PKCS#12; exit code 3 on
    failure.
    """
    try:
        password = Path(password_file).read_bytes().rstrip(b"\r\n") if password_file else None
        if key is None and chain.lower().endswith((".p12", ".pfx")):
            return Credential.from_pkcs12(chain, password)
        return Credential.load(chain, key, password=password)
    except (ConfigurationError, OSError) as error:
        code = "LT-S01" if "does not belong to the certificate" in str(error) else None
        raise CommandFailed(local_failure(error, "credential", code)) from error


def read_trust(files: Sequence[str], *, system: bool = True) -> TrustStore:
    """The anchors of `files`, or of the system when none are given and `system` allows it; exit code 3 on
    failure.
    """
    try:
        if files:
            return load_trust(list(files))
        if system:
            return SystemTrust()
    except (ConfigurationError, OSError) as error:
        raise CommandFailed(local_failure(error, "trust")) from error
    raise usage_error("--no-system-trust needs --ca: nobody would be trusted")


def pre_shared_key(text: str) -> PreSharedKey:
    """Read `ID:HEX`; the identity may hold colons."""
    identity, colon, digits = text.rpartition(":")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    # The key is a secret: what is wrong with it is told without it.
    if not colon or not identity:
        raise usage_error("--psk is ID:HEX: an identity, a colon, and the key in hexadecimal digits")
    if not key:
        raise usage_error(f"the key of {identity!r} is not an even number of hexadecimal digits")
    made: PreSharedKey = configured(lambda: PreSharedKey(identity.encode(), key))
    return made


def pre_shared_keys(texts: Sequence[str]) -> dict[bytes, bytes]:
    """Read several `ID:HEX`: keys by identity; one identity has one key."""
    keys: dict[bytes, bytes] = {}
    for psk in map(pre_shared_key, texts):
        if psk.identity in keys:
            raise usage_error(f"two keys for the identity {psk.identity.decode()!r}")
        keys[psk.identity] = psk.key
    return keys


def key_log_writer(path: str) -> Callable[[str], None]:
    """Open a key log for appending, readable by its owner alone; exit code 3 on failure."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
    except OSError as error:
        raise CommandFailed(local_failure(error, "keylog", "LT-S05")) from error

    def write(text: str) -> None:
        # One write for each line, so that several connections can share the file.
        os.write(descriptor, f"{text}\n".encode("ascii"))

    return write


@dataclass(slots=True)
class Judge:
    """A verifier for tools: it checks a name of its own choice, and keeps a refusal instead of raising it if
    told to.

    `name` is who the peer must be, whatever name was sent to it; None compares no name. `policy` is what its
    certificates must be like.
    """

    trust: TrustStore
    name: ReferenceName | None
    lenient: bool = False
    policy: CertificatePolicy = DEFAULT_CERTIFICATE_POLICY
    refusal: CertificateRejected | None = None
    verified: VerifiedChain | None = None
    presented: tuple[bytes, ...] = ()

    def verify(self, request: VerificationRequest) -> VerifiedChain | Accepted:
        """Judge as `ChainVerifier` does; a refusal is kept, and raised unless lenient."""
        self.presented = request.chain
        own = replace(request, server_name=self.name)
        try:
            self.verified = ChainVerifier(self.trust, self.policy).verify(own)
        except CertificateRejected as error:
            self.refusal = error
            if self.lenient:
                return ACCEPTED
            raise
        return self.verified
