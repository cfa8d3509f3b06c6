"""What it means that two sides do not come to terms: no version, suite, group or name in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lucidtls import alerts
from lucidtls.alerts import Alert
from lucidtls.errors import (
    InsufficientSecurity,
    NoApplicationProtocol,
    PeerError,
    UnrecognizedName,
    UnsupportedVersion,
)
from lucidtls.policies import VERSIONS
from lucidtls.tools.findings import Diagnosis, Fix
from lucidtls.tools.refusals import sentence
from lucidtls.tools.situation import Situation, peer_error, told
from lucidtls.tools.text import printable
from lucidtls.wire.versions import SSL30, TLS12, VERSION_NAMES

# From the first words of a NegotiationFailure to its code, slug, and what it is about.
_IN_COMMON = {
    "no cipher suite": ("LT-H03", "no-cipher", "cipher suite"),
    "no key exchange group": ("LT-H04", "no-group", "key exchange group"),
    "no credential": ("LT-H05", "no-sigalg", "signature algorithm"),
}

_TRY_LEGACY: Final = Fix("client", "only for a machine that cannot be updated", "lucidtls connect … --legacy")


def negotiation_failure(error: PeerError, at: Situation) -> Diagnosis:
    """Tell of a NegotiationFailure; what its class leaves open its clause decides."""
    for beginning, (code, slug, what) in _IN_COMMON.items():
        if error.message.startswith(beginning):
            return peer_error(
                error, at, code, slug, f"No {what} in common with the {at.peer}.", _both_lists(error)
            )
    match error:
        case NoApplicationProtocol():
            title = f"No application protocol in common with the {at.peer}."
            return peer_error(error, at, "LT-H08", "alpn", title, _both_lists(error))
        case UnrecognizedName():
            name = printable(str(error.fields.get("server_name", "")))
            return peer_error(error, at, "LT-H06", "sni-unknown", f"No certificate here is for {name}.")
        case UnsupportedVersion():
            return _version(error, at)
        case InsufficientSecurity():
            return _too_weak(error, at)
        case _:
            tell = _BY_CLAUSE.get(error.clause, _unnamed)
            return tell(error, at)


def _unnamed(error: PeerError, at: Situation) -> Diagnosis:
    return peer_error(error, at, None, "negotiation", sentence(error.message))


def _both_lists(error: PeerError) -> str:
    shown = []
    for label, name in (("The client offers", "offered"), ("accepted are", "ours")):
        values = error.fields.get(name)
        if isinstance(values, (list, tuple)):
            texts = [
                value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else str(value)
                for value in values
            ]
            shown.append(f"{label} {', '.join(printable(text, 60) for text in texts) or 'none'}")
    return "; ".join(shown) + "." if shown else ""


# Versions


def _version(error: PeerError, at: Situation) -> Diagnosis:
    if error.alert is alerts.INAPPROPRIATE_FALLBACK:
        title = "The client fell back to an older version than both sides can speak."
        detail = "It says so itself (TLS_FALLBACK_SCSV). Somebody may be interfering with its first attempts."
        return peer_error(error, at, "LT-H10", "downgrade", title, detail)
    best = _best_of_peer(error)
    if best is None:
        return peer_error(
            error, at, "LT-H01", "version-old", f"No protocol version in common with the {at.peer}."
        )
    if best <= SSL30:
        title = f"The {at.peer} speaks SSL 3.0 at most, which is broken and not supported here."
        found = peer_error(error, at, "LT-H18", "ssl2-ssl3", title)
        return replace(found, fixes=(Fix(at.peer, "replace it; SSL 3.0 was withdrawn in 2015 (RFC 7568)"),))
    ours = sorted(VERSIONS[name] for name in at.versions)
    if best < ours[0]:
        return _too_old(error, at, best, ours[0])
    if "version" in error.fields:
        title = f"The server chose {VERSION_NAMES[best]}, which we did not offer."
        return peer_error(error, at, "LT-H13", "peer-bug", title)
    title = f"The {at.peer} accepts only newer versions; {VERSION_NAMES[ours[-1]]} is the highest here."
    return peer_error(error, at, "LT-H02", "version-new", title)


def _best_of_peer(error: PeerError) -> int | None:
    """The highest version that the peer chose or offers, of those that exist."""
    chosen, offered = error.fields.get("version"), error.fields.get("offered")
    values = [chosen] if isinstance(chosen, int) else offered if isinstance(offered, tuple) else []
    known = [value for value in values if value in VERSION_NAMES or value < SSL30]
    return max(known, default=None)


def _too_old(error: PeerError, at: Situation, best: int, least: int) -> Diagnosis:
    withdrawn = f" {VERSION_NAMES[best]} was withdrawn in 2021 (RFC 8996)." if best < TLS12 else ""
    title = f"The {at.peer} speaks at most {VERSION_NAMES[best]}; {VERSION_NAMES[least]} is needed here."
    found = peer_error(error, at, "LT-H01", "version-old", title + withdrawn)
    fixes = [Fix(at.peer, "enable TLS 1.2 or 1.3")]
    if at.role == "client" and best < TLS12:
        fixes.append(_TRY_LEGACY)
    elif at.role == "client":
        fixes.append(Fix("client", "offer TLS 1.2 too", "lucidtls connect … --tls 1.2.."))
    return replace(found, fixes=tuple(fixes))


# What a server lacks, or has too little of


def _no_secure_renegotiation(error: PeerError, at: Situation) -> Diagnosis:
    title = "The server lacks secure renegotiation (RFC 5746, 2010)."
    detail = "Somebody in between could put words of their own before ours (CVE-2009-3555)."
    found = peer_error(error, at, "LT-H11", "legacy-renegotiation", title, detail)
    update = Fix("server", "update the server or load balancer")
    return replace(
        found,
        fixes=(update, replace(_TRY_LEGACY, text="accept the risk")),
        same_as={"openssl": "unsafe legacy renegotiation disabled"},
    )


def _no_extended_main_secret(error: PeerError, at: Situation) -> Diagnosis:
    title = f"The {at.peer} lacks the extended main secret (RFC 7627, 2015), which is required here."
    found = peer_error(error, at, None, "no-extended-master-secret", title)
    if at.role == "server":
        return found
    update = Fix("server", "update its TLS library; all of them have had it for years")
    return replace(found, fixes=(update, _TRY_LEGACY))


def _no_psk(error: PeerError, at: Situation) -> Diagnosis:
    return peer_error(error, at, "LT-A05", "psk", "There is no pre-shared key for this server.")


def _too_weak(error: PeerError, at: Situation) -> Diagnosis:
    bits = error.fields.get("bits")
    if bits is None:
        return peer_error(error, at, "LT-H17", "too-weak", sentence(error.message))
    title = f"The {at.peer}'s Diffie-Hellman group has {bits} bits."
    found = peer_error(error, at, "LT-K06", "weak-dh", title)
    return replace(found, fixes=(Fix("server", "use ECDHE, or ffdhe2048 and longer"),))


def unusable_share(error: PeerError, at: Situation) -> Diagnosis:
    """Tell of a key share that no correct peer sends."""
    title = f"The {at.peer}'s key share is unusable: {printable(error.message)}."
    return peer_error(error, at, "LT-K04", "bad-share", title)


_BY_CLAUSE: dict[str, Callable[[PeerError, Situation], Diagnosis]] = {
    "RFC 5746 §4.1": _no_secure_renegotiation,
    "RFC 7627 §5.2": _no_extended_main_secret,
    "RFC 7627 §5.3": _no_extended_main_secret,
    "RFC 4279 §2": _no_psk,
    "RFC 7919 §3": unusable_share,
    "RFC 7919 §4": unusable_share,
    "RFC 7919 §5.1": unusable_share,
}

SHARE_CLAUSES: Final = frozenset(
    ("RFC 9846 §4.3.8.1", "RFC 9846 §4.3.8.2", "RFC 9846 §7.4.2", "FIPS 203 §7.2", "RFC 5246 §7.4.3")
)
"""What an IllegalParameter quotes when it is about a share or its group."""


def downgrade_marked(error: PeerError, at: Situation) -> Diagnosis:
    """Tell of a mark in the server's random that it can do better (RFC 9846 §4.2.3)."""
    version = VERSION_NAMES.get(_best_of_peer(error) or 0, "an older version")
    title = f"Downgrade detected: the server says that it can do better, and we ended at {version}."
    detail = "Somebody between the two may be interfering. Do not work around it."
    found = peer_error(error, at, "LT-H10", "downgrade", title, detail)
    return replace(found, fixes=(Fix("network", "compare from another network"),))


# Alerts


def alert_about_hello(alert: Alert, at: Situation) -> Diagnosis:
    """Tell of an alert from a server that says something about our offer, or nothing."""
    tell = _BY_ALERT.get(alert.name)
    if tell is not None:
        return tell(alert, at)
    what = "ended the connection" if at.handshake_done else "refused the handshake"
    title = f"The server {what} with alert {alert}, which by itself does not say why."
    found = told(alert, at, None, "alert", title, "possible")
    if alert is alerts.HANDSHAKE_FAILURE and not at.legacy and not at.handshake_done:
        fix = Fix("client", "to find out whether it only knows old things", "lucidtls connect … --legacy")
        return replace(found, fixes=(fix,))
    return found


def _name_unknown(alert: Alert, at: Situation) -> Diagnosis:
    name = printable(at.server_name or at.host)
    return told(alert, at, "LT-H06", "sni-unknown", f"The server does not know the name {name}.")


def _no_protocol(alert: Alert, at: Situation) -> Diagnosis:
    offered = ", ".join(printable(protocol, 40) for protocol in at.alpn) or "nothing"
    return told(alert, at, "LT-H08", "alpn", f"No application protocol in common: we offered {offered}.")


def _version_refused(alert: Alert, at: Situation) -> Diagnosis:
    title = f"The server speaks none of the versions offered: {', '.join(at.versions)}."
    older, newer = "TLS 1.0" not in at.versions, "TLS 1.3" not in at.versions
    if older and not newer:
        found = told(alert, at, "LT-H01", "version-old", title, "likely")
        return replace(found, fixes=(Fix("server", "enable TLS 1.2 or 1.3"), _TRY_LEGACY))
    if newer and not older:
        found = told(alert, at, "LT-H02", "version-new", title, "likely")
        return replace(found, fixes=(Fix("client", "offer newer ones", "lucidtls connect … --tls 1.2.."),))
    return told(alert, at, None, "version", title, "possible")


def _fell_back(alert: Alert, at: Situation) -> Diagnosis:
    title = "The server can speak a newer version than the one we fell back to."
    return told(alert, at, "LT-H10", "downgrade", title)


def _offer_too_weak(alert: Alert, at: Situation) -> Diagnosis:
    return told(alert, at, "LT-H17", "too-weak", "The server finds the offer too weak.")


def _failed_inside(alert: Alert, at: Situation) -> Diagnosis:
    title = "The server failed inside (alert 80): often it cannot read its key."
    return told(alert, at, "LT-H15", "internal-error", title, "possible")


def _psk_unknown(alert: Alert, at: Situation) -> Diagnosis:
    return told(alert, at, "LT-A05", "psk", "The server does not know our pre-shared key's identity.")


def _proof_refused(alert: Alert, at: Situation) -> Diagnosis:
    if at.psk_offered:
        title = "The server knows our pre-shared key's identity, and has another key for it."
        return told(alert, at, "LT-A05", "psk", title, "likely")
    title = "The server says that a signature or a Finished of ours is wrong."
    return told(alert, at, "LT-H14", "our-message-refused", title, "possible")


def _record_refused(alert: Alert, at: Situation) -> Diagnosis:
    if at.psk_offered and not at.handshake_done:
        # "unknown_psk_identity" and a wrong key look the same before TLS 1.3 (RFC 4279 §2).
        title = "The server has another pre-shared key than ours, or does not know its identity."
        return told(alert, at, "LT-A05", "psk", title, "likely")
    title = "The server could not open what we sent: it has other keys, or something changed it on the way."
    return told(alert, at, "LT-K02", "bad-record", title, "likely")


def _message_refused(alert: Alert, at: Situation) -> Diagnosis:
    title = f"The server says that our message is wrong ({alert})."
    return told(alert, at, "LT-H14", "our-message-refused", title, "possible")


_BY_ALERT: dict[str, Callable[[Alert, Situation], Diagnosis]] = {
    alerts.UNRECOGNIZED_NAME.name: _name_unknown,
    alerts.NO_APPLICATION_PROTOCOL.name: _no_protocol,
    alerts.PROTOCOL_VERSION.name: _version_refused,
    alerts.INAPPROPRIATE_FALLBACK.name: _fell_back,
    alerts.INSUFFICIENT_SECURITY.name: _offer_too_weak,
    alerts.INTERNAL_ERROR.name: _failed_inside,
    alerts.UNKNOWN_PSK_IDENTITY.name: _psk_unknown,
    alerts.BAD_RECORD_MAC.name: _record_refused,
    alerts.DECRYPT_ERROR.name: _proof_refused,
    alerts.UNEXPECTED_MESSAGE.name: _message_refused,
    alerts.ILLEGAL_PARAMETER.name: _message_refused,
    alerts.DECODE_ERROR.name: _message_refused,
    alerts.MISSING_EXTENSION.name: _message_refused,
    alerts.UNSUPPORTED_EXTENSION.name: _message_refused,
}
