"""Wrong versions of the engine, each with one check taken out or turned around, and who must notice.

A mutant replaces one piece of text in one file. A check is a row of the ledger by its name, or a test as
(module, function, arguments). `python -m tests.conformance.mutants CHECK...` runs checks against whatever
`lucidtls` is on the path, and fails with the first that fails.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Check = str | tuple[Any, ...]


@dataclass(frozen=True)
class Mutant:
    """One wrong version: `old` stands exactly once in `file`, and becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    checks: tuple[Check, ...]


def flow(module: str, function: str, *arguments: str) -> Check:
    """A test in tests/flows."""
    return (f"tests.flows.{module}", function, *arguments)


_UNCHECKED = "verdict: object = await VerificationWanted(request)"
_CHAIN = flow("test_certificates", "test_a_chain_is_judged_after_its_key_has_been_proved")
_ORDER = ("tests.conformance.test_state_diagram", "test_every_other_message_is_refused")
_ROUND_TRIP = flow("test_key_update", "test_requests_that_cross_advance_both_sides_by_two")

MUTANTS = (
    # Who the peer is
    Mutant(
        "client skips WAIT_CV",
        "handshake/client13.py",
        """    verify = await WAIT_CV
    offered = hs.config.algorithms.scheme_codes
    scheme = authentication.verify_signature(
        chain[0], verify, offered, authentication.SERVER_CONTEXT, signed_hash
    )
""",
        """    scheme = "ecdsa_secp256r1_sha256"
""",
        (
            flow("test_handshake", "test_a_full_handshake_takes_one_round_trip"),
            ("tests.conformance.test_state_diagram", "test_a_server_cannot_leave_out_its_proof"),
        ),
    ),
    Mutant(
        "signatures are not verified",
        "crypto/signatures.py",
        "        verifier(signature, content, *scheme.parameters)\n    ",
        "        pass\n    ",
        ("client_gets_a_signature_by_another_key", "server_gets_a_signature_of_zeros"),
    ),
    Mutant(
        "a signature may be in any scheme",
        "handshake/authentication.py",
        "message.scheme not in offered or not scheme.tls13",
        "False",
        ("client_gets_a_signature_in_a_scheme_it_did_not_offer",),
    ),
    Mutant(
        "chains are not verified", "handshake/authentication.py", _UNCHECKED, "verdict = ACCEPTED", (_CHAIN,)
    ),
    Mutant(
        "a verifier that says nothing accepts",
        "handshake/authentication.py",
        "if verdict is ACCEPTED:",
        "if verdict is ACCEPTED or verdict is None:",
        (flow("test_questions", "test_a_verdict_that_is_none_refuses", "null"),),
    ),
    Mutant(
        "required client certificates are wishes",
        "handshake/server13.py",
        'config.client_authentication == "require"',
        "False",
        ("client_shows_no_certificate_where_one_is_required",),
    ),
    Mutant(
        "servers need no certificate",
        "handshake/authentication.py",
        "    if not chain:\n        raise DecodeError",
        "    if False:\n        raise DecodeError",
        ("server_shows_no_certificate",),
    ),
    # Finished
    Mutant(
        "Finished is not verified",
        "handshake/schedule13.py",
        "if not hmac.compare_digest(expected, received):",
        "if False:",
        ("client_gets_a_finished_of_zeros",),
    ),
    Mutant(
        "an early Finished is accepted",
        "handshake/states.py",
        'State("WAIT_CV", CertificateVerify)',
        'State("WAIT_CV", CertificateVerify, Finished)',
        ((*_ORDER, "client", "WAIT_CV"),),
    ),
    Mutant(
        "messages are taken in any order",
        "handshake/driver.py",
        "form = self._state.accepts.get(message_type)",
        "from lucidtls.wire.messages13 import HANDSHAKE_MESSAGES_13\n"
        "            form = HANDSHAKE_MESSAGES_13.get(message_type)",
        ((*_ORDER, "server", "WAIT_FINISHED"),),
    ),
    # Records and keys
    Mutant(
        "the writer's sequence number stands still",
        "record/writer.py",
        "        self.sequence += 1\n",
        "",
        (("tests.unit.record.test_writer", "test_content_is_cut_to_size"),),
    ),
    Mutant(
        "both sequence numbers stand still",
        "record/reader.py",
        "        self._skip = 0\n        self._sequence += 1\n",
        "        self._skip = 0\n",
        ("client_connected_gets_a_record_that_was_sent_before",),
    ),
    Mutant(
        "data may lie across a key change",
        "handshake/channel.py",
        "        if self.incoming:\n",
        "        if False:\n",
        ("handshake_data_follows_the_server_hello_in_its_record",),
    ),
    Mutant(
        "other records may stand inside a message",
        "handshake/driver.py",
        '        # between them." (RFC 9846 §5.1)\n        if self.channel.incoming:',
        '        # between them." (RFC 9846 §5.1)\n        if False:',
        ("client_connected_gets_data_in_the_middle_of_a_message",),
    ),
    Mutant(
        "a KeyUpdate changes nothing",
        "handshake/post.py",
        "connected.receive_secret = next_generation(connected.suite.hash, connected.receive_secret)",
        "pass",
        (_ROUND_TRIP,),
    ),
    Mutant(
        "a requested KeyUpdate may wait behind data",
        "connection.py",
        "        if connected.update_owed:\n            connected.answer_update()\n        writer",
        "        writer",
        (flow("test_key_update", "test_the_answer_comes_before_the_next_data", "client"),),
    ),
    Mutant(
        "keys are never changed on our own",
        "connection.py",
        "if room * writer.max_content >= len(data):",
        "if True:",
        (flow("test_key_update", "test_one_large_write_is_spread_over_many_keys"),),
    ),
    Mutant(
        "keys outlive a failure",
        "handshake/channel.py",
        "        self.reader.drop_keys()\n        self.writer.drop_keys()\n",
        "",
        (flow("test_secrets", "test_a_failed_connection_leaves_no_secrets_behind"),),
    ),
    Mutant(
        "dummy records are dropped at any time",
        "record/reader.py",
        " or not self.change_cipher_spec_allowed",
        "",
        ("client_connected_gets_a_change_cipher_spec_after_the_handshake",),
    ),
    Mutant(
        "alerts in the clear are always believed",
        "record/reader.py",
        "content_type == ContentType.ALERT and self.clear_alert_allowed",
        "content_type == ContentType.ALERT",
        ("client_connected_gets_an_alert_in_the_clear",),
    ),
    # Hellos
    Mutant(
        "extensions may come unasked",
        "wire/extensions.py",
        "        if code in offered:\n            continue\n",
        "        continue\n",
        ("server_hello_answers_an_unknown_extension_that_was_not_sent",),
    ),
    Mutant(
        "extensions may stand anywhere",
        "wire/extensions.py",
        "        if self.misplaced:\n",
        "        if False:\n",
        ("server_hello_carries_alpn_that_belongs_elsewhere", "client_hello_carries_oid_filters"),
    ),
    Mutant(
        "the suite may change after a retry",
        "handshake/client13.py",
        "and hs.suite in (None, suite)",
        "",
        ("server_hello_after_a_retry_has_another_suite",),
    ),
    Mutant(
        "a server may ask again and again",
        "handshake/client13.py",
        '    if server_hello.is_retry_request:\n        # "If a client receives a second',
        '    if False:\n        # "If a client receives a second',
        ("same_retry_comes_twice",),
    ),
    Mutant(
        "downgrades are not noticed",
        "handshake/client.py",
        "    if marked and (best == TLS13 or (best == TLS12 and version <= TLS11)):",
        "    if False:",
        ("server_that_knows_tls_1_3_was_made_to_choose_less_1",),
    ),
    Mutant(
        "the session id is not compared",
        "handshake/client13.py",
        "if hello.legacy_session_id_echo != hs.hello.legacy_session_id:",
        "if False:",
        ("server_echoes_another_session_id",),
    ),
    Mutant(
        "cookies are not authenticated",
        "handshake/cookie.py",
        "not hmac.compare_digest(tag, SHA256.hmac(key, body))",
        "False",
        ("cookie_with_a_flipped_tag_comes",),
    ),
    # The end
    Mutant(
        "warnings are ignored",
        "handshake/driver.py",
        "        if alert is not CLOSE_NOTIFY or self.connected is None:\n",
        "        if level == 1 and alert is not CLOSE_NOTIFY:\n            return\n"
        "        if alert is not CLOSE_NOTIFY or self.connected is None:\n",
        (flow("test_closure", "test_every_error_alert_is_fatal_whatever_its_level", "client", "1"),),
    ),
    Mutant(
        "a truncated stream is a closed one",
        "handshake/driver.py",
        "            if self.transport_ended:\n                raise",
        "            if False:\n                raise",
        (flow("test_closure", "test_a_transport_that_ends_without_close_notify_is_a_truncation", "client"),),
    ),
    Mutant(
        "data goes on after close_notify",
        "handshake/driver.py",
        "        if self.peer_closed:\n            return False\n",
        "",
        (flow("test_closure", "test_what_comes_after_close_notify_is_ignored", "client"),),
    ),
)


def run_check(check: Check) -> None:
    """Run one check; raises if what it checks is wrong."""
    if isinstance(check, str):
        run_refusal(check)
        return
    module, function, *arguments = check
    values = [json.loads(value) if value in ("null", "1") else value for value in arguments]
    getattr(import_module(module), function)(*values)


def run_refusal(name: str) -> None:
    """Run one row of the ledger."""
    refusal = import_module("tests.conformance.refusal")
    row = next((row for row in refusal.all_refusals() if row.name == name), None)
    if row is None:
        raise LookupError(f"the ledger has no row {name}")
    import_module("tests.conformance.test_refusals").test_a_peer_that_breaks_the_protocol_is_refused(row)


def main() -> None:
    """Run the checks in the first argument, a JSON list."""
    for check in json.loads(sys.argv[1]):
        run_check(check if isinstance(check, str) else tuple(check))


if __name__ == "__main__":
    main()
