"""The peer that is Python's own ssl module; see README.md for what it reads and writes."""

import hashlib
import socket
import ssl
import sys
import warnings

from tests.interop.programs.conversation import Channel, Fields, Library, Program, listed, needed

CURVES = {"secp256r1": "prime256v1", "secp384r1": "secp384r1", "secp521r1": "secp521r1"}


VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
OPTIONS = {"extended_master_secret": 1 << 0, "encrypt_then_mac": 1 << 19}  # SSL_OP_NO_... of ssl.h


def set_older(context: ssl.SSLContext, command: Fields) -> None:
    """Set what only the versions before TLS 1.3 have."""
    context.set_ciphers(needed(command, "ciphers"))
    for name, option in OPTIONS.items():
        if command.get(name) == "off":
            context.options |= option
    if command.get("dh_parameters"):
        context.load_dh_params(needed(command, "dh_parameters"))
    if command.get("anonymous"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE


class StandardLibrary(Library):
    """TLS as CPython's ssl has it."""

    def version(self) -> Fields:
        return {"version": sys.version.split()[0], "openssl": ssl.OPENSSL_VERSION}

    def context(self, command: Fields, *, server: bool) -> object:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        versions = listed(command, "versions")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # what Python thinks of TLS 1.0 and 1.1
            context.minimum_version = VERSIONS[versions[0]]
            context.maximum_version = VERSIONS[versions[-1]]
        context.load_verify_locations(needed(command, "trust"))
        if command.get("certificate"):
            context.load_cert_chain(needed(command, "certificate"), needed(command, "key"))
        if alpn := listed(command, "alpn"):
            context.set_alpn_protocols(alpn)
        if command.get("ciphers"):
            set_older(context, command)
        elif groups := listed(command, "groups"):
            [only] = groups  # all that set_ecdh_curve can say
            context.set_ecdh_curve(CURVES[only])
        asked = command.get("client_authentication", "none")
        if server and asked != "none":
            context.verify_mode = ssl.CERT_OPTIONAL if asked == "request" else ssl.CERT_REQUIRED
        if command.get("tickets") == "off":
            context.options |= ssl.OP_NO_TICKET
        if server:
            context.sni_callback = lambda secure, name, _context: setattr(secure, "asked_name", name)
        return context

    def open(
        self,
        plain: socket.socket,
        context: object,
        *,
        server: bool,
        server_name: str | None,
        session: object | None = None,
    ) -> Channel:
        assert isinstance(context, ssl.SSLContext)
        assert session is None or isinstance(session, ssl.SSLSession)
        return SocketChannel(
            context.wrap_socket(
                plain,
                server_side=server,
                server_hostname=server_name,
                suppress_ragged_eofs=False,
                session=session,
            )
        )


class SocketChannel(Channel):
    """A conversation over an SSLSocket."""

    def __init__(self, secure: ssl.SSLSocket) -> None:
        super().__init__()
        self._socket = secure

    def facts(self) -> Fields:
        cipher = self._socket.cipher()
        leaf = self._socket.getpeercert(binary_form=True)
        return {
            "version": self._socket.version(),
            "suite": cipher[0] if cipher else None,
            "alpn": self._socket.selected_alpn_protocol(),
            "server_name": getattr(self._socket, "asked_name", None),
            "peer_leaf": hashlib.sha256(leaf).hexdigest() if leaf else None,
            "resumed": str(bool(self._socket.session_reused)).lower(),
            "tls_unique": self._unique(),
        }

    def _unique(self) -> str | None:
        if self._socket.version() == "TLSv1.3":
            return None  # Python gives the Finished of TLS 1.3 too, which RFC 9266 has no meaning for
        binding = self._socket.get_channel_binding("tls-unique")
        return binding.hex() if binding else None

    def session(self) -> object | None:
        return self._socket.session

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        try:
            return self._socket.recv(1 << 16)
        except ssl.SSLEOFError:
            self.truncated = True
            return b""

    def close(self) -> None:
        if self.truncated:
            return
        try:
            self._socket.unwrap()  # sends close_notify and waits for the peer's
        except ssl.SSLEOFError:
            self.truncated = True


if __name__ == "__main__":
    Program(StandardLibrary()).run()
