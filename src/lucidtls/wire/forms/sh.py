"""Extensions in a TLS 1.3 ServerHello, which is one with supported_versions (RFC 9846 §4.3)."""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("ServerHello")

PRE_SHARED_KEY = FORMS.add(ExtensionType.PRE_SHARED_KEY, v.read_u16, v.write_u16, "RFC 9846 §4.3.11")
SUPPORTED_VERSIONS = FORMS.add(ExtensionType.SUPPORTED_VERSIONS, v.read_u16, v.write_u16, "RFC 9846 §4.3.1")
KEY_SHARE = FORMS.add(
    ExtensionType.KEY_SHARE, v.read_key_share_entry, v.write_key_share_entry, "RFC 9846 §4.3.8"
)
