"""The peers, in the order of the report."""

from tests.interop.peers.base import Peer
from tests.interop.peers.curl import Curl
from tests.interop.peers.gnutls import GnuTLS
from tests.interop.peers.golang import Go
from tests.interop.peers.java import Java
from tests.interop.peers.node import ModernNode, Node
from tests.interop.peers.nss import NSS
from tests.interop.peers.openssl import OpenSSL
from tests.interop.peers.python import PyOpenSSL, PythonSSL

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        OpenSSL(),
        GnuTLS(),
        NSS(),
        Go(),
        Node(),
        ModernNode(),
        Java(),
        Curl(),
        PythonSSL(),
        PyOpenSSL(),
    )
}
SERVERS = [peer for peer in PEERS.values() if peer.server]
CLIENTS = [peer for peer in PEERS.values() if peer.client]
