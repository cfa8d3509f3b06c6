"""Extensions in a ClientHello (RFC 9846 §4.3, and those that only TLS 1.2 and before answer).

One hello offers all versions, so a body has the same structure in all of them; what a server of TLS 1.2 makes
of it can differ:

- signature_algorithms holds pairs of a hash and a signature (RFC 5246 §7.4.1.4.1), which as numbers are
  the codes of TLS 1.3; there 0x0403 is ECDSA with SHA-256 on any curve.
- supported_groups was elliptic_curves (RFC 8422 §5.1.1), and is a list for certificates, too.
- status_request and signed_certificate_timestamp are answered in the ServerHello, and the first then by
  a message of its own, not beside the certificate.
- session_ticket is the ticket itself, empty to ask for one (RFC 5077 §3.2).
- renegotiation_info is empty but in a renegotiation; TLS_EMPTY_RENEGOTIATION_INFO_SCSV among the suites says
  the same (RFC 5746 §3.3).
"""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("ClientHello")
_add = FORMS.add

SERVER_NAME = _add(ExtensionType.SERVER_NAME, v.read_server_name, v.write_server_name, "RFC 6066 §3")
MAX_FRAGMENT_LENGTH = _add(
    ExtensionType.MAX_FRAGMENT_LENGTH, v.read_max_fragment_length, v.write_u8, "RFC 6066 §4"
)
STATUS_REQUEST = _add(
    ExtensionType.STATUS_REQUEST, v.read_status_request, v.write_status_request, "RFC 6066 §8"
)
SUPPORTED_GROUPS = _add(ExtensionType.SUPPORTED_GROUPS, v.read_u16_list, v.write_u16_list, "RFC 9846 §4.3.7")
EC_POINT_FORMATS = _add(ExtensionType.EC_POINT_FORMATS, v.read_u8_list, v.write_u8_list, "RFC 8422 §5.1.2")
SIGNATURE_ALGORITHMS = _add(
    ExtensionType.SIGNATURE_ALGORITHMS, v.read_u16_list, v.write_u16_list, "RFC 9846 §4.3.3"
)
ALPN = _add(
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
    v.read_protocol_names,
    v.write_protocol_names,
    "RFC 7301 §3.1",
)
SIGNED_CERTIFICATE_TIMESTAMP = _add(
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP, v.read_marker, v.write_marker, "RFC 6962 §3.3.1"
)
CLIENT_CERTIFICATE_TYPE = _add(
    ExtensionType.CLIENT_CERTIFICATE_TYPE, v.read_u8_list, v.write_u8_list, "RFC 7250 §3"
)
SERVER_CERTIFICATE_TYPE = _add(
    ExtensionType.SERVER_CERTIFICATE_TYPE, v.read_u8_list, v.write_u8_list, "RFC 7250 §3"
)
PADDING = _add(ExtensionType.PADDING, v.read_padding, v.write_padding, "RFC 7685 §3")
ENCRYPT_THEN_MAC = _add(ExtensionType.ENCRYPT_THEN_MAC, v.read_marker, v.write_marker, "RFC 7366 §2")
EXTENDED_MASTER_SECRET = _add(
    ExtensionType.EXTENDED_MASTER_SECRET, v.read_marker, v.write_marker, "RFC 7627 §5.1"
)
COMPRESS_CERTIFICATE = _add(
    ExtensionType.COMPRESS_CERTIFICATE,
    v.read_compression_algorithms,
    v.write_compression_algorithms,
    "RFC 8879 §3",
)
RECORD_SIZE_LIMIT = _add(
    ExtensionType.RECORD_SIZE_LIMIT, v.read_record_size_limit, v.write_u16, "RFC 8449 §4"
)
DELEGATED_CREDENTIAL = _add(
    ExtensionType.DELEGATED_CREDENTIAL, v.read_u16_list, v.write_u16_list, "RFC 9345 §4.1.1"
)
SESSION_TICKET = _add(ExtensionType.SESSION_TICKET, v.read_opaque, v.write_opaque, "RFC 5077 §3.2")
PRE_SHARED_KEY = _add(
    ExtensionType.PRE_SHARED_KEY, v.read_offered_psks, v.write_offered_psks, "RFC 9846 §4.3.11"
)
EARLY_DATA = _add(ExtensionType.EARLY_DATA, v.read_marker, v.write_marker, "RFC 9846 §4.3.10")
SUPPORTED_VERSIONS = _add(
    ExtensionType.SUPPORTED_VERSIONS, v.read_versions, v.write_versions, "RFC 9846 §4.3.1"
)
COOKIE = _add(ExtensionType.COOKIE, v.read_cookie, v.write_cookie, "RFC 9846 §4.3.2")
PSK_KEY_EXCHANGE_MODES = _add(
    ExtensionType.PSK_KEY_EXCHANGE_MODES, v.read_u8_list, v.write_u8_list, "RFC 9846 §4.3.9"
)
CERTIFICATE_AUTHORITIES = _add(
    ExtensionType.CERTIFICATE_AUTHORITIES, v.read_authorities, v.write_opaques, "RFC 9846 §4.3.4"
)
POST_HANDSHAKE_AUTH = _add(
    ExtensionType.POST_HANDSHAKE_AUTH, v.read_marker, v.write_marker, "RFC 9846 §4.3.6"
)
SIGNATURE_ALGORITHMS_CERT = _add(
    ExtensionType.SIGNATURE_ALGORITHMS_CERT, v.read_u16_list, v.write_u16_list, "RFC 9846 §4.3.3"
)
KEY_SHARE = _add(ExtensionType.KEY_SHARE, v.read_key_shares, v.write_key_shares, "RFC 9846 §4.3.8")
QUIC_TRANSPORT_PARAMETERS = _add(
    ExtensionType.QUIC_TRANSPORT_PARAMETERS, v.read_opaque, v.write_opaque, "RFC 9001 §8.2"
)
TICKET_REQUEST = _add(
    ExtensionType.TICKET_REQUEST, v.read_ticket_request, v.write_ticket_request, "RFC 9149 §3"
)
RENEGOTIATION_INFO = _add(
    ExtensionType.RENEGOTIATION_INFO,
    v.read_renegotiated_connection,
    v.write_renegotiated_connection,
    "RFC 5746 §3.2",
)
