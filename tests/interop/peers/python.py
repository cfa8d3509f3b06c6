"""The two TLS libraries that Python programs use: the standard library's ssl, and pyOpenSSL."""

import ssl
import sys
from dataclasses import replace
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from tests.interop.peers.openssl import LIBRARY, OLDER, capabilities, default_groups, library
from tests.interop.peers.program import ProgramPeer
from tests.interop.settings import COMMON_SUITES, FFDHE, Capabilities
from tests.interop.suites import PSK_EXCHANGES

PYTHON_OLDER = replace(
    library(
        OLDER,
        ("pre-shared keys", "Python's ssl has them from 3.13 on; the program does not use them"),
        ("choosing signature schemes", "Python 3.11's ssl has no setter"),
        without=PSK_EXCHANGES,
    ),
    wants_dh_parameters=True,
)


PYTHON_LASTING = replace(
    LIBRARY,
    bindings=(("TLS 1.2", "tls-unique"),),
    lacks=(("exporters", "Python's ssl has none"), ("early data", "Python's ssl has none")),
)
OLDER_4 = replace(
    OLDER,
    finite_fields=FFDHE,  # RFC 7919 in TLS 1.2, since 4.0
    wants_dh_parameters=True,
    lacks=tuple(row for row in OLDER.lacks if not row[0].startswith("finite-field")),
)


class PythonSSL(ProgramPeer):
    """CPython's ssl. It chooses no TLS 1.3 suites or schemes, and has no half-close."""

    name = "python-ssl"
    hint = "part of Python"

    def found(self) -> bool:
        return True

    def version(self) -> str:
        return f"{self.program().greeting['version']} ({ssl.OPENSSL_VERSION})"

    def command(self) -> list[str | Path]:
        return [sys.executable, "-m", "tests.interop.programs.peer_ssl"]

    @property
    def server(self) -> Capabilities:
        library = capabilities(ssl.OPENSSL_VERSION_INFO)
        return Capabilities(
            suites=COMMON_SUITES,
            groups=default_groups(ssl.OPENSSL_VERSION_INFO),
            schemes=library.schemes,
            client_schemes=library.schemes,
            hybrids_first=True,
            chooses_groups=False,  # but for one curve at a time
            older=PYTHON_OLDER,
            lasting=PYTHON_LASTING,
        )

    @property
    def client(self) -> Capabilities:
        return self.server


class PyOpenSSL(ProgramPeer):
    """pyOpenSSL on the OpenSSL that cryptography carries: the newest OpenSSL at hand."""

    name = "pyopenssl"
    hint = "pip install pyopenssl"

    def found(self) -> bool:
        return find_spec("OpenSSL") is not None

    def version(self) -> str:
        return f"{installed_version('pyopenssl')} ({self.program().greeting['version']})"

    def command(self) -> list[str | Path]:
        return [sys.executable, "-m", "tests.interop.programs.peer_pyopenssl"]

    @property
    def server(self) -> Capabilities:
        lasting = replace(LIBRARY, external_psk=True, exports=("TLS 1.2", "TLS 1.3"))
        return replace(capabilities((4, 0)), older=OLDER_4, lasting=lasting)

    @property
    def client(self) -> Capabilities:
        return self.server
