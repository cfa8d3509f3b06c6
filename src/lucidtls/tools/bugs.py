"""What is said, and kept, when a command meets a bug of its own."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback

from lucidtls.tools import exits
from lucidtls.tools.findings import Diagnosis, Fix
from lucidtls.tools.report import version_of


def bug_diagnosis(error: Exception, report_to: str) -> Diagnosis:
    """Write a report without any values to a file, and say where it is."""
    report = _write_report(error)
    return Diagnosis(
        code=None,
        slug="internal-error",
        title=f"This is a bug in lucidtls: {type(error).__name__} where none is expected.",
        detail=f"A report was written to {report}. It names places in the code, and no values.",
        exit_code=exits.INTERNAL,
        fixes=(Fix("here", f"please send it to {report_to}"),),
    )


def _write_report(error: BaseException) -> str:
    descriptor, path = tempfile.mkstemp(prefix="lucidtls-report-", suffix=".txt")  # for its owner alone
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"lucidtls {version_of('lucidtls')}, cryptography {version_of('cryptography')}\n")
        file.write(f"Python {platform.python_version()} on {platform.platform()}\n\n")
        one: BaseException | None = error
        while one is not None:
            file.write(f"{type(one).__name__} in\n")
            for frame in traceback.extract_tb(one.__traceback__):
                file.write(f"  {frame.filename}:{frame.lineno} {frame.name}: {frame.line}\n")
            one = one.__cause__ or one.__context__
    return path
