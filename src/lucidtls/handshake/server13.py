"""The TLS 1.3 server, from ClientHello to CONNECTED (RFC 9846 Appendix A.2).

Read `run` from top to bottom beside the figure in Appendix A.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from lucidtls.crypto.suites import CipherSuite
from lucidtls.errors import CertificateRequired, IllegalParameter, MissingExtension
from lucidtls.events import CredentialWanted, Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.acceptance13 import AcceptedPsk, choose_mode, choose_psk, takes_early_data
from lucidtls.handshake.answer import Choice, ServerHandshake, choose
from lucidtls.handshake.authentication import PeerIdentity
from lucidtls.handshake.cookie import Cookie, open_cookie
from lucidtls.handshake.early import EarlyRoom
from lucidtls.handshake.negotiate import choose_credential
from lucidtls.handshake.post import SERVER_HANDLERS, Connected, Connected13
from lucidtls.handshake.psk13 import PSK_KE
from lucidtls.handshake.schedule13 import (
    ApplicationSecrets,
    HandshakeSecrets,
    application_secrets,
    early_exporter_secret,
    early_traffic_secret,
    finished_data,
    handshake_secrets,
    resumption_secret,
    verify_finished,
)
from lucidtls.handshake.states import WAIT_CERT, WAIT_CH2, WAIT_CV, WAIT_EOED, WAIT_FINISHED
from lucidtls.handshake.tickets13 import send_tickets, tickets_wanted
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
    hello, choice, psk = await settle_hello(hs, hello)
    early = await accept_early_data(hs, hello, choice, psk)
    own = await choose_own_credential(hs, hello, choice) if psk is None else None
    secrets = send_server_hello(hs, hello, choice, psk)
    enter_send_keys(hs, choice.suite, secrets)

    send_encrypted_extensions(hs, hello, choice, own, early)
    if own is not None:
        await send_own_certificate(hs, hello, *own)
    application = send_finished(hs, choice.suite, secrets)

    await take_early_data(hs, choice.suite, psk, early)
    enter_receive_keys(hs, choice.suite, secrets, early=early is not None)
    identity = recalled_client(psk) if psk is not None else await authenticate_client(hs)
    finished = await check_client_finished(hs, choice.suite, secrets, application)
    negotiated = what_was_agreed(hs, hello, choice, psk, identity, early)
    connected = enter_application_keys(hs, choice, application, finished, negotiated)
    connected.server_certificate = own[0].chain[0] if own is not None else None
    return await give_tickets(hs, hello, connected, psk)


# START: the ClientHello, and a second one if need be


async def settle_hello(
    hs: ServerHandshake, hello: ClientHello
) -> tuple[ClientHello, Choice, AcceptedPsk | None]:
    """Return the ClientHello to answer, this one or the one that a HelloRetryRequest brings, and its PSK."""
    config, channel = hs.config, hs.channel
    channel.require_record_boundary("the server's answer")
    if config.cookie_key is not None and ch.COOKIE in hello.extensions:
        choice = resume_from_cookie(hs, hello, config.cookie_key)
        return hello, choice, await choose_psk(hs, hello, choice)
    if ch.COOKIE in hello.extensions:
        # "Clients MUST NOT use cookies in their initial ClientHello in subsequent connections."
        # (RFC 9846 §4.3.2)
        raise IllegalParameter("a cookie came that we never gave", clause="RFC 9846 §4.3.2")
    if choose_mode(config, hello) == PSK_KE:
        # Without fresh keys there is no group to agree on, if the PSK is good.
        choice = choose(config, hello, fresh_keys=False)
        channel.transcript.select(choice.suite.hash)
        psk = await choose_psk(hs, hello, choice)
        if psk is not None:
            return hello, choice, psk
    choice = choose(config, hello)
    if choice.share is not None and config.hello_retry != "always":
        channel.transcript.select(choice.suite.hash)
        return hello, choice, await choose_psk(hs, hello, choice)

    cookie = send_retry_request(hs, hello, choice)
    pass_over_early_data(hs, hello)
    second = await WAIT_CH2
    channel.reader.skip_early_data(0)
    accept_second_hello(hello, second, cookie)
    assert choice.group is not None, "fresh keys have a group"
    group = choice.group.code if choice.share is None else 0
    choice = accept_retried_choice(hs, second, choice.suite, group)
    return second, choice, await choose_psk(hs, second, choice)


def pass_over_early_data(hs: ServerHandshake, hello: ClientHello) -> None:
    """Have early data skipped: no key to read it is at hand (RFC 9846 §4.3.10)."""
    if ch.EARLY_DATA in hello.extensions:
        hs.early_data_offered = True
        # What a ticket of ours allows may well come, in records that add up to twice as much.
        limit = max(hs.config.max_skipped_early_data, 2 * hs.config.max_early_data)
        hs.channel.reader.skip_early_data(limit)


def send_retry_request(hs: ServerHandshake, hello: ClientHello, choice: Choice) -> bytes | None:
    """Send a HelloRetryRequest for the group we want (RFC 9846 §4.2.4); returns the cookie in it."""
    config, channel = hs.config, hs.channel
    group = choice.group.code if choice.share is None and choice.group is not None else 0
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


def send_server_hello(
    hs: ServerHandshake, hello: ClientHello, choice: Choice, psk: AcceptedPsk | None
) -> HandshakeSecrets:
    """Answer the client's share and PSK, send the ServerHello, and derive the handshake secrets."""
    config, channel = hs.config, hs.channel
    channel.client_random = hello.random
    items: list[tuple[Any, Any]] = [(sh.SUPPORTED_VERSIONS, TLS13)]
    shared_secret = bytes(choice.suite.hash.digest_size)
    if choice.group is not None:
        assert choice.share is not None, "a hello without a share has been retried"
        share, shared_secret = choice.group.respond(choice.share, config.random)
        items.append((sh.KEY_SHARE, KeyShareEntry(choice.group.code, share)))
    if psk is not None:
        items.append((sh.PRE_SHARED_KEY, psk.index))
    extensions = Extensions.build("ServerHello", items)
    channel.send(
        ServerHello(TLS12, config.random(32), hello.legacy_session_id, choice.suite.code, 0, extensions)
    )
    channel.flush()
    if hello.legacy_session_id and not hs.retried:
        channel.writer.send_compatibility_record(now=True)
    early = psk.psk.early if psk is not None else None
    return handshake_secrets(choice.suite.hash, shared_secret, channel.transcript.digest(), early)


def enter_send_keys(hs: ServerHandshake, suite: CipherSuite, secrets: HandshakeSecrets) -> None:
    """Protect the rest of our flight."""
    channel = hs.channel
    channel.log_secret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", secrets.client)
    channel.log_secret("SERVER_HANDSHAKE_TRAFFIC_SECRET", secrets.server)
    channel.enter_send_keys(suite, secrets.server, "handshake")


async def send_own_certificate(
    hs: ServerHandshake, hello: ClientHello, credential: Credential, scheme: int
) -> None:
    """Ask for the client's certificate if it is wanted, show our own, and prove that we have its key."""
    request_certificate(hs)
    authentication.send_certificate(hs.channel, credential, staple=ch.STATUS_REQUEST in hello.extensions)
    await authentication.send_certificate_verify(
        hs.channel, credential, scheme, authentication.SERVER_CONTEXT
    )


def send_encrypted_extensions(
    hs: ServerHandshake,
    hello: ClientHello,
    choice: Choice,
    own: tuple[Credential, int] | None,
    early: bytes | None,
) -> None:
    """Answer what is not needed to make keys, under the keys just made (RFC 9846 §4.4.1)."""
    items: list[tuple[Any, Any]] = []
    if own is not None and own[0].matches_name(choice.server_name):
        # A server that used the name to choose its certificate "SHALL include an extension of type
        # "server_name"" with an empty body (RFC 6066 §3).
        items.append((ee.SERVER_NAME, True))
    groups = hs.config.algorithms.groups
    if choice.group is not None and choice.group is not groups[0]:
        # "If the server has a group it prefers to the ones in the "key_share" extension but is still willing
        # to accept the ClientHello, it SHOULD send "supported_groups"" (RFC 9846 §4.3.7)
        items.append((ee.SUPPORTED_GROUPS, tuple(group.code for group in groups)))
    if choice.alpn is not None:
        items.append((ee.ALPN, (choice.alpn,)))
    if early is not None:
        items.append((ee.EARLY_DATA, True))
    if ch.TICKET_REQUEST in hello.extensions and hs.config.tickets:
        # How many tickets to expect (RFC 9149 §3).
        items.append((ee.TICKET_REQUEST, tickets_wanted(hs, hello, resumed=own is None)))
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
    channel.half_rtt = True
    return application


# Early data, and WAIT_EOED


async def accept_early_data(
    hs: ServerHandshake, hello: ClientHello, choice: Choice, psk: AcceptedPsk | None
) -> bytes | None:
    """Decide about early data; the client's early traffic secret if it may be read (RFC 9846 §4.3.10)."""
    channel, algorithm = hs.channel, choice.suite.hash
    if psk is None or not await takes_early_data(hs, hello, choice, psk):
        if not hs.retried:
            pass_over_early_data(hs, hello)
        return None
    hs.early_data_offered = True
    hello_hash = channel.transcript.digest()
    secret = early_traffic_secret(algorithm, psk.psk.early, hello_hash)
    channel.client_random = hello.random
    channel.early_exporter = (algorithm, early_exporter_secret(algorithm, psk.psk.early, hello_hash))
    channel.log_secret("CLIENT_EARLY_TRAFFIC_SECRET", secret)
    channel.log_secret("EARLY_EXPORTER_SECRET", channel.early_exporter[1])
    return secret


async def take_early_data(
    hs: ServerHandshake, suite: CipherSuite, psk: AcceptedPsk | None, early: bytes | None
) -> None:
    """Let early data come, until the client says that it is over (RFC 9846 §4.6)."""
    if early is None or psk is None or psk.state is None:
        return
    room = psk.state.max_early_data
    channel = hs.channel
    channel.enter_receive_keys(suite, early, "early")
    channel.early = EarlyRoom(room)
    await WAIT_EOED
    channel.early = None
    channel.reader.change_cipher_spec_allowed = True


def enter_receive_keys(
    hs: ServerHandshake, suite: CipherSuite, secrets: HandshakeSecrets, *, early: bool
) -> None:
    """Open the client's part of the handshake."""
    hs.channel.enter_receive_keys(suite, secrets.client, "handshake")
    # "clients may send alerts that derive from post-ServerHello messages in the clear"
    # (RFC 9846 Appendix A.1); one that has sent early data has keys to seal them.
    hs.channel.reader.clear_alert_allowed = not early


def recalled_client(psk: AcceptedPsk) -> PeerIdentity | None:
    """Who the client is by its session: whoever it was then."""
    if psk.state is None or not psk.state.peer_chain:
        return None
    return PeerIdentity(psk.state.peer_chain, psk.verified, None)


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


def what_was_agreed(
    hs: ServerHandshake,
    hello: ClientHello,
    choice: Choice,
    psk: AcceptedPsk | None,
    identity: PeerIdentity | None,
    early: bytes | None,
) -> Negotiated:
    """What both sides have agreed on."""
    resumed = psk is not None and psk.state is not None
    early_data: Literal["accepted", "rejected"] = "accepted" if early is not None else "rejected"
    return Negotiated(
        version="TLS 1.3",
        cipher_suite=choice.suite.name,
        group=choice.group.name if choice.group is not None else None,
        signature_scheme=identity.signature_scheme if identity is not None else None,
        alpn=choice.alpn.decode() if choice.alpn is not None else None,
        server_name=choice.server_name,
        hello_retried=hs.retried,
        peer_chain=identity.chain if identity is not None else (),
        verified=identity.verified if identity is not None else None,
        client_authenticated=identity is not None,
        client_certificate_requested=psk is None and hs.config.client_authentication != "none",
        psk_identity=psk.psk.name if psk is not None and not resumed else None,
        resumed=resumed,
        early_data=early_data if hs.early_data_offered else None,
    )


def enter_application_keys(
    hs: ServerHandshake,
    choice: Choice,
    application: ApplicationSecrets,
    finished: ClientFinished,
    negotiated: Negotiated,
) -> Connected13:
    """Change our receiving keys to those of the data; keep only what a connection needs later."""
    hs.channel.enter_receive_keys(choice.suite, application.client, "application")
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


async def give_tickets(
    hs: ServerHandshake, hello: ClientHello, connected: Connected13, psk: AcceptedPsk | None
) -> Connected13:
    """Send tickets for later connections; what they are made from is then dropped."""
    state = psk.state if psk is not None else None
    count = tickets_wanted(hs, hello, resumed=psk is not None)
    if count and (psk is None or state is not None):
        # Who has a key given beforehand needs no ticket, and a ticket would not say whose key it was.
        since = state.authenticated_at if state is not None else hs.config.clock().timestamp()
        await send_tickets(hs, connected, count, since)
    connected.resumption_secret = b""
    return connected
