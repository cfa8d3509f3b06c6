"""Wrong versions of the engine for TLS 1.2 and before: the famous mistakes, and some quiet ones."""

from __future__ import annotations

from typing import Any

from tests.conformance.mutants import Check, Mutant

_ATTACKS = "tests.conformance.test_older_attacks"


def attack(function: str, *arguments: Any) -> Check:
    """A test in test_older_attacks."""
    return (_ATTACKS, function, *arguments)


MUTANTS_12 = (
    # Who the peer is
    Mutant(
        "the server's share needs no signature",
        "handshake/client12.py",
        "    if terms.method.signed:\n        scheme = verify_older_signature(",
        "    if False:\n        scheme = verify_older_signature(",
        ("server_signs_its_share_by_another_key_ecdsa_0303",),
    ),
    Mutant(
        "the signature covers no randoms",
        "handshake/exchange12.py",
        "    return terms.client_random + terms.server_random + parameters",
        "    return parameters",
        ("server_signs_its_share_over_the_share_alone_ecdsa_0303",),
    ),
    Mutant(
        "the signature does not cover the server's random",
        "handshake/exchange12.py",
        "    return terms.client_random + terms.server_random + parameters",
        "    return terms.client_random + bytes(32) + parameters",
        ("server_signs_its_share_over_another_server_random_ecdsa_0303",),
    ),
    Mutant(
        "any signature scheme will do before TLS 1.3",
        "handshake/authentication12.py",
        "row = SIGNATURE_SCHEMES.get(scheme or 0) if scheme in offered else None",
        "row = SIGNATURE_SCHEMES.get(scheme or 0)",
        ("server_signs_in_a_scheme_that_fits_and_was_not_offered",),
    ),
    Mutant(
        "the certificate may have any key",
        "handshake/authentication12.py",
        "    if not fits or (curve is not None",
        "    if False and (curve is not None",
        ("server_shows_an_ecdsa_key_for_rsa",),
    ),
    Mutant(
        "the certificate's key may lie on any curve",
        "handshake/authentication12.py",
        "    if not fits or (curve is not None",
        "    if not fits or (curve is None and curve is not None",
        ("server_shows_a_key_on_a_curve_that_was_not_offered",),
    ),
    Mutant(
        "a key that signs may encrypt",
        "handshake/client12.py",
        '    usage = "key_encipherment" if terms.method.encrypted else "digital_signature"',
        '    usage = "digital_signature"',
        ("server_shows_a_key_that_must_not_encrypt_for_encryption",),
    ),
    Mutant(
        "clients need not prove their keys",
        "handshake/server12.py",
        "    identity = await authenticate_client(hs, terms, chain) if chain else None",
        "    identity = None",
        ("client_proves_its_key_of_no_bytes_0303",),
    ),
    Mutant(
        "client certificates may be of any type",
        "handshake/server12.py",
        "    if CERTIFICATE_TYPES.get(key_kind_of(key)) not in certificate_types(hs):",
        "    if False:",
        ("client_shows_a_key_of_a_type_that_was_not_asked_for_0301",),
    ),
    Mutant(
        "required client certificates are wishes before TLS 1.3",
        "handshake/server12.py",
        '        if hs.config.client_authentication == "require":',
        "        if False:",
        ("client_of_tls_1_2_shows_no_certificate_where_one_is_required",),
    ),
    # Key exchange
    Mutant(
        "any curve will do",
        "handshake/agreement12.py",
        '                if group.code == code and group.kind == "ecdhe":',
        '                if group.kind == "ecdhe":',
        ("server_sends_a_signed_share_on_the_unoffered_curve_secp521r1",),
    ),
    Mutant(
        "any field is large enough",
        "crypto/dh12.py",
        "    if bits < minimum:",
        "    if False:",
        ("server_uses_a_field_of_512_bits",),
    ),
    Mutant(
        "any public value will do",
        "crypto/dh12.py",
        "    if not 1 < value < prime - 1:",
        "    if False:",
        ("server_sends_the_signed_public_value_one", "client_sends_the_public_value_minus_one"),
    ),
    Mutant(
        "any modulus is prime",
        "crypto/dh12.py",
        'judgement = judge_prime(prime) if prime & 1 else "composite"',
        'judgement = "prime"',
        ("server_uses_a_field_whose_modulus_is_composite",),
    ),
    Mutant(
        "a server key exchange may come with RSA",
        "handshake/client12.py",
        "    rest = rest or (*request, ServerHelloDone)",
        "    rest = (*rest, *request, ServerHelloDone, terms.server_key_exchange)",
        ("server_sends_a_key_exchange_with_rsa",),
    ),
    Mutant(
        "a server may leave its key exchange out",
        "handshake/client12.py",
        "    rest = (*exchange, ServerHelloDone) if method.psk and not shares else exchange",
        "    rest = (*exchange, ServerHelloDone)",
        ("client_awaits_the_server_key_exchange_and_gets_a_server_hello_done",),
    ),
    Mutant(
        "a bad premaster secret gets an alert",
        "handshake/response12.py",
        "        secret = choose_premaster(decrypted, fallback, offered_version)",
        "        if decrypted is None or len(decrypted) != 48:\n"
        "            from lucidtls.errors import IllegalParameter\n"
        "            raise IllegalParameter('a bad premaster secret', clause='RFC 5246 §7.4.7.1')\n"
        "        secret = choose_premaster(decrypted, fallback, offered_version)",
        (
            attack(
                "test_what_is_wrong_with_a_premaster_secret_cannot_be_seen",
                "TLS_RSA_WITH_AES_128_CBC_SHA",
                True,
            ),
        ),
    ),
    Mutant(
        "a bad premaster secret is a known one",
        "crypto/rsa.py",
        "    other = mask ^ 0xFF\n",
        "    other = 0\n",
        (("tests.unit.crypto.test_rsa", "test_nothing_decrypted_is_no_premaster_secret"),),
    ),
    Mutant(
        "a wrong version in the premaster secret is refused at once",
        "handshake/response12.py",
        "        secret = choose_premaster(decrypted, fallback, offered_version)",
        "        assert decrypted is None or len(decrypted) != 48 or decrypted[:2] == b'\\x03\\x03'\n"
        "        secret = choose_premaster(decrypted, fallback, offered_version)",
        (
            attack(
                "test_what_is_wrong_with_a_premaster_secret_cannot_be_seen",
                "TLS_RSA_WITH_AES_128_CBC_SHA",
                True,
            ),
        ),
    ),
    Mutant(
        "an unknown identity gets an alert",
        "handshake/response12.py",
        "    return with_psk(secret, psk if is_psk(psk) else stand_in)",
        "    assert psk is not None\n    return with_psk(secret, psk)",
        ("client_names_a_pre_shared_key_that_nobody_knows",),
    ),
    Mutant(
        "the extended main secret is the old one",
        "handshake/exchange12.py",
        "    if terms.extended_master_secret:\n        session_hash",
        "    if False:\n        session_hash",
        (attack("test_both_hostile_peers_can_finish_a_handshake"),),
    ),
    # Finished and the change of keys
    Mutant(
        "Finished is not compared before TLS 1.3",
        "handshake/schedule12.py",
        "    if not hmac.compare_digest(expected, received):",
        "    if False:",
        ("client_of_0303_gets_a_finished_of_zeros", "server_of_0301_gets_a_finished_of_zeros"),
    ),
    Mutant(
        "Finished may be left out",
        "handshake/authentication12.py",
        "    message: Finished = await waiting_for(Finished)\n",
        "    return expected\n    message: Finished = await waiting_for(Finished)\n",
        ("client_gets_no_finished", "server_gets_no_finished"),
    ),
    Mutant(
        "keys may change at any time",
        "handshake/driver.py",
        "        if self._state is not WAIT_CHANGE_CIPHER_SPEC:\n            raise UnexpectedMessage(",
        "        if self._state is not WAIT_CHANGE_CIPHER_SPEC:\n            return\n"
        "            raise UnexpectedMessage(",
        (
            "client_awaits_the_server_key_exchange_and_gets_a_change_cipher_spec",
            "server_awaits_the_client_key_exchange_and_gets_a_change_cipher_spec",
        ),
    ),
    Mutant(
        "keys need not change",
        "handshake/states.py",
        'State("WAIT_CHANGE_CIPHER_SPEC")',
        'State("WAIT_CHANGE_CIPHER_SPEC", Finished)',
        ("client_gets_no_change_cipher_spec",),
    ),
    Mutant(
        "a change of keys may stand inside a message",
        "handshake/driver.py",
        '            self._refuse_interleaving("a change_cipher_spec")\n',
        "",
        ("client_gets_a_change_cipher_spec_within_the_certificate",),
    ),
    Mutant(
        "a change_cipher_spec may say anything",
        "handshake/driver.py",
        "        if content != CHANGE_CIPHER_SPEC_BODY:",
        "        if False:",
        ("client_of_tls_1_2_gets_a_change_cipher_spec_of_2",),
    ),
    Mutant(
        "a change_cipher_spec before the ServerHello is forgotten",
        "handshake/client.py",
        "    if hs.channel.reader.change_cipher_specs:",
        "    if False:",
        ("change_cipher_spec_comes_before_a_server_hello_of_tls_1_2",),
    ),
    Mutant(
        "a promised ticket need not come",
        "handshake/client12.py",
        "    if terms.ticket:\n",
        "    if False:\n",
        ("ticket_that_was_promised_does_not_come",),
    ),
    # Hellos
    Mutant(
        "a suite that was not offered is accepted",
        "handshake/hello12.py",
        "    for suite in hs.config.algorithms.older_suites:\n",
        "    from lucidtls.crypto.suites12 import SUITES_12\n    for suite in SUITES_12.values():\n",
        ("server_chooses_the_unoffered_suite_anonymous_dh", "server_chooses_the_unoffered_suite_null"),
    ),
    Mutant(
        "a suite may be too new for the version",
        "handshake/hello12.py",
        "        if suite.code == hello.cipher_suite and version in suite.versions:",
        "        if suite.code == hello.cipher_suite:",
        ("server_chooses_a_suite_of_tls_1_2_for_tls_1_1",),
    ),
    Mutant(
        "a version that was not offered is accepted",
        "handshake/client.py",
        "    if version not in offered or version == TLS13:",
        "    if version < 0x0301 or version >= TLS13:",
        ("server_chooses_tls_1_1_between_two_that_are_offered",),
    ),
    Mutant(
        "downgrades from TLS 1.2 are not noticed",
        "handshake/client.py",
        "(best == TLS12 and version <= TLS11)",
        "False",
        ("server_marks_its_choice_of_0302_with_0_for_a_client_of_0303_down_to_0301",),
    ),
    Mutant(
        "a server leaves no mark",
        "handshake/server12.py",
        "        return random[:-8] + DOWNGRADE_TO_TLS_1_2\n",
        "        pass\n",
        (
            attack(
                "test_a_server_that_could_do_better_says_so", ["TLS 1.2", "TLS 1.3"], 0x0303, "DOWNGRD\x01"
            ),
        ),
    ),
    Mutant(
        "fallbacks are welcome",
        "handshake/server.py",
        "    if FALLBACK_SCSV in hello.cipher_suites and ours[0] > common[0]:",
        "    if False:",
        ("client_falls_back_to_tls_1_1_with_a_server_of_tls_1_2",),
    ),
    Mutant(
        "SSL 3.0 is not told from TLS",
        "handshake/server.py",
        "    if hello.legacy_version <= SSL30:",
        "    if False:",
        ("client_offers_ssl_3_and_says_that_it_knows_tls_1_3",),
    ),
    Mutant(
        "compression is nobody's business",
        "handshake/hello12.py",
        "    if hello.legacy_compression_method != 0:",
        "    if False:",
        ("server_of_tls_1_2_chooses_compression_1",),
    ),
    Mutant(
        "a session that was never offered is resumed",
        "handshake/resume_client12.py",
        "    if session is None or session.single_use:\n",
        "    if session is None or session.single_use:\n        return False\n    if False:\n",
        ("server_resumes_a_session_that_was_never_offered",),
    ),
    Mutant(
        "the extended main secret may be dropped",
        "handshake/hello12.py",
        '    if not agreed and hs.config.master_secret_mode == "require":',
        "    if False:",
        ("server_drops_the_extended_main_secret",),
    ),
    Mutant(
        "clients without the extended main secret are served",
        "handshake/answer12.py",
        '    if config.master_secret_mode == "require" and not offer.extended_master_secret:',
        "    if False:",
        ("client_does_not_know_the_extended_main_secret",),
    ),
    Mutant(
        "encrypt-then-MAC goes with every cipher",
        "handshake/hello12.py",
        '    if agreed and suite.cipher.kind != "block":',
        "    if False:",
        ("server_answers_encrypt_then_mac_to_an_aead",),
    ),
    # Renegotiation
    Mutant(
        "renegotiation_info is not compared",
        "handshake/hello12.py",
        "    if not compare_digest(info, expected):",
        "    if False:",
        (
            "server_of_a_first_handshake_has_12_bytes_of_renegotiation_info",
            "server_renegotiates_with_the_client_half_in_renegotiation_info",
        ),
    ),
    Mutant(
        "renegotiation_info need not come",
        "handshake/hello12.py",
        "        if before is not None or hs.config.needs_secure_renegotiation:",
        "        if False:",
        ("server_renegotiates_without_renegotiation_info", "server_does_not_know_secure_renegotiation"),
    ),
    Mutant(
        "servers do not look at renegotiation_info",
        "handshake/answer12.py",
        "    if info:\n",
        "    if False:\n",
        ("client_of_a_first_handshake_has_12_bytes_of_renegotiation_info",),
    ),
    Mutant(
        "identities may change in a renegotiation",
        "handshake/client12.py",
        "    if bound is not None and flight.chain[:1] != bound.chain[:1]:",
        "    if False:",
        ("server_changes_its_identity", "server_changes_its_certificate_for_a_psk"),
    ),
    Mutant(
        "versions may change in a renegotiation",
        "handshake/client12.py",
        "    if server_hello.legacy_version != bound.version",
        "    if False and server_hello.legacy_version != bound.version",
        ("server_renegotiates_another_version",),
    ),
    Mutant(
        "every wish to renegotiate is heard",
        "handshake/post12.py",
        "        if self.renegotiations > MAX_RENEGOTIATIONS:",
        "        if False:",
        ("client_hellos_flood_a_server_after_its_handshake", "server_renegotiates_without_end"),
    ),
    Mutant(
        "data may come in the middle of a renegotiation",
        "handshake/driver.py",
        "        if self.renegotiating and self._state is not WAIT_SH:",
        "        if False:",
        ("data_comes_before_the_finished_of_a_renegotiation",),
    ),
    # Records
    Mutant(
        "the MAC of CBC is not checked",
        "crypto/cbc.py",
        "    if not padded & int(compare_digest(expected, plaintext[length : length + mac.length])):",
        "    if not padded:",
        ("client_of_tls_1_2_before_data_gets_a_wrong_mac_under_cbc_of_tls_1_2",),
    ),
    Mutant(
        "the padding of CBC is not checked",
        "crypto/cbc.py",
        "    return 4 - ((different + _ALL_BITS) >> 8 * MAX_PADDING)",
        "    return 1",
        ("server_of_tls_1_2_before_data_gets_a_wrong_byte_of_padding_under_cbc_of_tls_1_1",),
    ),
    Mutant(
        "the first byte of padding is not checked",
        "crypto/cbc.py",
        "_WINDOWS[padding_length + 1 : padding_length + 1 + MAX_PADDING]",
        "_WINDOWS[padding_length : padding_length + MAX_PADDING]",
        ("server_of_tls_1_2_before_data_gets_a_wrong_first_byte_of_padding_under_cbc_of_tls_1_1",),
    ),
    Mutant(
        "padding has an alert of its own",
        "crypto/cbc.py",
        "    padded = _padding_agrees(plaintext, padding_length) & int(padding_length <= longest)\n",
        "    padded = _padding_agrees(plaintext, padding_length) & int(padding_length <= longest)\n"
        "    if not padded:\n"
        "        from lucidtls.errors import DecodeError\n"
        "        raise DecodeError('bad padding', clause='RFC 5246 §6.2.3.2')\n",
        (attack("test_padding_and_mac_cannot_be_told_apart", "client", "cbc_of_tls_1_0"),),
    ),
    Mutant(
        "versions of records are not compared",
        "record/reader.py",
        "        if version != self._version and (",
        "        if False and (",
        ("client_of_tls_1_2_before_certificate_gets_a_record_marked_0302",),
    ),
    Mutant(
        "the sequence number stands still before TLS 1.3",
        "record/reader.py",
        '"a record decrypts to more than 2^14 bytes", length=len(content), clause="RFC 5246 §6.2.1"\n'
        "            )\n        self._sequence += 1\n",
        '"a record decrypts to more than 2^14 bytes", length=len(content), clause="RFC 5246 §6.2.1"\n'
        "            )\n",
        (attack("test_some_warnings_are_passed_over", "client"),),
    ),
    # Alerts
    Mutant(
        "warnings may flood",
        "handshake/driver.py",
        "        if older and self._warnings >= MAX_WARNINGS:",
        "        if False:",
        ("client_of_tls_1_2_before_data_gets_a_flood_of_warnings",),
    ),
)
