"""The TLS 1.3 server, from ClientHello to CONNECTED (RFC 9846 Appendix A.2).

Read `run` from top to bottom beside the figure in Appendix A.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import CertificateRequired, IllegalParameter, MissingExtension
from lucidtls.events import CredentialWanted, Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.answer import Choice, ServerHandshake, choose
from lucidtls.handshake.authentication import PeerIdentity
from lucidtls.handshake.cookie import Cookie, open_cookie
from lucidtls.handshake.negotiate import choose_credential
from lucidtls.handshake.post import SERVER_HANDLERS, Connected, Connected13
from lucidtls.handshake.schedule13 import (
    ApplicationSecrets,
    HandshakeSecrets,
    application_secrets,
    finished_data,
    handshake_secrets,
    resumption_secret,
    verify_finished,
)
from lucidtls.handshake.states import WAIT_CERT, WAIT_CH2, WAIT_CV, WAIT_FINISHED
from lucidtls.trust.credentials import Credential
from lucidtls.wire.codec import handshake_message
from lucidtls.wire.extensions import Extensions, KeyShareEntry, ch, cr, ee, hrr, sh
from lucidtls.wire.hello import HELLO_RETRY_REQUEST_RANDOM, ClientHello, ServerHello
from lucidtls.wire.messages13 import CertificateRequest, EncryptedExtensions, Finished
from lucidtls.wire.versions import TLS12, TLS13


@dataclass(slots=True)
class ClientFinished:
    """Proof that the client saw the same handshake: what `check_client_finished` returns."""

    resumption_secret: bytes = field(repr=False)


async def run(hs: ServerHandshake, hello: ClientHello) -> Connected:
    """Take the server from ClientHello to CONNECTED."""
    hello, choice = await settle_hello(hs, hello)
    credential, scheme = await choose_own_credential(hs, hello, choice)
    secrets = send_server_hello(hs, hello, choice)
    enter_handshake_keys(hs, choice.suite, secrets)

    send_encrypted_extensions(hs, choice, credential)
    request_certificate(hs)
    authentication.send_certificate(hs.channel, credential, staple=ch.STATUS_REQUEST in hello.extensions)
    await authentication.send_certificate_verify(
        hs.channel, credential, scheme, authentication.SERVER_CONTEXT
    )
    application = send_finished(hs, choice.suite, secrets)

    identity = await authenticate_client(hs)
    finished = await check_client_finished(hs, choice.suite, secrets, application)
    return enter_application_keys(hs, choice, application, finished, identity)


# START: the ClientHello, and a second one if need be


async def settle_hello(hs: ServerHandshake, hello: ClientHello) -> tuple[ClientHello, Choice]:
    """Return the ClientHello to answer: this one, or the one that a HelloRetryRequest brings."""
    config, channel = hs.config, hs.channel
    channel.require_record_boundary("the server's answer")
    if config.cookie_key is not None and ch.COOKIE in hello.extensions:
        return hello, resume_from_cookie(hs, hello, config.cookie_key)
    if ch.COOKIE in hello.extensions:
        # "Clients MUST NOT use cookies in their initial ClientHello in subsequent connections."
        # (RFC 9846 §4.3.2)
        raise IllegalParameter("a cookie came that we never gave", clause="RFC 9846 §4.3.2")
    choice = choose(config, hello)
    if choice.share is not None and config.hello_retry != "always":
        channel.transcript.select(choice.suite.hash)
        pass_over_early_data(hs, hello)
        return hello, choice

    cookie = send_retry_request(hs, hello, choice)
    pass_over_early_data(hs, hello)
    second = await WAIT_CH2
    channel.reader.skip_early_data(0)
    accept_second_hello(hello, second, cookie)
    return second, accept_retried_choice(
        hs, second, choice.suite, choice.group.code if choice.share is None else 0
    )


def pass_over_early_data(hs: ServerHandshake, hello: ClientHello) -> None:
    """Have early data skipped: no key to read it is at hand (RFC 9846 §4.3.10)."""
    if ch.EARLY_DATA in hello.extensions:
        hs.channel.reader.skip_early_data(hs.config.max_skipped_early_data)


def send_retry_request(hs: ServerHandshake, hello: ClientHello, choice: Choice) -> bytes | None:
    """Send a HelloRetryRequest for the group we want (RFC 9846 §4.2.4); returns the cookie in it."""
    config, channel = hs.config, hs.channel
    group = choice.group.code if choice.share is None else 0
    first_hello_hash = channel.transcript.select_after_retry(choice.suite.hash)
    sealed: bytes | None = None
    if config.cookie_key is not None:
        now = int(config.clock().timestamp())
        sealed = Cookie(now, choice.suite.code, group, first_hello_hash).seal(config.cookie_key)
    channel.send(retry_request(hello.legacy_session_id, choice.suite.code, group, sealed))
    channel.flush()
    if hello.legacy_session_id:
        channel.writer.send_compatibility_record(now=True)
    hs.retried = True
    return sealed


def retry_request(session_id: bytes, suite: int, group: int, cookie: bytes | None) -> ServerHello:
    """A HelloRetryRequest; the same values always give the same bytes, so a cookie can bring it back."""
    items: list[tuple[Any, Any]] = [(hrr.SUPPORTED_VERSIONS, TLS13)]
    if group:
        items.append((hrr.KEY_SHARE, group))
    if cookie is not None:
        items.append((hrr.COOKIE, cookie))
    extensions = Extensions.build("HelloRetryRequest", items)
    return ServerHello(TLS12, HELLO_RETRY_REQUEST_RANDOM, session_id, suite, 0, extensions)


def resume_from_cookie(hs: ServerHandshake, hello: ClientHello, key: bytes) -> Choice:
    """Go on with a second ClientHello whose first one another server object, or another server, has seen."""
    sealed = hello.extensions.get(ch.COOKIE) or b""
    cookie = open_cookie(key, sealed, int(hs.config.clock().timestamp()))
    suite = next((row for row in hs.config.algorithms.cipher_suites if row.code == cookie.cipher_suite), None)
    if suite is None:
        raise IllegalParameter("the cookie names a cipher suite we no longer use", clause="RFC 9846 §4.3.2")
    retry = retry_request(hello.legacy_session_id, cookie.cipher_suite, cookie.group, sealed)
    message = handshake_message(retry.handshake_type, retry.body())
    hs.channel.transcript.select_after_cookie(suite.hash, cookie.first_hello_hash, message)
    hs.retried = True
    return accept_retried_choice(hs, hello, suite, cookie.group)


def accept_second_hello(first: ClientHello, second: ClientHello, cookie: bytes | None) -> None:
    """Check that only what may change has changed between the two hellos (RFC 9846 §4.2.2)."""
    same = (
        first.random == second.random
        and first.legacy_session_id == second.legacy_session_id
        and first.cipher_suites == second.cipher_suites
        and all(
            first.extensions.raw.get(form.code) == second.extensions.raw.get(form.code) for form in _SETTLED
        )
    )
    if not same:
        raise IllegalParameter("the second ClientHello differs where it may not", clause="RFC 9846 §4.2.2")
    if second.extensions.get(ch.COOKIE) != cookie:
        raise IllegalParameter("the second ClientHello does not return our cookie", clause="RFC 9846 §4.3.2")


_SETTLED = (
    ch.SUPPORTED_VERSIONS,
    ch.SUPPORTED_GROUPS,
    ch.SIGNATURE_ALGORITHMS,
    ch.SIGNATURE_ALGORITHMS_CERT,
    ch.SERVER_NAME,
    ch.ALPN,
)
"""Extensions that decided the retry, or will decide the rest: they must stay as they were."""


def accept_retried_choice(hs: ServerHandshake, hello: ClientHello, suite: CipherSuite, group: int) -> Choice:
    """Choose again and insist on what the HelloRetryRequest said; `group` is 0 if it asked for none."""
    if ch.EARLY_DATA in hello.extensions:
        # "A client MUST NOT include the "early_data" extension in its followup ClientHello."
        raise IllegalParameter("early data is offered again after a retry", clause="RFC 9846 §4.3.10")
    versions = hello.extensions.get(ch.SUPPORTED_VERSIONS) or ()
    choice = choose(hs.config, hello)
    entries = hello.extensions.get(ch.KEY_SHARE) or ()
    wrong_share = group and (len(entries) != 1 or entries[0].group != group)
    if TLS13 not in versions or choice.suite is not suite or choice.share is None or wrong_share:
        raise IllegalParameter("the second ClientHello is not what we asked for", clause="RFC 9846 §4.2.2")
    return choice


async def choose_own_credential(
    hs: ServerHandshake, hello: ClientHello, choice: Choice
) -> tuple[Credential, int]:
    """The credential for this client: the application's choice, or the best of the config's list."""
    if not choice.schemes:
        raise MissingExtension("the ClientHello lists no signature algorithms", clause="RFC 9846 §4.3.3")
    offered = hello.extensions.get(ch.ALPN) or ()
    authorities = hello.extensions.get(ch.CERTIFICATE_AUTHORITIES) or ()
    in_certificates = hello.extensions.get(ch.SIGNATURE_ALGORITHMS_CERT)
    chosen = await CredentialWanted(
        server_name=choice.server_name,
        alpn=tuple(protocol.decode("ascii", "backslashreplace") for protocol in offered),
        signature_schemes=choice.schemes,
        client_hello=hello,
    )
    return choose_credential(
        hs.config.credential_list if chosen is None else (chosen,),
        # As sets: a hello may list thousands, and each credential is looked up among them.
        peers=frozenset(choice.schemes),
        in_certificates=frozenset(in_certificates or choice.schemes),
        server_name=choice.server_name,
        authorities=authorities,
        require_known_name=hs.config.require_known_name and chosen is None,
    )


# NEGOTIATED: the server's flight


def send_server_hello(hs: ServerHandshake, hello: ClientHello, choice: Choice) -> HandshakeSecrets:
    """Answer the client's share, send the ServerHello, and derive the handshake secrets from both."""
    config, channel = hs.config, hs.channel
    assert choice.share is not None, "a hello without a share has been retried"
    channel.client_random = hello.random
    share, shared_secret = choice.group.respond(choice.share, config.random)
    extensions = Extensions.build(
        "ServerHello",
        ((sh.SUPPORTED_VERSIONS, TLS13), (sh.KEY_SHARE, KeyShareEntry(choice.group.code, share))),
    )
    channel.send(
        ServerHello(TLS12, config.random(32), hello.legacy_session_id, choice.suite.code, 0, extensions)
    )
    channel.flush()
    if hello.legacy_session_id and not hs.retried:
        channel.writer.send_compatibility_record(now=True)
    return handshake_secrets(choice.suite.hash, shared_secret, channel.transcript.digest())


def enter_handshake_keys(hs: ServerHandshake, suite: CipherSuite, secrets: HandshakeSecrets) -> None:
    """Protect the rest of the handshake in both directions."""
    channel = hs.channel
    channel.log_secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", secrets.client)
    channel.log_secret("SERVER_HANDSHAKE_TRAFFIC_SECRET", secrets.server)
    channel.enter_send_keys(suite, secrets.server, "handshake")
    channel.enter_receive_keys(suite, secrets.client, "handshake")
    # "clients may send alerts that derive from post-ServerHello messages in the clear"
    # (RFC 9846 Appendix A.1)
    channel.reader.clear_alert_allowed = True


def send_encrypted_extensions(hs: ServerHandshake, choice: Choice, credential: Credential) -> None:
    """Answer what is not needed to make keys, under the keys just made (RFC 9846 §4.4.1)."""
    items: list[tuple[Any, Any]] = []
    if credential.matches_name(choice.server_name):
        # A server that used the name to choose its certificate "SHALL include an extension of type
        # "server_name"" with an empty body (RFC 6066 §3).
        items.append((ee.SERVER_NAME, True))
    groups = hs.config.algorithms.groups
    if choice.group is not groups[0]:
        # "If the server has a group it prefers to the ones in the "key_share" extension but is still willing
        # to accept the ClientHello, it SHOULD send "supported_groups"" (RFC 9846 §4.3.7)
        items.append((ee.SUPPORTED_GROUPS, tuple(group.code for group in groups)))
    if choice.alpn is not None:
        items.append((ee.ALPN, (choice.alpn,)))
    hs.channel.send(EncryptedExtensions(Extensions.build("EncryptedExtensions", items)))


def request_certificate(hs: ServerHandshake) -> None:
    """Ask for the client's certificate if the config wants it (RFC 9846 §4.4.2)."""
    config = hs.config
    if config.client_authentication == "none":
        return
    algorithms = config.algorithms
    items: list[tuple[Any, Any]] = [
        (cr.SIGNATURE_ALGORITHMS, algorithms.tls13_scheme_codes),
        (cr.SIGNATURE_ALGORITHMS_CERT, algorithms.certificate_scheme_codes),
    ]
    if config.certificate_authorities:
        items.append((cr.CERTIFICATE_AUTHORITIES, tuple(config.certificate_authorities)))
    if config.oid_filters:
        items.append((cr.OID_FILTERS, tuple(config.oid_filters)))
    hs.channel.send(CertificateRequest(b"", Extensions.build("CertificateRequest", items)))


def send_finished(hs: ServerHandshake, suite: CipherSuite, secrets: HandshakeSecrets) -> ApplicationSecrets:
    """Send Finished and change our sending keys to those of the data."""
    channel = hs.channel
    channel.send(Finished(finished_data(suite.hash, secrets.server, channel.transcript.digest())))
    application = application_secrets(suite.hash, secrets.handshake_secret, channel.transcript.digest())
    channel.log_secret("CLIENT_TRAFFIC_SECRET_0", application.client)
    channel.log_secret("SERVER_TRAFFIC_SECRET_0", application.server)
    channel.log_secret("EXPORTER_SECRET", application.exporter)
    channel.enter_send_keys(suite, application.server, "application")
    return application


# WAIT_FLIGHT2: WAIT_CERT, WAIT_CV


async def authenticate_client(hs: ServerHandshake) -> PeerIdentity | None:
    """Take the client's Certificate and CertificateVerify if we asked; None for an anonymous client."""
    config, transcript = hs.config, hs.channel.transcript
    if config.client_authentication == "none":
        return None
    message = await WAIT_CERT
    chain = authentication.accept_chain(message, _CERTIFICATE_REQUEST_EXTENSIONS)
    if not chain:
        if config.client_authentication == "require":
            raise CertificateRequired("the client sent no certificate", clause="RFC 9846 §4.5.1")
        return None
    signed_hash = transcript.digest()
    verify = await WAIT_CV
    offered = config.algorithms.scheme_codes
    scheme = authentication.verify_signature(
        chain[0], verify, offered, authentication.CLIENT_CONTEXT, signed_hash
    )
    verified = await authentication.judge_chain(config, chain, role="client", server_name=None)
    return PeerIdentity(chain, verified, scheme)


_CERTIFICATE_REQUEST_EXTENSIONS = frozenset(
    form.code
    for form in (
        cr.SIGNATURE_ALGORITHMS,
        cr.SIGNATURE_ALGORITHMS_CERT,
        cr.CERTIFICATE_AUTHORITIES,
        cr.OID_FILTERS,
    )
)


# WAIT_FINISHED


async def check_client_finished(
    hs: ServerHandshake, suite: CipherSuite, secrets: HandshakeSecrets, application: ApplicationSecrets
) -> ClientFinished:
    """Take the client's Finished: from here on the client is known to have seen what we saw."""
    transcript = hs.channel.transcript
    expected = finished_data(suite.hash, secrets.client, transcript.digest())
    message: Finished = await WAIT_FINISHED
    verify_finished(expected, message.verify_data)
    hs.channel.reader.change_cipher_spec_allowed = False
    return ClientFinished(resumption_secret(suite.hash, application.main_secret, transcript.digest()))


# CONNECTED


def enter_application_keys(
    hs: ServerHandshake,
    choice: Choice,
    application: ApplicationSecrets,
    finished: ClientFinished,
    identity: PeerIdentity | None,
) -> Connected:
    """Change our receiving keys to those of the data; keep only what a connection needs later."""
    hs.channel.enter_receive_keys(choice.suite, application.client, "application")
    negotiated = Negotiated(
        version="TLS 1.3",
        cipher_suite=choice.suite.name,
        group=choice.group.name,
        signature_scheme=identity.signature_scheme if identity is not None else None,
        alpn=choice.alpn.decode() if choice.alpn is not None else None,
        server_name=choice.server_name,
        hello_retried=hs.retried,
        peer_chain=identity.chain if identity is not None else (),
        verified=identity.verified if identity is not None else None,
        client_authenticated=identity is not None,
        client_certificate_requested=hs.config.client_authentication != "none",
    )
    return Connected13(
        negotiated=negotiated,
        channel=hs.channel,
        suite=choice.suite,
        clock=hs.config.clock,
        handlers=SERVER_HANDLERS,
        send_secret=application.server,
        receive_secret=application.client,
        exporter_secret=application.exporter,
        resumption_secret=finished.resumption_secret,
    )
