"""Extensions in EncryptedExtensions (RFC 9846 §4.4.1)."""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("EncryptedExtensions")
_add = FORMS.add

SERVER_NAME = _add(ExtensionType.SERVER_NAME, v.read_marker, v.write_marker, "RFC 6066 §3")
MAX_FRAGMENT_LENGTH = _add(
    ExtensionType.MAX_FRAGMENT_LENGTH, v.read_max_fragment_length, v.write_u8, "RFC 6066 §4"
)
SUPPORTED_GROUPS = _add(ExtensionType.SUPPORTED_GROUPS, v.read_u16_list, v.write_u16_list, "RFC 9846 §4.3.7")
ALPN = _add(
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION,
    v.read_chosen_protocol,
    v.write_protocol_names,
    "RFC 7301 §3.1",
)
CLIENT_CERTIFICATE_TYPE = _add(ExtensionType.CLIENT_CERTIFICATE_TYPE, v.read_u8, v.write_u8, "RFC 7250 §3")
SERVER_CERTIFICATE_TYPE = _add(ExtensionType.SERVER_CERTIFICATE_TYPE, v.read_u8, v.write_u8, "RFC 7250 §3")
RECORD_SIZE_LIMIT = _add(
    ExtensionType.RECORD_SIZE_LIMIT, v.read_record_size_limit, v.write_u16, "RFC 8449 §4"
)
EARLY_DATA = _add(ExtensionType.EARLY_DATA, v.read_marker, v.write_marker, "RFC 9846 §4.3.10")
QUIC_TRANSPORT_PARAMETERS = _add(
    ExtensionType.QUIC_TRANSPORT_PARAMETERS, v.read_opaque, v.write_opaque, "RFC 9001 §8.2"
)
TICKET_REQUEST = _add(ExtensionType.TICKET_REQUEST, v.read_u8, v.write_u8, "RFC 9149 §3")
