"""The suites that the interop tests name: those of the engine, as their peers call them, and who has them."""

import pytest

from lucidtls.crypto.suites12 import SUITES_12
from tests.interop.older import older_of, with_older
from tests.interop.peers.all import CLIENTS, SERVERS
from tests.interop.peers.command import told_by, where
from tests.interop.settings import CLIENT, SERVER
from tests.interop.suites import SUITES
from tests.peers_required import require_peer

NOBODY_HAS = {  # RFC 8442's but for ChaCha20, which are tested with ourselves alone
    "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256",
    "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256",
}


def test_the_engine_has_these_suites() -> None:
    """Two readings of IANA's names give the same suites, code points and versions."""
    assert {code: (row.name, row.versions) for code, row in SUITES_12.items()} == {
        row.code: (row.name, row.versions) for row in SUITES.values()
    }


def test_each_suite_has_a_peer_in_both_roles() -> None:
    """Every suite before TLS 1.3 has another implementation to be tried with, but for four."""
    served = {suite for peer in with_older(SERVERS, SERVER) for suite in older_of(peer, SERVER).suites}
    used = {suite for peer in with_older(CLIENTS, CLIENT) for suite in older_of(peer, CLIENT).suites}
    assert SUITES.keys() - served == SUITES.keys() - used == NOBODY_HAS


@pytest.mark.interop
def test_openssl_calls_them_so() -> None:
    """OpenSSL's names of suites are made from IANA's by rule."""
    require_peer("openssl", where("openssl") is not None, "install openssl")
    everything = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    rows = [
        line.split()
        for line in told_by("openssl", "ciphers", "-V", "-stdname", "-psk", everything).splitlines()
    ]
    names = {row[2]: row[4] for row in rows if len(row) > 4 and row[2] in SUITES}
    assert names == {name: SUITES[name].openssl for name in names}
    assert len(names) > 90
