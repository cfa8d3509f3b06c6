"""The TLS 1.3 client, from ServerHello to CONNECTED (RFC 9846 Appendix A.1).

Read `run` from top to bottom beside the figure in Appendix A.1: each `await` is one of its states, and each
function between two of them does what the arrows say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lucidtls.crypto.groups import GROUPS
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import IllegalParameter, MissingExtension, UnexpectedMessage, UnsupportedVersion
from lucidtls.events import EarlyDataAccepted, EarlyDataRejected, Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.authentication import PeerIdentity
from lucidtls.handshake.early import EarlyOffer
from lucidtls.handshake.negotiate import choose_credential, choose_scheme
from lucidtls.handshake.offer import ClientHandshake, keeper, not_after
from lucidtls.handshake.post import CLIENT_HANDLERS, Connected, Connected13
from lucidtls.handshake.psk13 import PSK_DHE_KE, PSK_KE, RESUMPTION, OfferedPsk
from lucidtls.handshake.schedule13 import (
    ApplicationSecrets,
    HandshakeSecrets,
    application_secrets,
    finished_data,
    handshake_secrets,
    resumption_secret,
    verify_finished,
)
from lucidtls.handshake.states import WAIT_CERT, WAIT_CERT_CR, WAIT_CV, WAIT_EE, WAIT_FINISHED, WAIT_SH
from lucidtls.trust.advertised import Fit, fit_of_chain
from lucidtls.trust.credentials import Credential
from lucidtls.trust.verify import VerifiedChain
from lucidtls.wire.codepoints import CIPHER_SUITES, ContentType, name_of
from lucidtls.wire.codepoints import GROUPS as GROUP_NAMES
from lucidtls.wire.extensions import check_solicited, cr, ct, ee, hrr, sh
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages13 import (
    Certificate,
    CertificateRequest,
    EncryptedExtensions,
    EndOfEarlyData,
    Finished,
)
from lucidtls.wire.versions import TLS12, TLS13

SELECTED_VERSION: Final = {"ServerHello": sh.SUPPORTED_VERSIONS, "HelloRetryRequest": hrr.SUPPORTED_VERSIONS}

MAX_COOKIE: Final = 2**14
"""Bytes of a cookie we carry back: it has to fit into the ClientHello with everything else."""


@dataclass(slots=True)
class ServerFinished:
    """Proof that the server saw the same handshake: what `check_server_finished` returns."""

    secrets: ApplicationSecrets


async def run(hs: ClientHandshake, server_hello: ServerHello) -> Connected:
    """Take the client from ServerHello to CONNECTED."""
    if server_hello.is_retry_request:
        server_hello = await retry_hello(hs, server_hello)
    suite, group, psk = accept_server_hello(hs, server_hello)
    secrets = agree_on_secrets(hs, suite, group, psk, server_hello)
    enter_handshake_keys(hs, suite, secrets)

    accept_encrypted_extensions(hs, await WAIT_EE, suite, psk, secrets)
    if psk is None:
        identity, request = await authenticate_server(hs)
    else:
        identity, request = await recall_server(hs, psk), None
    finished = await check_server_finished(hs, suite, secrets)

    early_data = end_early_data(hs, suite, secrets)
    authenticated = await send_client_flight(hs, suite, secrets, request)
    negotiated = Negotiated(
        version="TLS 1.3",
        cipher_suite=suite.name,
        group=GROUPS[group].name if group is not None else None,
        signature_scheme=identity.signature_scheme,
        alpn=hs.alpn.decode() if hs.alpn is not None else None,
        server_name=hs.server_name,
        hello_retried=hs.retried,
        peer_chain=identity.chain,
        verified=identity.verified,
        client_authenticated=authenticated,
        client_certificate_requested=request is not None,
        ocsp_response=identity.ocsp_response,
        psk_identity=psk.name if psk is not None and psk.label != RESUMPTION else None,
        resumed=psk is not None and psk.label == RESUMPTION,
        early_data=early_data,
    )
    return enter_application_keys(hs, suite, finished.secrets, negotiated)


# WAIT_SH


async def retry_hello(hs: ClientHandshake, retry: ServerHello) -> ServerHello:
    """Answer a HelloRetryRequest with a second ClientHello (RFC 9846 §4.2.4)."""
    hs.suite = accept_hello_fields(hs, retry)
    group = retry.extensions.get(hrr.KEY_SHARE)
    cookie = retry.extensions.get(hrr.COOKIE)
    if group is None and cookie is None:
        # "Clients MUST abort the handshake with an "illegal_parameter" alert if the HelloRetryRequest would
        # not result in any change in the ClientHello." (RFC 9846 §4.2.4)
        raise IllegalParameter("the HelloRetryRequest asks for no change", clause="RFC 9846 §4.2.4")
    if cookie is not None and len(cookie) > MAX_COOKIE:
        raise IllegalParameter("the cookie is too large to be sent back", clause="RFC 9846 §4.3.2")
    groups = {row.code: row for row in hs.config.algorithms.groups}
    if group is not None and (group not in groups or group in hs.shares):
        raise IllegalParameter(
            "the HelloRetryRequest asks for a group that we did not offer or already sent a share for",
            group=name_of(GROUP_NAMES, group),
            clause="RFC 9846 §4.3.8",
        )
    hs.channel.transcript.select_after_retry(hs.suite.hash)
    hs.channel.require_record_boundary("the second ClientHello")
    gestured = refuse_early_data(hs)
    hs.prepare_retry(groups[group] if group is not None else None, cookie)
    if hs.config.compatibility_mode and not gestured:
        hs.channel.writer.send_compatibility_record(now=True)
    hs.send_hello()

    server_hello = await WAIT_SH
    if server_hello.is_retry_request:
        # "If a client receives a second HelloRetryRequest in the same connection ... it MUST abort the
        # handshake with an "unexpected_message" alert." (RFC 9846 §4.2.4)
        raise UnexpectedMessage("a second HelloRetryRequest came", clause="RFC 9846 §4.2.4")
    if sh.SUPPORTED_VERSIONS.code not in server_hello.extensions:
        # "The value of selected_version in the HelloRetryRequest [...] MUST be retained in the ServerHello"
        raise IllegalParameter(
            "the server changed the version after its retry request", clause="RFC 9846 §4.2.4"
        )
    if group is not None and group not in _share_group(server_hello):
        raise IllegalParameter("the server asked for one group and uses another", clause="RFC 9846 §4.3.8")
    return server_hello


def refuse_early_data(hs: ClientHandshake) -> bool:
    """Go back to the clear: a HelloRetryRequest refuses early data; whether any had been sent."""
    early = hs.channel.early
    if not isinstance(early, EarlyOffer):
        return False
    early.open = False
    hs.channel.early_exporter = None
    hs.channel.writer.enter_plaintext()
    return bool(early.sent)


def _share_group(server_hello: ServerHello) -> tuple[int, ...]:
    share = server_hello.extensions.get(sh.KEY_SHARE)
    return (share.group,) if share is not None else ()


def accept_hello_fields(hs: ClientHandshake, hello: ServerHello) -> CipherSuite:
    """Check what ServerHello and HelloRetryRequest have in common (RFC 9846 §4.2.3); returns the suite."""
    if hello.legacy_version != TLS12:
        raise UnsupportedVersion(
            "a TLS 1.3 ServerHello must carry legacy_version 0x0303",
            version=hello.legacy_version,
            clause="RFC 9846 §4.2.3",
        )
    if hello.legacy_session_id_echo != hs.hello.legacy_session_id:
        raise IllegalParameter("the server echoes another session id than ours", clause="RFC 9846 §4.2.3")
    if hello.legacy_compression_method != 0:
        raise IllegalParameter("the server chose compression", clause="RFC 9846 §4.2.3")
    for suite in hs.config.algorithms.cipher_suites:
        if suite.code == hello.cipher_suite and hs.suite in (None, suite):
            return suite
    raise IllegalParameter(
        "the server chose a cipher suite that we did not offer, or changed its choice",
        cipher_suite=name_of(CIPHER_SUITES, hello.cipher_suite),
        clause="RFC 9846 §4.2.3",
    )


def accept_server_hello(
    hs: ClientHandshake, server_hello: ServerHello
) -> tuple[CipherSuite, int | None, OfferedPsk | None]:
    """Check the ServerHello against our offer; returns the suite, the group's code point and the PSK."""
    extensions = server_hello.extensions
    check_solicited(extensions, hs.offered)
    # "The value of selected_version in the HelloRetryRequest "supported_versions" extension MUST be retained
    # in the ServerHello" (RFC 9846 §4.2.4). Without a retry, `client.accept_version` has looked at it.
    if extensions.get(sh.SUPPORTED_VERSIONS) != TLS13:
        raise IllegalParameter(
            "the server changed the version after its retry request", clause="RFC 9846 §4.2.4"
        )
    suite = accept_hello_fields(hs, server_hello)
    psk = accept_psk(hs, suite, extensions.get(sh.PRE_SHARED_KEY))
    share = extensions.get(sh.KEY_SHARE)
    if share is None:
        if psk is None:
            raise MissingExtension("the ServerHello carries no key share", clause="RFC 9846 §9.2")
        if PSK_KE not in hs.config.psk_mode_codes:
            # Clients MUST verify "that a server "key_share" extension is present if required by the
            # ClientHello "psk_key_exchange_modes" extension" (RFC 9846 §4.3.11)
            raise IllegalParameter("the server makes no fresh keys", clause="RFC 9846 §4.3.11")
        return suite, None, psk
    if psk is not None and PSK_DHE_KE not in hs.config.psk_mode_codes:
        raise IllegalParameter("the server uses a key exchange we did not offer", clause="RFC 9846 §4.3.9")
    if share.group not in hs.shares:
        raise IllegalParameter(
            "the server uses a group that we sent no share for",
            group=name_of(GROUP_NAMES, share.group),
            clause="RFC 9846 §4.3.8",
        )
    return suite, share.group, psk


def accept_psk(hs: ClientHandshake, suite: CipherSuite, selected: int | None) -> OfferedPsk | None:
    """The PSK that the server selected, if it did, and it fits (RFC 9846 §4.3.11)."""
    if selected is None:
        return None
    if selected >= len(hs.psks) or hs.psks[selected].hash is not suite.hash:
        raise IllegalParameter(
            "the server selected a PSK we did not offer, or not for this cipher suite",
            selected=selected,
            clause="RFC 9846 §4.3.11",
        )
    return hs.psks[selected]


def agree_on_secrets(
    hs: ClientHandshake,
    suite: CipherSuite,
    group: int | None,
    psk: OfferedPsk | None,
    server_hello: ServerHello,
) -> HandshakeSecrets:
    """Complete the key exchange with the server's share; our other private keys and PSKs are dropped."""
    shared_secret = bytes(suite.hash.digest_size)
    if group is not None:
        share = server_hello.extensions.get(sh.KEY_SHARE)
        assert share is not None, "accept_server_hello found a share"
        shared_secret = hs.shares[group].complete(share.key_exchange)
    hs.shares.clear()
    hs.psks.clear()
    transcript = hs.channel.transcript
    transcript.select(suite.hash)
    early = psk.early if psk is not None else None
    return handshake_secrets(suite.hash, shared_secret, transcript.digest(), early)


def enter_handshake_keys(hs: ClientHandshake, suite: CipherSuite, secrets: HandshakeSecrets) -> None:
    """Protect the rest of the handshake. Sending keys change now too, so that alerts are sealed.

    With early data under way they change later: at its end, or when it is refused.
    """
    channel = hs.channel
    channel.log_secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", secrets.client)
    channel.log_secret("SERVER_HANDSHAKE_TRAFFIC_SECRET", secrets.server)
    channel.enter_receive_keys(suite, secrets.server, "handshake")
    if isinstance(channel.early, EarlyOffer) and channel.early.open:
        return
    if hs.config.compatibility_mode and not hs.retried:
        channel.writer.send_compatibility_record(now=False)
    channel.enter_send_keys(suite, secrets.client, "handshake")


# WAIT_EE


def accept_encrypted_extensions(
    hs: ClientHandshake,
    message: EncryptedExtensions,
    suite: CipherSuite,
    psk: OfferedPsk | None,
    secrets: HandshakeSecrets,
) -> None:
    """Check that every answer is to something we asked (RFC 9846 §4.4.1)."""
    check_solicited(message.extensions, hs.offered)
    protocols = message.extensions.get(ee.ALPN)
    if protocols is not None:
        if protocols[0] not in hs.config.alpn_protocols:
            raise IllegalParameter(
                "the server chose a protocol we did not offer", protocol=protocols[0], clause="RFC 7301 §3.1"
            )
        hs.alpn = protocols[0]
    early = hs.channel.early
    if isinstance(early, EarlyOffer):
        if ee.EARLY_DATA in message.extensions:
            accept_early_data(hs, early, suite, psk)
        else:
            reject_early_data(hs, early, suite, secrets)


def accept_early_data(
    hs: ClientHandshake, early: EarlyOffer, suite: CipherSuite, psk: OfferedPsk | None
) -> None:
    """Check that the server may take early data: under the session's terms only (RFC 9846 §4.3.10)."""
    session = hs.session
    if (
        session is None
        or psk is None
        or psk.identity != session.ticket
        or suite.name != session.cipher_suite
        or (hs.alpn.decode() if hs.alpn is not None else None) != session.alpn
    ):
        # "If the server supplies an "early_data" extension, the client MUST verify that the server's
        # selected_identity is 0." (RFC 9846 §4.3.11)
        raise IllegalParameter(
            "the server takes early data under other terms than the session's", clause="RFC 9846 §4.3.11"
        )
    early.accepted = True
    hs.channel.news.append(EarlyDataAccepted())


def reject_early_data(
    hs: ClientHandshake, early: EarlyOffer, suite: CipherSuite, secrets: HandshakeSecrets
) -> None:
    """Seal what follows with the handshake keys: the server has passed over the early data."""
    resent = hs.config.resend_early_data and (hs.alpn.decode() if hs.alpn is not None else None) == early.alpn
    hs.channel.news.append(EarlyDataRejected(bytes(early.sent), resent and bool(early.sent)))
    if early.open:
        early.open = False
        hs.channel.early_exporter = None
        hs.channel.enter_send_keys(suite, secrets.client, "handshake")
    if not resent:
        early.sent.clear()


# WAIT_CERT_CR, WAIT_CERT, WAIT_CV


async def authenticate_server(hs: ClientHandshake) -> tuple[PeerIdentity, CertificateRequest | None]:
    """Take the server's Certificate and CertificateVerify; the chain is judged after the signature."""
    transcript = hs.channel.transcript
    request: CertificateRequest | None = None
    message = await WAIT_CERT_CR
    if isinstance(message, CertificateRequest):
        request = accept_certificate_request(message)
        message = await WAIT_CERT
    chain = authentication.accept_chain(message, hs.offered)
    authentication.require_certificates(chain)

    signed_hash = transcript.digest()
    verify = await WAIT_CV
    offered = hs.config.algorithms.scheme_codes
    scheme = authentication.verify_signature(
        chain[0], verify, offered, authentication.SERVER_CONTEXT, signed_hash
    )
    status = message.entries[0].extensions.get(ct.STATUS_REQUEST)
    verified = await authentication.judge_chain(
        hs.config, chain, role="server", server_name=hs.reference, ocsp_response=status
    )
    return PeerIdentity(chain, verified, scheme, status), request


def accept_certificate_request(message: CertificateRequest) -> CertificateRequest:
    """Check a CertificateRequest of the main handshake (RFC 9846 §4.4.2)."""
    if message.context:
        raise IllegalParameter(
            "a CertificateRequest in the handshake has an empty context", clause="RFC 9846 §4.4.2"
        )
    message.extensions.check_placement()
    if message.extensions.get(cr.SIGNATURE_ALGORITHMS) is None:
        raise MissingExtension(
            "the CertificateRequest lists no signature algorithms", clause="RFC 9846 §4.4.2"
        )
    return message


async def recall_server(hs: ClientHandshake, psk: OfferedPsk) -> PeerIdentity:
    """Who the server is by the PSK it has: what the session remembers, judged again if the config says so."""
    session = hs.session
    if psk.label != RESUMPTION or session is None:
        return PeerIdentity((), None, None)
    verified: VerifiedChain | None = None
    if hs.config.judges_resumption and session.peer_chain:
        verified = await authentication.judge_chain(
            hs.config, session.peer_chain, role="server", server_name=hs.reference
        )
    return PeerIdentity(session.peer_chain, verified, None)


# WAIT_FINISHED


async def check_server_finished(
    hs: ClientHandshake, suite: CipherSuite, secrets: HandshakeSecrets
) -> ServerFinished:
    """Take the server's Finished and derive the application secrets from everything up to it."""
    expected = finished_data(suite.hash, secrets.server, hs.channel.transcript.digest())
    message: Finished = await WAIT_FINISHED
    verify_finished(expected, message.verify_data)
    hs.channel.require_record_boundary("the application keys")
    hs.channel.reader.change_cipher_spec_allowed = False
    return ServerFinished(
        application_secrets(suite.hash, secrets.handshake_secret, hs.channel.transcript.digest())
    )


def end_early_data(
    hs: ClientHandshake, suite: CipherSuite, secrets: HandshakeSecrets
) -> Literal["accepted", "rejected"] | None:
    """Say under its keys that early data is over, and change to those of the handshake (RFC 9846 §4.6)."""
    early = hs.channel.early
    if not isinstance(early, EarlyOffer):
        return None
    if not early.accepted:
        return "rejected"
    early.open = False
    early.sent.clear()
    hs.channel.send(EndOfEarlyData())
    hs.channel.enter_send_keys(suite, secrets.client, "handshake")
    return "accepted"


async def send_client_flight(
    hs: ClientHandshake, suite: CipherSuite, secrets: HandshakeSecrets, request: CertificateRequest | None
) -> bool:
    """Send our Certificate and CertificateVerify if asked to, then Finished; whether we authenticated."""
    channel = hs.channel
    authenticated = False
    if request is not None:
        chosen = choose_client_credential(hs, request)
        if chosen is None:
            # "If the server requests certificate-based client authentication but no suitable certificate
            # is available, the client MUST send a Certificate message containing no certificates"
            # (RFC 9846 §4.5.1).
            channel.send(Certificate(b"", ()))
        else:
            credential, scheme = chosen
            authentication.send_certificate(channel, credential)
            await authentication.send_certificate_verify(
                channel, credential, scheme, authentication.CLIENT_CONTEXT
            )
            authenticated = True
    channel.send(Finished(finished_data(suite.hash, secrets.client, channel.transcript.digest())))
    channel.flush()
    return authenticated


def choose_client_credential(
    hs: ClientHandshake, request: CertificateRequest
) -> tuple[Credential, int] | None:
    """The credential that fits what the server accepts, with the scheme to sign with; or None."""
    peers = request.extensions.get(cr.SIGNATURE_ALGORITHMS) or ()
    filters = request.extensions.get(cr.OID_FILTERS) or ()
    authorities = request.extensions.get(cr.CERTIFICATE_AUTHORITIES) or ()
    in_certificates = request.extensions.get(cr.SIGNATURE_ALGORITHMS_CERT) or peers
    usable = [
        credential
        for credential in hs.config.credential_list
        if credential.matches_filters(filters)
        and choose_scheme(credential, peers) is not None
        and fit_of_chain(credential.chain, in_certificates) is not Fit.SHA1
    ]
    if not usable:
        return None
    return choose_credential(
        usable,
        peers=peers,
        in_certificates=in_certificates,
        server_name=None,
        authorities=authorities,
    )


# CONNECTED


def enter_application_keys(
    hs: ClientHandshake, suite: CipherSuite, secrets: ApplicationSecrets, negotiated: Negotiated
) -> Connected:
    """Change both directions to the keys of the data; keep only what a connection needs later."""
    channel = hs.channel
    channel.log_secret("CLIENT_TRAFFIC_SECRET_0", secrets.client)
    channel.log_secret("SERVER_TRAFFIC_SECRET_0", secrets.server)
    channel.log_secret("EXPORTER_SECRET", secrets.exporter)
    channel.enter_receive_keys(suite, secrets.server, "application")
    channel.enter_send_keys(suite, secrets.client, "application")
    resend_early_data(hs)
    session, config = hs.session, hs.config
    resumed = negotiated.resumed and session is not None
    now = config.clock().timestamp()
    return Connected13(
        session_name=str(hs.reference) if hs.reference is not None else None,
        keep=keeper(config, hs.reference),
        scope=config.session_scope,
        authenticated_at=session.authenticated_at if resumed and session is not None else now,
        not_after=not_after(negotiated.verified, session if resumed else None),
        server_certificate=negotiated.peer_chain[0] if negotiated.peer_chain else None,
        negotiated=negotiated,
        channel=channel,
        suite=suite,
        clock=hs.config.clock,
        handlers=CLIENT_HANDLERS,
        send_secret=secrets.client,
        receive_secret=secrets.server,
        exporter_secret=secrets.exporter,
        resumption_secret=resumption_secret(suite.hash, secrets.main_secret, channel.transcript.digest()),
    )


def resend_early_data(hs: ClientHandshake) -> None:
    """Send what the server did not take as ordinary data, where the config asks for it."""
    early = hs.channel.early
    hs.channel.early = None
    if isinstance(early, EarlyOffer) and early.sent:
        hs.channel.writer.write(ContentType.APPLICATION_DATA, early.sent)
