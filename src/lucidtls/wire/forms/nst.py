"""Extensions in a NewSessionTicket (RFC 9846 §4.7.1)."""

from lucidtls.wire.codepoints import ExtensionType
from lucidtls.wire.forms import values as v
from lucidtls.wire.forms.form import FormTable

FORMS = FormTable("NewSessionTicket")

EARLY_DATA = FORMS.add(ExtensionType.EARLY_DATA, v.read_u32, v.write_u32, "RFC 9846 §4.3.10")
