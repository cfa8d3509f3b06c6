"""The TLS 1.3 client, from ServerHello to CONNECTED (RFC 9846 Appendix A.1).

Read `run` from top to bottom beside the figure in Appendix A.1: each `await` is one of its states, and each
function between two of them does what the arrows say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lucidtls.crypto.groups import GROUPS
from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import IllegalParameter, MissingExtension, UnexpectedMessage, UnsupportedVersion
from lucidtls.events import Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.authentication import PeerIdentity
from lucidtls.handshake.negotiate import choose_credential, choose_scheme
from lucidtls.handshake.offer import ClientHandshake
from lucidtls.handshake.post import CLIENT_HANDLERS, Connected, Connected13
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
from lucidtls.wire.codepoints import CIPHER_SUITES, name_of
from lucidtls.wire.codepoints import GROUPS as GROUP_NAMES
from lucidtls.wire.extensions import check_solicited, cr, ct, ee, hrr, sh
from lucidtls.wire.hello import ServerHello
from lucidtls.wire.messages13 import Certificate, CertificateRequest, EncryptedExtensions, Finished
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
    suite, group = accept_server_hello(hs, server_hello)
    secrets = agree_on_secrets(hs, suite, group, server_hello)
    enter_handshake_keys(hs, suite, secrets)

    accept_encrypted_extensions(hs, await WAIT_EE)
    identity, request = await authenticate_server(hs)
    finished = await check_server_finished(hs, suite, secrets)

    authenticated = await send_client_flight(hs, suite, secrets, request)
    negotiated = Negotiated(
        version="TLS 1.3",
        cipher_suite=suite.name,
        group=GROUPS[group].name,
        signature_scheme=identity.signature_scheme,
        alpn=hs.alpn.decode() if hs.alpn is not None else None,
        server_name=hs.server_name,
        hello_retried=hs.retried,
        peer_chain=identity.chain,
        verified=identity.verified,
        client_authenticated=authenticated,
        client_certificate_requested=request is not None,
        ocsp_response=identity.ocsp_response,
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
    hs.prepare_retry(groups[group] if group is not None else None, cookie)
    if hs.config.compatibility_mode:
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


def accept_server_hello(hs: ClientHandshake, server_hello: ServerHello) -> tuple[CipherSuite, int]:
    """Check the ServerHello against our offer; returns the suite and the group's code point."""
    extensions = server_hello.extensions
    check_solicited(extensions, hs.offered)
    # "The value of selected_version in the HelloRetryRequest "supported_versions" extension MUST be retained
    # in the ServerHello" (RFC 9846 §4.2.4). Without a retry, `client.accept_version` has looked at it.
    if extensions.get(sh.SUPPORTED_VERSIONS) != TLS13:
        raise IllegalParameter(
            "the server changed the version after its retry request", clause="RFC 9846 §4.2.4"
        )
    suite = accept_hello_fields(hs, server_hello)
    share = extensions.get(sh.KEY_SHARE)
    if share is None:
        raise MissingExtension("the ServerHello carries no key share", clause="RFC 9846 §9.2")
    if share.group not in hs.shares:
        raise IllegalParameter(
            "the server uses a group that we sent no share for",
            group=name_of(GROUP_NAMES, share.group),
            clause="RFC 9846 §4.3.8",
        )
    return suite, share.group


def agree_on_secrets(
    hs: ClientHandshake, suite: CipherSuite, group: int, server_hello: ServerHello
) -> HandshakeSecrets:
    """Complete the key exchange with the server's share; our other private keys are dropped."""
    share = server_hello.extensions.get(sh.KEY_SHARE)
    assert share is not None, "accept_server_hello found a share"
    shared_secret = hs.shares[group].complete(share.key_exchange)
    hs.shares.clear()
    hs.channel.transcript.select(suite.hash)
    return handshake_secrets(suite.hash, shared_secret, hs.channel.transcript.digest())


def enter_handshake_keys(hs: ClientHandshake, suite: CipherSuite, secrets: HandshakeSecrets) -> None:
    """Protect the rest of the handshake. Sending keys change now too, so that alerts are sealed."""
    channel = hs.channel
    channel.log_secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", secrets.client)
    channel.log_secret("SERVER_HANDSHAKE_TRAFFIC_SECRET", secrets.server)
    channel.enter_receive_keys(suite, secrets.server, "handshake")
    if hs.config.compatibility_mode and not hs.retried:
        channel.writer.send_compatibility_record(now=False)
    channel.enter_send_keys(suite, secrets.client, "handshake")


# WAIT_EE


def accept_encrypted_extensions(hs: ClientHandshake, message: EncryptedExtensions) -> None:
    """Check that every answer is to something we asked (RFC 9846 §4.4.1)."""
    check_solicited(message.extensions, hs.offered)
    protocols = message.extensions.get(ee.ALPN)
    if protocols is not None:
        if protocols[0] not in hs.config.alpn_protocols:
            raise IllegalParameter(
                "the server chose a protocol we did not offer", protocol=protocols[0], clause="RFC 7301 §3.1"
            )
        hs.alpn = protocols[0]


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
    return Connected13(
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
