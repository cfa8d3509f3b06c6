"""`make demo`: TLS connections over real sockets, told step by step.

TLS 1.3 while it happens: first our client talks to our server, so both sides' secrets can be shown; then,
where OpenSSL is installed, our client talks to `openssl s_server`. After that the nine steps of TLS 1.2 with
RSA key exchange. Every value printed was used on the wire.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import lucidtls
from lucidtls.tools.development import Authority, Issued
from lucidtls.trace import AlertTraced, KeysInstalled, MessageTraced, SecretDerived, TraceRecord
from lucidtls.wire.codepoints import CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, name_of
from lucidtls.wire.extensions import ch, sh
from lucidtls.wire.hello import ClientHello, ServerHello
from lucidtls.wire.messages13 import Certificate, CertificateVerify, Finished

# Run as a file, it finds the rest of the examples from the folder above.
sys.path[:0] = [str(Path(__file__).parent.parent)]

from examples.nine_steps import tell_nine_steps  # noqa: E402
from examples.story import CLIENT, REQUEST, SERVER, Story, serve, short  # noqa: E402

TITLES = {
    1: "Client hello, with its key share",
    2: "Server generates its secret",
    3: "Server hello, certificate, signature and Finished",
    4: "Client verifies, and sends Finished",
    5: "Secure symmetric encryption achieved",
}


class Teller:
    """A tracer that turns one side's records into the story. It wants secrets: this is a demonstration.

    What has to wait for its step is kept in `_later`. With `alone` the client also tells what it sees of a
    server that tells nothing itself.
    """

    wants_secrets = True

    def __init__(self, story: Story, who: str, *, alone: bool = False) -> None:
        self._story = story
        self._who = who
        self._alone = alone
        self._later: list[str] = []

    def record(self, entry: TraceRecord) -> None:
        """Tell what one trace record means."""
        client = self._who == CLIENT
        match entry:
            case MessageTraced(direction="sent", message=message) if client:
                self._client_sends(message)
            case MessageTraced(direction="received", name=name, message=message) if client:
                if self._alone:
                    self._server_sends(name, message)
                self._client_receives(name, message)
            case MessageTraced(direction="sent", name=name, message=message):
                self._server_sends(name, message)
            case MessageTraced(direction="received", message=Finished()):
                self._tell(5, "the client's Finished is right: both sides have the same keys")
            case SecretDerived(label=label, secret=secret):
                self._secret(label, secret)
            case KeysInstalled(direction=direction, epoch="application", cipher_suite=suite) if client:
                self._tell(5, f"data is {direction} under {suite}")
            case AlertTraced(direction=direction, name=name):
                self._tell(5, f"{direction} alert {name}")
            case _:
                return

    def _tell(self, step: int, text: str, who: str | None = None) -> None:
        self._story.tell(step, who or self._who, text)

    def _tell_later(self, step: int) -> None:
        for text in self._later:
            self._tell(step, text)
        self._later.clear()

    def _client_sends(self, message: object) -> None:
        if isinstance(message, ClientHello):
            self._tell(1, f"random        {short(message.random)}")
            suites = ", ".join(name_of(CIPHER_SUITES, code) for code in message.cipher_suites)
            self._tell(1, f"cipher suites {suites}")
            for share in message.extensions.get(ch.KEY_SHARE) or ():
                self._tell(1, f"key share     {name_of(GROUPS, share.group)}: {short(share.key_exchange)}")
        elif isinstance(message, Finished):
            self._tell_later(4)
            self._tell(4, f"sends Finished {short(message.verify_data)}")

    def _client_receives(self, name: str, message: object) -> None:
        match message:
            case ServerHello():
                self._later.append("completes the key exchange with the server's share")
            case Certificate():
                self._later.append("reads the certificate")
            case CertificateVerify():
                self._later.append("the signature fits the certificate's key: the server holds it")
                self._later.append("the chain leads to a root trusted here, and names this server")
            case Finished():
                self._later.append("the server's Finished is right: nobody changed a byte of the handshake")
            case _:
                return

    def _server_sends(self, name: str, message: object) -> None:
        match message:
            case ServerHello(cipher_suite=suite):
                share = message.extensions.get(sh.KEY_SHARE)
                group = name_of(GROUPS, share.group) if share is not None else "PSK"
                kept = ", and keeps what it makes of it to itself" if self._alone else ""
                self._tell(2, f"answers the {group} share with its own{kept}", SERVER)
                hello = f"ServerHello: {name_of(CIPHER_SUITES, suite)}, random {short(message.random)}"
                if self._alone:
                    self._tell(3, hello, SERVER)
                else:
                    self._later.append(hello)
            case Certificate(entries=entries):
                size = sum(len(one.data) for one in entries)
                self._tell(3, f"Certificate: {len(entries)} in the chain, {size} bytes", SERVER)
            case CertificateVerify(scheme=scheme, signature=signature):
                text = f"CertificateVerify: {name_of(SIGNATURE_SCHEMES, scheme)}, {short(signature)}"
                self._tell(3, text, SERVER)
            case Finished(verify_data=data):
                self._tell(3, f"Finished: {short(data)}", SERVER)
            case _ if name == "EncryptedExtensions":
                if not self._alone:
                    self._tell_later(3)
                self._tell(3, "EncryptedExtensions: encrypted, like all that follows", SERVER)
            case _:
                return

    def _secret(self, label: str, secret: bytes) -> None:
        text = f"{label.lower().replace('_', ' '):31} {short(secret)}"
        if label.endswith("HANDSHAKE_TRAFFIC_SECRET") and self._who == CLIENT:
            self._later.append(text)
        elif label.endswith("HANDSHAKE_TRAFFIC_SECRET"):
            self._tell(2, text)
        elif label.endswith("TRAFFIC_SECRET_0") and self._who == CLIENT:
            self._tell(5, text)


def exchange(tls: lucidtls.TLSSocket, story: Story) -> None:
    """One HTTP request over the connection, and its end."""
    tls.sendall(REQUEST)
    answer = b""
    while piece := tls.recv(65536):
        answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    story.tell(
        5, CLIENT, f"HTTP: {head.splitlines()[0].decode('ascii', 'replace')}, {len(body)} bytes of body"
    )
    tls.close()
    story.tell(5, CLIENT, f"session keys discarded: {tls!r}")


def ours_with_ours(issued: Issued, root: bytes) -> None:
    """Our client and our server, over TCP."""
    story, ready = Story(TITLES), threading.Event()
    credential = lucidtls.Credential.load(issued.chain_pem(), issued.key)
    server = lucidtls.ServerConfig(credentials=credential, tracer=Teller(story, SERVER))
    client = lucidtls.ClientConfig(trust=root, versions=["TLS 1.3"], tracer=Teller(story, CLIENT))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, server, ready))
        thread.start()
        port = listener.getsockname()[1]
        with lucidtls.connect("127.0.0.1", port, config=client, server_name="localhost") as tls:
            ready.wait(10)
            exchange(tls, story)
        thread.join(10)


def ours_with_openssl(issued: Issued, root: bytes, openssl: str) -> None:
    """Our client and OpenSSL's server, over TCP."""
    story = Story(TITLES)
    with tempfile.TemporaryDirectory() as folder:
        chain, key = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_bytes(issued.chain_pem())
        key.write_bytes(issued.key_pem())
        port = free_port()
        command = [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-tls1_3", "-www", "-quiet"]
        command += ["-cert", str(chain), "-key", str(key)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            teller = Teller(story, CLIENT, alone=True)
            config = lucidtls.ClientConfig(trust=root, versions=["TLS 1.3"], tracer=teller)
            with lucidtls.connect("127.0.0.1", port, config=config, server_name="localhost") as tls:
                exchange(tls, story)
        finally:
            process.terminate()
            process.wait(10)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Return when somebody listens on a port; raises TimeoutError."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


def tell_openssl(issued: Issued, root: bytes) -> None:
    """The same client with another server, where there is one."""
    openssl = shutil.which("openssl")
    if openssl is None:
        print("\nOpenSSL is not installed here, so there is no second peer to show.")
        return
    version = subprocess.run([openssl, "version"], capture_output=True, text=True, check=True).stdout
    version = version.partition("(")[0].strip()
    print(f"\nThe same client and {version},\nwhich keeps its own secrets to itself.")
    ours_with_openssl(issued, root, openssl)
    print("\nBoth connections were TLS 1.3, verified and closed in good order.")


def main() -> None:
    """Tell all stories."""
    authority = Authority.create()
    issued = authority.issue(["localhost", "127.0.0.1"])
    root = authority.root_pem()
    print("A TLS 1.3 connection between lucidtls and lucidtls, over TCP on this machine.")
    ours_with_ours(issued, root)
    tell_openssl(issued, root)
    tell_nine_steps(authority)


if __name__ == "__main__":
    main()
