"""The peer that is pyOpenSSL on the OpenSSL inside cryptography; see README.md for what it reads and writes.

pyOpenSSL has no setters for groups and signature algorithms, so three calls go to its C binding by name.
"""

import hashlib
import select
import socket

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL, crypto

from tests.interop.programs.conversation import DEADLINE, Channel, Fields, Library, Program, listed, needed

LIBRARY = Binding().lib
FOREIGN = Binding().ffi
CALLBACKS: list[object] = []  # C does not keep them alive
VERSIONS = {
    "1.0": SSL.TLS1_VERSION,
    "1.1": SSL.TLS1_1_VERSION,
    "1.2": SSL.TLS1_2_VERSION,
    "1.3": SSL.TLS1_3_VERSION,
}
OPTIONS = {"extended_master_secret": 1 << 0, "encrypt_then_mac": 1 << 19}  # SSL_OP_NO_... of ssl.h
NO_TICKET = 1 << 14
GROUPS = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
NAMES = {openssl.lower(): iana for iana, openssl in GROUPS.items()} | {"prime256v1": "secp256r1"}


def set_list(context: SSL.Context, setter: str, items: list[str]) -> None:
    """Call one of OpenSSL's setters that take names separated by colons."""
    if getattr(LIBRARY, setter)(context._context, ":".join(items).encode()) != 1:
        raise ValueError(f"{setter} refuses {items}")


def set_older(context: SSL.Context, command: Fields, *, server: bool) -> None:
    """Set what only the versions before TLS 1.3 have."""
    context.set_cipher_list(needed(command, "ciphers").encode())
    for name, option in OPTIONS.items():
        if command.get(name) == "off":
            LIBRARY.SSL_CTX_set_options(context._context, option)
    if command.get("dh_parameters"):
        context.load_tmp_dh(needed(command, "dh_parameters").encode())


def set_psk(context: SSL.Context, command: Fields, *, server: bool) -> None:
    """Have the context know one pre-shared key."""
    identity, key = needed(command, "psk_identity").encode(), bytes.fromhex(needed(command, "psk"))
    if server:
        find = FOREIGN.callback(
            "unsigned int(SSL *, char *, unsigned char *, unsigned int)",
            lambda _ssl, asked, room, _size: write(key, room) if FOREIGN.string(asked) == identity else 0,
        )
        LIBRARY.SSL_CTX_set_psk_server_callback(context._context, find)
        if command.get("psk_hint"):
            LIBRARY.SSL_CTX_use_psk_identity_hint(context._context, needed(command, "psk_hint").encode())
    else:
        find = FOREIGN.callback(
            "unsigned int(SSL *, char *, char *, unsigned int, unsigned char *, unsigned int)",
            lambda _ssl, _hint, name, _length, room, _size: (
                write(identity + b"\0", name) and write(key, room)
            ),
        )
        LIBRARY.SSL_CTX_set_psk_client_callback(context._context, find)
    CALLBACKS.append(find)


def write(data: bytes, place: object) -> int:
    """Write octets to C's memory; return how many."""
    FOREIGN.memmove(place, data, len(data))
    return len(data)


class PyOpenSSL(Library):
    """TLS as OpenSSL has it."""

    def version(self) -> Fields:
        return {"version": SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()}

    def context(self, command: Fields, *, server: bool) -> object:
        context = SSL.Context(SSL.TLS_SERVER_METHOD if server else SSL.TLS_CLIENT_METHOD)
        versions = listed(command, "versions")
        context.set_min_proto_version(VERSIONS[versions[0]])
        context.set_max_proto_version(VERSIONS[versions[-1]])
        context.load_verify_locations(needed(command, "trust"))
        if command.get("certificate"):
            context.use_certificate_chain_file(needed(command, "certificate"))
            context.use_privatekey_file(needed(command, "key"))
        if command.get("ciphers"):
            set_older(context, command, server=server)
        elif suites := listed(command, "suites"):
            context.set_tls13_ciphersuites(":".join(suites).encode())
            context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # CCM_8, with its short tag, is below level 1
        if command.get("psk"):
            set_psk(context, command, server=server)
        if command.get("tickets") == "off":
            LIBRARY.SSL_CTX_set_options(context._context, NO_TICKET)
        if server:
            context.set_session_id(b"interop")
        if groups := listed(command, "groups"):
            set_list(context, "SSL_CTX_set1_curves_list", [GROUPS.get(name, name) for name in groups])
        if schemes := listed(command, "schemes"):
            set_list(context, "SSL_CTX_set1_sigalgs_list", schemes)
        self._set_alpn(context, [name.encode() for name in listed(command, "alpn")], server=server)
        if not command.get("anonymous"):
            asked = command.get("client_authentication") or "none"
            self._set_verification(context, asked, server=server)
        return context

    def _set_alpn(self, context: SSL.Context, ours: list[bytes], *, server: bool) -> None:
        if not ours:
            return
        if not server:
            context.set_alpn_protos(ours)
            return
        context.set_alpn_select_callback(
            lambda _conn, theirs: next(
                (name for name in ours if name in theirs), SSL.NO_OVERLAPPING_PROTOCOLS
            )
        )

    def _set_verification(self, context: SSL.Context, asked: str, *, server: bool) -> None:
        mode = SSL.VERIFY_PEER
        if server:
            mode = {"none": SSL.VERIFY_NONE, "request": SSL.VERIFY_PEER}.get(
                asked, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
            )
        context.set_verify(mode)

    def open(
        self,
        plain: socket.socket,
        context: object,
        *,
        server: bool,
        server_name: str | None,
        session: object | None = None,
    ) -> Channel:
        assert isinstance(context, SSL.Context)
        plain.settimeout(
            None
        )  # pyOpenSSL wants blocking or non-blocking sockets; wait_readable() has the deadline
        secure = SSL.Connection(context, plain)
        if isinstance(session, SSL.Session):
            secure.set_session(session)
        if server:
            secure.set_accept_state()
        else:
            secure.set_connect_state()
            if server_name:
                secure.set_tlsext_host_name(server_name.encode())
                verification = LIBRARY.SSL_get0_param(secure._ssl)
                LIBRARY.X509_VERIFY_PARAM_set1_host(verification, server_name.encode(), len(server_name))
        channel = ConnectionChannel(secure, plain)
        channel.handshake()
        return channel


class ConnectionChannel(Channel):
    """A conversation over a pyOpenSSL Connection."""

    def __init__(self, secure: SSL.Connection, plain: socket.socket) -> None:
        super().__init__()
        self._connection = secure
        self._plain = plain

    def handshake(self) -> None:
        """Make the handshake; an SSL.Error tells what OpenSSL says."""
        try:
            self._connection.do_handshake()
        except SSL.SysCallError as error:
            raise EOFError(f"the peer went away in the handshake: {error}") from error

    def facts(self) -> Fields:
        leaf = self._connection.get_peer_certificate()
        group = self._connection.get_group_name()
        name = self._connection.get_servername()
        return {
            "version": self._connection.get_protocol_version_name(),
            "suite": self._connection.get_cipher_name(),
            "group": NAMES.get(group.lower(), group) if group else None,
            "alpn": self._connection.get_alpn_proto_negotiated().decode() or None,
            "server_name": name.decode() if name else None,
            "peer_leaf": self._digest(leaf) if leaf else None,
            "resumed": str(bool(LIBRARY.SSL_session_reused(self._connection._ssl))).lower(),
        }

    def export(self, label: str, length: int) -> bytes | None:
        return self._connection.export_keying_material(label.encode(), length)

    def session(self) -> object | None:
        return self._connection.get_session()

    @staticmethod
    def _digest(leaf: crypto.X509) -> str:
        return hashlib.sha256(crypto.dump_certificate(crypto.FILETYPE_ASN1, leaf)).hexdigest()

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def _wait_readable(self) -> None:
        if not self._connection.pending() and not select.select([self._plain], [], [], DEADLINE)[0]:
            raise TimeoutError("the peer says nothing")

    def receive(self) -> bytes:
        self._wait_readable()
        try:
            return bytes(self._connection.recv(1 << 16))
        except SSL.ZeroReturnError:
            return b""
        except SSL.SysCallError:
            self.truncated = True
            return b""

    def close_write(self) -> None:
        self._connection.shutdown()

    def close(self) -> None:
        if self.truncated or self._connection.shutdown():
            return  # False only while the peer's close_notify has not come
        if self.receive():
            raise ValueError("octets after the end")


if __name__ == "__main__":
    Program(PyOpenSSL()).run()
