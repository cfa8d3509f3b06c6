"""Extensions in the ServerHello of TLS 1.2 and older, which is one without supported_versions.

What TLS 1.3 answers in EncryptedExtensions or beside a certificate is all answered here, in the clear.
"""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("ServerHello12", title="ServerHello")
_add = FORMS.add

SERVER_NAME = _add(ExtensionType.SERVER_NAME, v.read_marker, v.write_marker, "RFC 6066 §3")
MAX_FRAGMENT_LENGTH = _add(
    ExtensionType.MAX_FRAGMENT_LENGTH, v.read_max_fragment_length, v.write_u8, "RFC 6066 §4"
)
# A CertificateStatus message may follow the Certificate.
STATUS_REQUEST = _add(ExtensionType.STATUS_REQUEST, v.read_marker, v.write_marker, "RFC 6066 §8")
# No server has a reason to send its groups, and widespread load balancers do; it means nothing.
SUPPORTED_GROUPS = _add(ExtensionType.SUPPORTED_GROUPS, v.read_u16_list, v.write_u16_list, "RFC 8422 §5.1.1")
EC_POINT_FORMATS = _add(ExtensionType.EC_POINT_FORMATS, v.read_u8_list, v.write_u8_list, "RFC 8422 §5.2")
ALPN = _add(
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
    v.read_chosen_protocol,
    v.write_protocol_names,
    "RFC 7301 §3.1",
)
SIGNED_CERTIFICATE_TIMESTAMP = _add(
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP, v.read_timestamps, v.write_opaques, "RFC 6962 §3.3.1"
)
CLIENT_CERTIFICATE_TYPE = _add(ExtensionType.CLIENT_CERTIFICATE_TYPE, v.read_u8, v.write_u8, "RFC 7250 §3")
SERVER_CERTIFICATE_TYPE = _add(ExtensionType.SERVER_CERTIFICATE_TYPE, v.read_u8, v.write_u8, "RFC 7250 §3")
ENCRYPT_THEN_MAC = _add(ExtensionType.ENCRYPT_THEN_MAC, v.read_marker, v.write_marker, "RFC 7366 §2")
EXTENDED_MASTER_SECRET = _add(
    ExtensionType.EXTENDED_MASTER_SECRET, v.read_marker, v.write_marker, "RFC 7627 §5.1"
)
RECORD_SIZE_LIMIT = _add(
    ExtensionType.RECORD_SIZE_LIMIT, v.read_record_size_limit, v.write_u16, "RFC 8449 §4"
)
# A NewSessionTicket message comes before the server's Finished.
SESSION_TICKET = _add(ExtensionType.SESSION_TICKET, v.read_marker, v.write_marker, "RFC 5077 §3.2")
RENEGOTIATION_INFO = _add(
    ExtensionType.RENEGOTIATION_INFO,
    v.read_renegotiated_connection,
    v.write_renegotiated_connection,
    "RFC 5746 §3.2",
)
