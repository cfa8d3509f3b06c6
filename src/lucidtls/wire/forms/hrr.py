"""Extensions in a HelloRetryRequest (RFC 9846 §4.2.4)."""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("HelloRetryRequest")

SUPPORTED_VERSIONS = FORMS.add(ExtensionType.SUPPORTED_VERSIONS, v.read_u16, v.write_u16, "RFC 9846 §4.3.1")
COOKIE = FORMS.add(ExtensionType.COOKIE, v.read_cookie, v.write_cookie, "RFC 9846 §4.3.2")
KEY_SHARE = FORMS.add(ExtensionType.KEY_SHARE, v.read_u16, v.write_u16, "RFC 9846 §4.3.8")
