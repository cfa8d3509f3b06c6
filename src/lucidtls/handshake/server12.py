"""The server before TLS 1.3, from ClientHello to CONNECTED (RFC 5246 §7.3; RFC 4346 and RFC 2246 alike).

Read `run` from top to bottom beside the figure in RFC 5246 §7.3. We speak until ServerHelloDone; then the
client brings what the premaster secret is made from, and from there on both sides compute the same keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from lucidtls.alerts import HANDSHAKE_FAILURE
from lucidtls.config import UNCOMPRESSED, ServerConfig
from lucidtls.crypto.keys import PublicKey, describe_key, key_kind_of
from lucidtls.errors import CertificateRequired, IllegalParameter
from lucidtls.events import CredentialWanted, Negotiated
from lucidtls.handshake import authentication
from lucidtls.handshake.answer import ServerHandshake
from lucidtls.handshake.answer12 import Choice12, choose12
from lucidtls.handshake.authentication import PeerIdentity
from lucidtls.handshake.authentication12 import (
    CERTIFICATE_TYPES,
    SHA1_SCHEMES,
    send_older_finished,
    sign_older,
    take_older_finished,
    verify_older_signature,
)
from lucidtls.handshake.exchange12 import Keys, Terms, agree_on_keys, signed_parameters
from lucidtls.handshake.post import Connected
from lucidtls.handshake.post12 import SERVER_HANDLERS, Connected12
from lucidtls.handshake.response12 import OwnShare, make_share, take_premaster
from lucidtls.handshake.resume_server12 import (
    Resumption,
    cache_session,
    find_session,
    gives_sessions,
    needs_renewal,
    resume,
    send_ticket,
    session_state,
)
from lucidtls.handshake.states import waiting_for
from lucidtls.trust.certificate import leaf_public_key
from lucidtls.trust.credentials import Ask
from lucidtls.wire.extensions import Extensions, ch, sh12
from lucidtls.wire.forms.values import OCSP
from lucidtls.wire.hello import DOWNGRADE_TO_TLS_1_1, DOWNGRADE_TO_TLS_1_2, ClientHello, ServerHello
from lucidtls.wire.messages12 import (
    Certificate,
    CertificateRequest,
    CertificateStatus,
    CertificateVerify,
    ClientKeyExchange,
    ServerHelloDone,
    ServerKeyExchange,
)
from lucidtls.wire.versions import TLS12, TLS13, VERSION_NAMES

SESSION_ID_LENGTH: Final = 32
"""Bytes of the ids we give: as many as there may be, so that nobody guesses one."""


@dataclass(slots=True)
class ClientFlight:
    """What the client said up to its CertificateVerify: proof of the keys, and of who it is if it said so."""

    keys: Keys
    psk_identity: bytes | None
    identity: PeerIdentity | None


async def run(hs: ServerHandshake, hello: ClientHello, version: int) -> Connected:
    """Take the server from ClientHello to CONNECTED."""
    found = await find_session(hs, hello, version)
    if found is not None:
        return await resume(hs, send_resuming_hello(hs, hello, found), found)
    choice = await choose(hs, hello, version)
    terms = send_server_hello(hs, hello, choice, version)
    share = await send_server_flight(hs, terms, choice)

    flight = await take_client_flight(hs, hello, terms, choice, share)
    client_verify_data = await take_older_finished(hs.channel, terms, flight.keys, "client")
    identity = flight.identity
    await give_session(hs, terms, choice, flight)
    server_verify_data = send_older_finished(hs.channel, terms, flight.keys, "server")
    negotiated = Negotiated(
        version=VERSION_NAMES[version],
        cipher_suite=terms.suite.name,
        group=share.group_name,
        signature_scheme=identity.signature_scheme if identity is not None else None,
        alpn=choice.alpn.decode() if choice.alpn is not None else None,
        server_name=choice.server_name,
        hello_retried=False,
        peer_chain=identity.chain if identity is not None else (),
        verified=identity.verified if identity is not None else None,
        client_authenticated=identity is not None,
        client_certificate_requested=asks_for_certificate(hs, terms),
        key_exchange=terms.suite.key_exchange,
        extended_master_secret=terms.extended_master_secret,
        encrypt_then_mac=terms.encrypt_then_mac,
        psk_identity=flight.psk_identity,
        secure_renegotiation=terms.secure_renegotiation,
    )
    return Connected12(
        negotiated=negotiated,
        channel=hs.channel,
        clock=hs.config.clock,
        handlers=SERVER_HANDLERS,
        terms=terms,
        main_secret=flight.keys.main_secret,
        client_verify_data=client_verify_data,
        server_verify_data=server_verify_data,
        server_certificate=choice.credential.chain[0] if choice.credential is not None else None,
    )


# The ClientHello, and our flight


async def choose(hs: ServerHandshake, hello: ClientHello, version: int) -> Choice12:
    """Choose suite, credential and group; the application may have chosen the credential."""
    extensions = hello.extensions
    schemes: tuple[int, ...] | None = extensions.get(ch.SIGNATURE_ALGORITHMS)
    chosen = await CredentialWanted(
        server_name=extensions.get(ch.SERVER_NAME) or None,
        alpn=tuple(name.decode("ascii", "backslashreplace") for name in extensions.get(ch.ALPN) or ()),
        signature_schemes=schemes or SHA1_SCHEMES,
        client_hello=hello,
    )
    return choose12(hs.config, hello, version, hs.config.credential_list if chosen is None else (chosen,))


async def give_session(hs: ServerHandshake, terms: Terms, choice: Choice12, flight: ClientFlight) -> None:
    """Send the ticket, or keep the session, that our ServerHello spoke of."""
    if terms.ticket or terms.session_id:
        chain = flight.identity.chain if flight.identity is not None else ()
        state = session_state(hs, terms, flight.keys.main_secret, chain, choice.server_name)
        cache_session(hs, terms.session_id, state)
        if terms.ticket:
            await send_ticket(hs, state)


def send_resuming_hello(hs: ServerHandshake, hello: ClientHello, found: Resumption) -> Terms:
    """Say that a session goes on: the client's session id comes back (RFC 5246 §7.4.1.3, RFC 5077 §3.4)."""
    config, offer, suite = hs.config, found.offer, found.suite
    macs = config.mac_mode != "off" and offer.encrypt_then_mac and suite.cipher.kind == "block"
    ticket = found.by_ticket and needs_renewal(config, found.state)
    items: list[tuple[Any, Any]] = [(sh12.EXTENDED_MASTER_SECRET, True)]
    if offer.secure_renegotiation:
        items.append((sh12.RENEGOTIATION_INFO, b""))
    if macs:
        items.append((sh12.ENCRYPT_THEN_MAC, True))
    if found.alpn is not None:
        items.append((sh12.ALPN, (found.alpn,)))
    if ticket:
        items.append((sh12.SESSION_TICKET, True))
    hs.channel.client_random = hello.random
    random = own_random(config, offer.version)
    extensions = Extensions.build("ServerHello12", items)
    session_id = hello.legacy_session_id
    hs.channel.send(ServerHello(offer.version, random, session_id, suite.code, 0, extensions))
    return Terms(
        version=offer.version,
        suite=suite,
        client_random=hello.random,
        server_random=random,
        extended_master_secret=True,
        encrypt_then_mac=macs,
        secure_renegotiation=offer.secure_renegotiation,
        ticket=ticket,
        session_id=session_id,
        resumed=True,
    )


def own_random(config: ServerConfig, version: int) -> bytes:
    """Our random, marked when we could do better.

    "TLS 1.3 servers which negotiate TLS 1.2 [...] MUST set the last eight bytes of their Random value" so,
    and those which negotiate less, like TLS 1.2 servers, to the other value (RFC 9846 §4.2.3).
    """
    random = config.random(32)
    best = config.algorithms.versions[0]
    if version < TLS12 <= best:
        return random[:-8] + DOWNGRADE_TO_TLS_1_1
    if version == TLS12 and best == TLS13:
        return random[:-8] + DOWNGRADE_TO_TLS_1_2
    return random


def send_server_hello(hs: ServerHandshake, hello: ClientHello, choice: Choice12, version: int) -> Terms:
    """Answer the hello (RFC 5246 §7.4.1.3)."""
    channel, config = hs.channel, hs.config
    channel.client_random = hello.random
    random = own_random(config, version)
    items = _answers(hello, choice)
    terms = Terms(
        version=version,
        suite=choice.suite,
        client_random=hello.random,
        server_random=random,
        extended_master_secret=choice.extended_master_secret,
        encrypt_then_mac=choice.encrypt_then_mac,
        secure_renegotiation=choice.secure_renegotiation,
    )
    if gives_sessions(config, terms):
        if config.session_cache is None:
            terms.ticket = ch.SESSION_TICKET in hello.extensions
        elif not isinstance(config.session_cache, Ask):
            terms.session_id = config.random(SESSION_ID_LENGTH)
    if terms.ticket:
        items.append((sh12.SESSION_TICKET, True))
    extensions = Extensions.build("ServerHello12", items)
    terms.status = sh12.STATUS_REQUEST in extensions
    channel.send(ServerHello(version, random, terms.session_id, choice.suite.code, 0, extensions))
    return terms


def _answers(hello: ClientHello, choice: Choice12) -> list[tuple[Any, Any]]:
    """The extensions of our ServerHello: answers to what the client offered, and no more."""
    items: list[tuple[Any, Any]] = []
    if choice.credential is not None and choice.credential.matches_name(choice.server_name):
        items.append((sh12.SERVER_NAME, True))
    if choice.secure_renegotiation:
        items.append((sh12.RENEGOTIATION_INFO, b""))
    if choice.suite.key_exchange.startswith("ECDH") and ch.EC_POINT_FORMATS in hello.extensions:
        items.append((sh12.EC_POINT_FORMATS, (UNCOMPRESSED,)))
    if choice.extended_master_secret:
        items.append((sh12.EXTENDED_MASTER_SECRET, True))
    if choice.encrypt_then_mac:
        items.append((sh12.ENCRYPT_THEN_MAC, True))
    if choice.alpn is not None:
        items.append((sh12.ALPN, (choice.alpn,)))
    if choice.credential is not None and choice.credential.ocsp_response is not None:
        # "Servers that receive a client hello containing the "status_request" extension MAY return a suitable
        # certificate status response" (RFC 6066 §8)
        asked = hello.extensions.get(ch.STATUS_REQUEST)
        if asked is not None and asked.status_type == OCSP:
            items.append((sh12.STATUS_REQUEST, True))
    return items


async def send_server_flight(hs: ServerHandshake, terms: Terms, choice: Choice12) -> OwnShare:
    """Send Certificate, ServerKeyExchange, CertificateRequest and ServerHelloDone, each where it belongs."""
    channel, credential = hs.channel, choice.credential
    if credential is not None:
        channel.send(Certificate(credential.chain))
        if terms.status and credential.ocsp_response is not None:
            channel.send(CertificateStatus(OCSP, credential.ocsp_response))
    share = make_share(hs.config, choice.group)
    if terms.method.parameters is not None or (terms.method.psk and hs.config.psk_identity_hint is not None):
        hint = (hs.config.psk_identity_hint or b"") if terms.method.psk else None
        message = ServerKeyExchange(hint, share.parameters, None, None)
        if credential is not None and choice.scheme is not None:
            content = signed_parameters(terms, message.signed_params())
            message.signature = await sign_older(credential, choice.scheme, content)
            message.scheme = choice.scheme if terms.version >= TLS12 else None
        channel.send(message)
    if asks_for_certificate(hs, terms):
        channel.send(certificate_request(hs, terms))
    channel.send(ServerHelloDone())
    channel.flush()
    return share


def asks_for_certificate(hs: ServerHandshake, terms: Terms) -> bool:
    """Whether the client is asked for a certificate: only a server that shows one may (RFC 5246 §7.4.4)."""
    return hs.config.client_authentication != "none" and terms.method.certificate and not terms.method.psk


def certificate_request(hs: ServerHandshake, terms: Terms) -> CertificateRequest:
    """Say which keys, signatures and authorities we take (RFC 5246 §7.4.4)."""
    algorithms = hs.config.algorithms
    schemes = [row for row in algorithms.signature_schemes if row.tls12]
    return CertificateRequest(
        types=certificate_types(hs),
        schemes=tuple(row.code for row in schemes) if terms.version >= TLS12 else None,
        authorities=tuple(hs.config.certificate_authorities),
    )


def certificate_types(hs: ServerHandshake) -> tuple[int, ...]:
    """The ClientCertificateTypes that go with the signatures we take."""
    schemes = hs.config.algorithms.signature_schemes
    return tuple(dict.fromkeys(CERTIFICATE_TYPES[row.key_kind] for row in schemes if row.tls12))


# The client's flight


async def take_client_flight(
    hs: ServerHandshake, hello: ClientHello, terms: Terms, choice: Choice12, share: OwnShare
) -> ClientFlight:
    """Take the client's Certificate, ClientKeyExchange and CertificateVerify; make the keys."""
    channel = hs.channel
    chain: tuple[bytes, ...] = ()
    if asks_for_certificate(hs, terms):
        certificate: Certificate = await waiting_for(Certificate)
        chain = accept_client_chain(hs, terms, certificate)
    exchange: ClientKeyExchange = await waiting_for(terms.client_key_exchange)
    premaster = await take_premaster(
        hs.config, terms, choice.credential, share, exchange, hello.legacy_version
    )
    keys = agree_on_keys(channel, terms, premaster, hs.config.random)
    identity = await authenticate_client(hs, terms, chain) if chain else None
    channel.transcript.select(terms.hash)
    return ClientFlight(keys, exchange.identity, identity)


def accept_client_chain(hs: ServerHandshake, terms: Terms, message: Certificate) -> tuple[bytes, ...]:
    """Return the client's certificates; an empty list is a refusal, if the config lets it.

    "If the client does not send any certificates, the server MAY at its discretion either continue the
    handshake without client authentication, or respond with a fatal handshake_failure alert."
    (RFC 5246 §7.4.6)
    """
    if not message.certificate_list:
        if hs.config.client_authentication == "require":
            raise CertificateRequired("the client sent no certificate", clause="RFC 5246 §7.4.6").with_alert(
                HANDSHAKE_FAILURE
            )
        return ()
    return message.certificate_list


async def authenticate_client(hs: ServerHandshake, terms: Terms, chain: tuple[bytes, ...]) -> PeerIdentity:
    """Check that the client has its certificate's key, then its chain (RFC 5246 §7.4.8)."""
    config = hs.config
    key = leaf_public_key(chain[0])
    check_client_key(hs, key)
    content = hs.channel.transcript.messages()
    message: CertificateVerify = await waiting_for(terms.certificate_verify)
    scheme = verify_older_signature(
        terms.version,
        key,
        message.scheme,
        message.signature,
        content,
        config.algorithms.scheme_codes,
        clause="RFC 5246 §7.4.8",
    )
    verified = await authentication.judge_chain(config, chain, role="client", server_name=None)
    return PeerIdentity(chain, verified, scheme)


def check_client_key(hs: ServerHandshake, key: PublicKey) -> None:
    """Check that the client's key is of a type we asked for (RFC 5246 §7.4.6)."""
    if CERTIFICATE_TYPES.get(key_kind_of(key)) not in certificate_types(hs):
        raise IllegalParameter(
            "the client's certificate is of a type that was not asked for",
            key=describe_key(key),
            clause="RFC 5246 §7.4.6",
        )
