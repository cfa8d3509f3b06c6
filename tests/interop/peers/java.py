"""Java's JSSE, through ../programs/Peer.java, which the java command compiles by itself."""

import os
import re
import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from tests.interop.peers.program import ProgramPeer
from tests.interop.settings import (
    CLASSICAL_GROUPS,
    CLASSICAL_SCHEMES,
    FFDHE,
    NIST_CURVES,
    OLDER_SCHEMES,
    PSK_13,
    TICKET_12,
    Capabilities,
    Lasting,
    Older,
)
from tests.interop.suites import ANONYMOUS_EXCHANGES, names_where

PROGRAM = Path(__file__).parents[1] / "programs" / "Peer.java"
INSTALLED = Path("/usr/lib/jvm")
OLDEST = 17
EXPORTS = 25  # ExtendedSSLSession.exportKeyingMaterialData came with this release
SETS_GROUPS = 20  # SSLParameters.setNamedGroups came with this release


OLDER = Older(
    # JSSE has neither AES-CCM nor pre-shared keys, nor SHA-384 with NULL.
    suites=names_where(
        lambda suite: (
            "PSK" not in suite.exchange
            and "CCM" not in suite.cipher
            and not (suite.exchange in ANONYMOUS_EXCHANGES and suite.cipher == "CHACHA20_POLY1305")
        )
    ),
    curves=("x25519", *NIST_CURVES, "x448"),
    finite_fields=FFDHE,
    any_curve=False,
    schemes=OLDER_SCHEMES,
    client_schemes=OLDER_SCHEMES,
    lacks=(
        ("PSK, DHE_PSK, ECDHE_PSK, RSA_PSK", "JSSE has no pre-shared keys of RFC 4279"),
        ("AES-CCM", "not implemented in JSSE"),
        ("encrypt_then_mac", "not implemented in JSSE"),
        ("refusing a fallback", "JSSE does not look for TLS_FALLBACK_SCSV (RFC 7507)"),
        (
            "leaving out extended_master_secret",
            "a property of the process: jdk.tls.useExtendedMasterSecret",
        ),
    ),
)


VERSIONS = ("TLS 1.2", "TLS 1.3")
LASTING = Lasting(
    resumes=(PSK_13, TICKET_12),
    lacks=(
        ("resumption by session id", "a property of the process turns tickets off"),
        ("external PSK, early data, late authentication", "not implemented in JSSE"),
    ),
)


def release_of(home: Path) -> int:
    """Return the feature release of the Java in a directory, 0 when there is none."""
    try:
        told = (home / "release").read_text()
    except OSError:
        return 0
    found = re.search(r'JAVA_VERSION="(\d+)', told)
    return int(found.group(1)) if found and (home / "bin" / "javac").exists() else 0


class Java(ProgramPeer):
    """The newest Java on this machine, or the one that LUCIDTLS_JAVA_HOME names.

    It sends KeyUpdate by itself after 2 MB (see the program).
    """

    name = "java"
    hint = "install a JDK, 17 or later"

    @cached_property
    def _java(self) -> tuple[int, Path | None]:
        if only := os.environ.get("LUCIDTLS_JAVA_HOME"):
            return release_of(Path(only)), Path(only) / "bin" / "java"
        homes = sorted(INSTALLED.iterdir()) if INSTALLED.is_dir() else []
        if told := os.environ.get("JAVA_HOME"):
            homes.append(Path(told))
        if found := shutil.which("java"):
            homes.append(Path(found).resolve().parents[1])
        release, home = max(((release_of(home), home) for home in homes), default=(0, Path()))
        return (release, home / "bin" / "java") if release >= OLDEST else (0, None)

    def found(self) -> bool:
        return self._java[1] is not None

    def command(self) -> list[str | Path]:
        return [str(self._java[1]), "-XX:TieredStopAtLevel=1", PROGRAM]

    @cached_property
    def _capabilities(self) -> Capabilities:
        return Capabilities(
            groups=CLASSICAL_GROUPS,
            schemes=CLASSICAL_SCHEMES,
            client_schemes=CLASSICAL_SCHEMES,
            # Up to JDK 25 at least, against RFC 9846 §7.4.1 (the name "TlsPremasterSecret" it asks its own
            # key agreement for means TLS 1.2's rule): one handshake in 256 fails, with OpenSSL as with us.
            trims_secrets=True,
            chooses_groups=self._java[0] >= SETS_GROUPS,
            older=OLDER,
            lasting=replace(LASTING, exports=VERSIONS if self._java[0] >= EXPORTS else ()),
        )

    @property
    def server(self) -> Capabilities:
        return self._capabilities

    @property
    def client(self) -> Capabilities:
        return self._capabilities
