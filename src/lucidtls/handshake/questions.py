"""The config's answers to the questions a flow asks, or none when the application answers itself."""

from __future__ import annotations

from typing import Any, Final

from lucidtls.config import ClientConfig, ServerConfig
from lucidtls.errors import InternalError
from lucidtls.events import (
    CredentialWanted,
    DecryptionWanted,
    FreshnessWanted,
    PreSharedKey,
    PskIdentityWanted,
    PskWanted,
    Question,
    SessionWanted,
    SignatureWanted,
    TicketWanted,
    VerificationWanted,
)
from lucidtls.trust.credentials import Ask, Credential


class _Pending:
    """The answer will come later, from the application."""


PENDING: Final = _Pending()


def answer_from_config(config: ClientConfig | ServerConfig, question: Question[Any]) -> Any:
    """Answer a question with what the config holds, or return PENDING where it says `ASK`.

    Whatever a signer, verifier or chooser raises goes through to the flow.
    """
    match question:
        case SignatureWanted(scheme=scheme, content=content, credential=credential):
            return PENDING if isinstance(credential.key, Ask) else credential.sign(scheme, content)
        case VerificationWanted(request=request):
            verifier = config.chain_verifier
            return PENDING if isinstance(verifier, Ask) else verifier.verify(request)
        case CredentialWanted():
            choose = config.choose_credential if isinstance(config, ServerConfig) else None
            if isinstance(choose, Ask):
                return PENDING
            return None if choose is None else choose(question)
        case DecryptionWanted(ciphertext=ciphertext, credential=credential):
            return PENDING if isinstance(credential.key, Ask) else _decrypt(credential, ciphertext)
        case PskIdentityWanted(hint=hint):
            return _own_psk(config, hint)
        case PskWanted(identity=identity):
            find = config.find_psk if isinstance(config, ServerConfig) else None
            if isinstance(find, Ask):
                return PENDING
            return None if find is None else find(identity)
        case SessionWanted() | TicketWanted() | FreshnessWanted() if isinstance(config, ServerConfig):
            return _answer_about_sessions(config, question)
        case _:
            raise InternalError(f"no answer is known for {type(question).__name__}")


CACHE_KEY_LENGTH: Final = 32
"""Bytes of the random key that stands for a session in a cache; nobody guesses one."""


def _answer_about_sessions(
    config: ServerConfig, question: SessionWanted | TicketWanted | FreshnessWanted
) -> Any:
    now = config.clock().timestamp()
    if isinstance(question, FreshnessWanted):
        guard = config.early_data_guard
        return PENDING if isinstance(guard, Ask) else guard.first_use(question.key, question.lifetime, now)
    cache = config.session_cache
    if cache is None:
        sealer = config.ticket_sealer
        if isinstance(sealer, Ask):
            return PENDING
        if isinstance(question, SessionWanted):
            return sealer.open(question.identity, now)
        return sealer.seal(question.state, now)
    if isinstance(cache, Ask):
        return PENDING
    if isinstance(question, SessionWanted):
        return (cache.take if question.single_use else cache.get)(question.identity, now)
    key = config.random(CACHE_KEY_LENGTH)
    return key if cache.put(key, question.state, question.lifetime, now) else None


def _decrypt(credential: Credential, ciphertext: bytes) -> bytes | None:
    """Decrypt; a failure is no answer, of whatever kind the key's library has it.

    An error that came through would end the handshake where good padding goes on: Bleichenbacher's oracle.
    """
    try:
        return credential.decrypt(ciphertext)
    except Exception:  # noqa: BLE001
        return None


def _own_psk(config: ClientConfig | ServerConfig, hint: bytes | None) -> Any:
    psk = config.psk if isinstance(config, ClientConfig) else None
    if isinstance(psk, Ask):
        return PENDING
    return psk if psk is None or isinstance(psk, PreSharedKey) else psk(hint)
