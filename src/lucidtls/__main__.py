"""`python -m lucidtls` is `lucidtls`."""

from __future__ import annotations

import sys

from lucidtls.cli import main

sys.exit(main())
