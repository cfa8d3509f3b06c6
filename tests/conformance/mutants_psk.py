"""Wrong versions of the engine that resume sessions and take early data where they should not.

See `tests.conformance.mutants` for how they are made and caught.
"""

from __future__ import annotations

from tests.conformance.mutants import Check, Mutant

_TERMS = "tests.conformance.test_psk_terms"
ACCEPTANCE, CLIENT, SERVER = "handshake/acceptance13.py", "handshake/client13.py", "handshake/server13.py"


def session(why: str) -> Check:
    """A session that must be passed over."""
    return (_TERMS, "test_a_session_of_other_terms_is_passed_over", why)


def early(why: str) -> Check:
    """Early data that must be passed over."""
    return (_TERMS, "test_early_data_of_other_terms_is_passed_over", why)


MUTANTS_PSK = (
    # The session
    Mutant(
        "binders are not checked",
        ACCEPTANCE,
        "    if not hmac.compare_digest(expected, received):\n        raise BadBinder(",
        "    if False:\n        raise BadBinder(",
        ("server_gets_a_binder_by_another_key",),
    ),
    Mutant(
        "scopes are not compared",
        ACCEPTANCE,
        "state.scope == config.session_scope",
        "True",
        (session("another scope"),),
    ),
    Mutant(
        "server names are not compared",
        ACCEPTANCE,
        "state.server_name == choice.server_name",
        "True",
        (session("another name"),),
    ),
    Mutant(
        "a session of TLS 1.2 is one of TLS 1.3",
        ACCEPTANCE,
        "state.version == TLS13\n",
        "True\n",
        (session("another version"),),
    ),
    Mutant(
        "the hash of a session is not compared by the server",
        ACCEPTANCE,
        "suite.hash is choice.suite.hash",
        "True",
        (session("another hash"),),
    ),
    Mutant(
        "the hash of a PSK is not compared by the client",
        CLIENT,
        "selected >= len(hs.psks) or hs.psks[selected].hash is not suite.hash",
        "selected >= len(hs.psks)",
        ("server_selects_a_psk_with_a_suite_of_another_hash",),
    ),
    Mutant(
        "sessions never end",
        ACCEPTANCE,
        "<= age < state.lifetime",
        "<= age",
        (session("expired"),),
    ),
    Mutant(
        "sessions can be renewed for ever",
        ACCEPTANCE,
        "total < MAX_SESSION_AGE",
        "True",
        (session("older than 7 days"),),
    ),
    Mutant(
        "fresh keys may be left out",
        CLIENT,
        "if PSK_KE not in hs.config.psk_mode_codes:",
        "if False:",
        ("server_takes_the_psk_and_makes_no_fresh_keys",),
    ),
    Mutant(
        "who has the PSK needs no certificate even if it was not selected",
        CLIENT,
        "    if psk is None:\n        identity, request = await authenticate_server(hs)",
        "    if hs.session is None:\n        identity, request = await authenticate_server(hs)",
        ("server_that_took_no_psk_shows_no_certificate",),
    ),
    # Early data
    Mutant(
        "the replay guard is not asked",
        ACCEPTANCE,
        "return await FreshnessWanted(SHA256.digest(accepted.binder), lifetime) is True",
        "return True",
        ((_TERMS, "test_a_replayed_hello_brings_no_early_data"),),
    ),
    Mutant(
        "the age of a ticket is not checked",
        ACCEPTANCE,
        "or not is_fresh(config, accepted.psk.obfuscated_age, state)",
        "",
        (early("issued before the client thinks"),),
    ),
    Mutant(
        "early data is taken under another protocol",
        ACCEPTANCE,
        "or state.alpn != choice.alpn",
        "",
        (early("another protocol"),),
    ),
    Mutant(
        "early data is taken under another suite",
        ACCEPTANCE,
        "or state.cipher_suite != choice.suite.code",
        "",
        (early("another suite of the hash"),),
    ),
    Mutant(
        "early data is taken with any identity",
        ACCEPTANCE,
        "or accepted.index != 0",
        "",
        ((_TERMS, "test_early_data_goes_with_the_first_identity"),),
    ),
    Mutant(
        "early data has no bound",
        "handshake/early.py",
        "        if length > self.room:\n            raise UnexpectedMessage",
        "        if False:\n            raise UnexpectedMessage",
        ("more_early_data_comes_than_the_ticket_allows",),
    ),
    Mutant(
        "the server does not wait for the end of early data",
        SERVER,
        "    await WAIT_EOED\n",
        "",
        (
            (_TERMS, "test_the_session_as_it_is_is_taken"),
            (
                "tests.conformance.test_state_diagram",
                "test_a_session_is_resumed_without_certificates",
                "server",
            ),
        ),
    ),
    Mutant(
        "the client does not say that early data is over",
        CLIENT,
        "    hs.channel.send(EndOfEarlyData())\n",
        "",
        (
            (
                "tests.conformance.test_rfc8448_resumed",
                "test_our_client_resumes_as_the_traced_client_did",
            ),
        ),
    ),
    Mutant(
        "a client believes that early data was taken without its PSK",
        CLIENT,
        "or psk is None\n        or psk.identity != session.ticket\n",
        "",
        ("server_takes_early_data_without_the_psk",),
    ),
    Mutant(
        "a client does not compare the protocol of its early data",
        CLIENT,
        "        or (hs.alpn.decode() if hs.alpn is not None else None) != session.alpn\n",
        "",
        ("server_takes_early_data_under_another_protocol",),
    ),
    Mutant(
        "early data may end up at a server of TLS 1.2",
        "handshake/client.py",
        "    if hs.channel.early is not None:",
        "    if False:",
        ("server_answers_early_data_with_tls_1_2",),
    ),
)
