"""What one run of `lucidtls connect` learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from lucidtls.events import Negotiated
from lucidtls.io.sockets import TLSSocket
from lucidtls.io.transport import Address
from lucidtls.tools import exits
from lucidtls.tools.agreement import Agreement, agreement_of
from lucidtls.tools.failures import first_line_of
from lucidtls.tools.findings import Diagnosis
from lucidtls.tools.material import Judge
from lucidtls.tools.messages import chain_of
from lucidtls.tools.report import Clock
from lucidtls.tools.resumption import Resumption
from lucidtls.tools.situation import Situation
from lucidtls.tools.target import Target
from lucidtls.tools.watch import Watcher
from lucidtls.trust.credentials import Credential


@dataclass(slots=True)
class Visit:
    """Everything that one run of the command learns, as far as it gets."""

    target: Target
    watcher: Watcher
    judge: Judge
    sni: str | None
    alpn: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    legacy: bool = False
    credential: Credential | None = None
    trust_text: str = ""
    clock: Clock = field(default_factory=Clock)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    addresses: list[Address] = field(default_factory=list)
    address: Address | None = None
    timing: dict[str, float] = field(default_factory=dict)
    tls: TLSSocket | None = None
    negotiated: Negotiated | None = None
    request: bytes | None = None
    is_http: bool = False
    resumption: Resumption = field(default_factory=Resumption)
    answer: bytearray = field(default_factory=bytearray)
    closed_by_us: bool = False
    closed_by_them: bool = False
    diagnoses: list[Diagnosis] = field(default_factory=list)
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """The exit code: that of the first error found."""
        if self.interrupted:
            return exits.INTERRUPTED
        return next((one.exit_code for one in self.diagnoses if one.severity == "error"), exits.OK)

    @property
    def expects_answer(self) -> bool:
        """Whether something is sent that the server may answer."""
        return self.request is not None or bool(self.resumption.early_data)

    @property
    def client_hello_length(self) -> int:
        """Bytes of our first message."""
        return next(
            (len(entry.body) + 4 for _, name, entry in self.watcher.messages if name == "ClientHello"), 0
        )

    @property
    def agreement(self) -> Agreement | None:
        """What the server settled, as far as it has said so."""
        return agreement_of(self.watcher, self.negotiated)

    def situation(self) -> Situation:
        """What there is to know about an error that comes now."""
        tls = self.tls
        asked = self.watcher.received("CertificateRequest") is not None
        return Situation(
            host=self.target.host or str(self.target),
            port=self.target.port,
            address=str(self.address) if self.address is not None else "",
            connected=tls is not None,
            handshake_done=self.negotiated is not None,
            bytes_received=tls.bytes_received if tls is not None else 0,
            hello_length=self.client_hello_length,
            server_name=self.sni,
            alpn=self.alpn,
            certificate_requested=asked,
            certificate_sent=asked and bool(chain_of(self.watcher.sent("Certificate"))),
            now=self.now,
            first_line=first_line_of(tls.beginning) if tls is not None and tls.beginning else "",
            versions=self.versions,
            legacy=self.legacy,
            psk_offered=self.resumption.psk_identity is not None,
        )
