"""Extensions in a CertificateRequest (RFC 9846 §4.4.2)."""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("CertificateRequest")
_add = FORMS.add

SERVER_NAME = _add(ExtensionType.SERVER_NAME, v.read_server_name, v.write_server_name, "RFC 9261 §4")
STATUS_REQUEST = _add(ExtensionType.STATUS_REQUEST, v.read_marker, v.write_marker, "RFC 9846 §4.5.1.1")
SIGNATURE_ALGORITHMS = _add(
    ExtensionType.SIGNATURE_ALGORITHMS, v.read_u16_list, v.write_u16_list, "RFC 9846 §4.3.3"
)
SIGNED_CERTIFICATE_TIMESTAMP = _add(
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP, v.read_marker, v.write_marker, "RFC 9846 §4.5.1.1"
)
COMPRESS_CERTIFICATE = _add(
    ExtensionType.COMPRESS_CERTIFICATE,
    v.read_compression_algorithms,
    v.write_compression_algorithms,
    "RFC 8879 §3",
)
DELEGATED_CREDENTIAL = _add(
    ExtensionType.DELEGATED_CREDENTIAL, v.read_u16_list, v.write_u16_list, "RFC 9345 §4.1.2"
)
CERTIFICATE_AUTHORITIES = _add(
    ExtensionType.CERTIFICATE_AUTHORITIES, v.read_authorities, v.write_opaques, "RFC 9846 §4.3.4"
)
OID_FILTERS = _add(ExtensionType.OID_FILTERS, v.read_oid_filters, v.write_oid_filters, "RFC 9846 §4.3.5")
SIGNATURE_ALGORITHMS_CERT = _add(
    ExtensionType.SIGNATURE_ALGORITHMS_CERT, v.read_u16_list, v.write_u16_list, "RFC 9846 §4.3.3"
)
