"""The server's choice among the PSKs of a TLS 1.3 hello, and whether early data may be read (RFC 9846
§4.3.10-11).

What cannot be used is passed over, and a full handshake follows. Only a binder that does not fit ends the
connection: then somebody offers an identity without having its key, or the hello was changed on the way.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from lucidtls.config import ServerConfig
from lucidtls.crypto.hashes import SHA256
from lucidtls.crypto.suites import SUITES_13, CipherSuite
from lucidtls.errors import BadBinder, CertificateRejected
from lucidtls.events import FreshnessWanted, PreSharedKey, PskWanted, SessionWanted, is_psk
from lucidtls.handshake import authentication
from lucidtls.handshake.answer import Choice, ServerHandshake
from lucidtls.handshake.importer import TARGET_KDFS, imported_offer, read_imported_identity
from lucidtls.handshake.psk13 import PSK_DHE_KE, PSK_KE, OfferedPsk, external_offer, ticket_offer
from lucidtls.sessions.session import MAX_SESSION_AGE
from lucidtls.sessions.state import SessionState
from lucidtls.trust.verify import VerifiedChain
from lucidtls.wire.extensions import OfferedPsks, PskIdentity, ch
from lucidtls.wire.hello import ClientHello
from lucidtls.wire.versions import TLS13

MAX_IDENTITIES: Final = 8
"""Identities of a hello that are looked up; each may cost a decryption and a question to a database."""


@dataclass(slots=True)
class AcceptedPsk:
    """A PSK whose binder has been checked. `state` is that of a session, `index` its place in the hello."""

    index: int
    psk: OfferedPsk
    state: SessionState | None
    verified: VerifiedChain | None = None
    binder: bytes = field(default=b"", repr=False)


def choose_mode(config: ServerConfig, hello: ClientHello) -> int | None:
    """How a PSK may be used here: with fresh keys if both can, alone if both want; None for not at all."""
    modes = hello.extensions.get(ch.PSK_KEY_EXCHANGE_MODES)
    if modes is None or ch.PRE_SHARED_KEY not in hello.extensions:
        return None
    for mode in (PSK_DHE_KE, PSK_KE):
        if mode in modes and mode in config.psk_mode_codes:
            return mode
    return None


async def choose_psk(hs: ServerHandshake, hello: ClientHello, choice: Choice) -> AcceptedPsk | None:
    """The first PSK of the hello that is known and fits, its binder checked; None for a full handshake.

    The transcript ends with the hello, and nothing of it has been hashed yet. Raises BadBinder.
    """
    offered: OfferedPsks | None = hello.extensions.get(ch.PRE_SHARED_KEY)
    if offered is None or choose_mode(hs.config, hello) is None:
        return None
    for index, identity in enumerate(offered.identities[:MAX_IDENTITIES]):
        found = await find_psk(hs, choice, index, identity)
        if found is not None:
            # "Servers SHOULD NOT attempt to validate multiple binders; rather, they SHOULD select a single
            # PSK and validate solely the binder that corresponds to that PSK." (RFC 9846 §4.3.11)
            truncated_hash = hs.channel.transcript.truncated_digest(offered.binders_length)
            found.binder = offered.binders[index]
            verify_binder(found.psk.binder(truncated_hash), found.binder)
            return found
    return None


def verify_binder(expected: bytes, received: bytes) -> None:
    """Compare two binders in constant time.

    "If this value is not present or does not validate, the server MUST abort the handshake." (RFC 9846
    §4.3.11)
    """
    if not hmac.compare_digest(expected, received):
        raise BadBinder(
            "the client does not show that it has the PSK it offers, or its hello was changed on the way",
            clause="RFC 9846 §4.3.11",
        )


async def find_psk(
    hs: ServerHandshake, choice: Choice, index: int, identity: PskIdentity
) -> AcceptedPsk | None:
    """What an identity stands for, if it is known and may be used here: a session, or a key given before."""
    config, suite = hs.config, choice.suite
    if config.tickets:
        data = await SessionWanted(identity.identity, single_use=True)
        state = SessionState.read(data) if data is not None else None
        if state is not None:
            if not acceptable(config, choice, state):
                return None
            try:
                verified = await judge_again(hs, state)
            except CertificateRejected:
                return None
            psk = ticket_offer(identity.identity, state.secret, suite.hash, identity.obfuscated_ticket_age)
            return AcceptedPsk(index, psk, state, verified)
    if config.find_psk is None or config.client_authentication == "require":
        return None
    return await find_external_psk(index, identity.identity, suite)


async def find_external_psk(index: int, identity: bytes, suite: CipherSuite) -> AcceptedPsk | None:
    """A key that was given beforehand, as it is or imported for this hash, if the suite has it."""
    imported = read_imported_identity(identity)
    if imported is not None and imported.target_protocol == TLS13:
        answer = await PskWanted(imported.external_identity)
        if isinstance(answer, PreSharedKey) and answer.imported and answer.context == imported.context:
            fits = imported.target_kdf == TARGET_KDFS.get(suite.hash)
            return AcceptedPsk(index, imported_offer(answer, suite.hash), None) if fits else None
    answer = await PskWanted(identity)
    if not isinstance(answer, PreSharedKey):
        if not is_psk(answer):
            return None
        answer = PreSharedKey(identity, bytes(answer))
    # A key that is to be imported is none by itself (RFC 9258 §4).
    psk = external_offer(answer)
    return AcceptedPsk(index, psk, None) if psk.hash is suite.hash and not answer.imported else None


def acceptable(config: ServerConfig, choice: Choice, state: SessionState) -> bool:
    """Whether a session may be resumed by this hello, under this config, now."""
    now = config.clock().timestamp()
    suite = SUITES_13.get(state.cipher_suite)
    return (
        state.version == TLS13
        and state.scope == config.session_scope
        and state.server_name == choice.server_name
        # The session's hash, which its PSK is for; the suite may differ (RFC 9846 §4.7.1).
        and suite is not None
        and suite.hash is choice.suite.hash
        and not is_over(config, state, now)
        and (config.client_authentication != "require" or bool(state.peer_chain))
    )


def is_over(config: ServerConfig, state: SessionState, now: float) -> bool:
    """Whether a session has ended. Clocks of a fleet differ a little; one set back prolongs nothing."""
    age, total = now - state.issued_at, now - state.authenticated_at
    return not (-config.early_data_window <= age < state.lifetime and total < MAX_SESSION_AGE)


async def judge_again(hs: ServerHandshake, state: SessionState) -> VerifiedChain | None:
    """Judge the client's chain again, if it showed one and the config says so."""
    if not state.peer_chain or not hs.config.judges_resumption:
        return None
    return await authentication.judge_chain(hs.config, state.peer_chain, role="client", server_name=None)


async def takes_early_data(
    hs: ServerHandshake, hello: ClientHello, choice: Choice, accepted: AcceptedPsk
) -> bool:
    """Whether early data may be read: under the same terms, fresh, and seen for the first time.

    The questions to the guard come last: nothing is noted of a hello that is refused for another reason, and
    the binder is known to be good (RFC 9846 §8.2).
    """
    config, state = hs.config, accepted.state
    if (
        ch.EARLY_DATA not in hello.extensions
        or state is None
        or not 0 < state.max_early_data <= config.max_early_data
        or hs.retried
        # "the server MUST verify" that the PSK is the first identity, and that version, suite and protocol
        # are those of the session (RFC 9846 §4.3.10); `acceptable` has compared version and name.
        or accepted.index != 0
        or state.cipher_suite != choice.suite.code
        or state.alpn != choice.alpn
        or not is_fresh(config, accepted.psk.obfuscated_age, state)
    ):
        return False
    # A hello is fresh within the window to either side; remembered that long, it cannot be taken twice.
    lifetime = 2 * config.early_data_window + 1
    return await FreshnessWanted(SHA256.digest(accepted.binder), lifetime) is True


def is_fresh(config: ServerConfig, obfuscated_age: int, state: SessionState) -> bool:
    """Whether client and server agree about the ticket's age: a hello held back is stale (RFC 9846 §8.3)."""
    claimed = ((obfuscated_age - state.age_add) % 2**32) / 1000
    actual = config.clock().timestamp() - state.issued_at
    return abs(actual - claimed) <= config.early_data_window
