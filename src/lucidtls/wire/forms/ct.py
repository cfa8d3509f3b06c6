"""Extensions of one certificate in a Certificate message (RFC 9846 §4.5.1)."""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("Certificate")

STATUS_REQUEST = FORMS.add(
    ExtensionType.STATUS_REQUEST,
    v.read_certificate_status,
    v.write_certificate_status,
    "RFC 9846 §4.5.1.1",
)
SIGNED_CERTIFICATE_TIMESTAMP = FORMS.add(
    ExtensionType.SIGNED_CERTIFICATE_TIMESTAMP, v.read_timestamps, v.write_opaques, "RFC 6962 §3.3"
)
DELEGATED_CREDENTIAL = FORMS.add(
    ExtensionType.DELEGATED_CREDENTIAL, v.read_opaque, v.write_opaque, "RFC 9345 §4"
)
