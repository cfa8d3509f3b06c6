"""Java's JSSE, through ../programs/Peer.java, which the java command compiles by itself."""

import os
import re
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

from tests.interop.peers.program import ProgramPeer
from tests.interop.settings import CLASSICAL_GROUPS, CLASSICAL_SCHEMES, Capabilities

PROGRAM = Path(__file__).parents[1] / "programs" / "Peer.java"
INSTALLED = Path("/usr/lib/jvm")
SETS_GROUPS = 20  # SSLParameters.setNamedGroups came with this release


def release_of(java: Path) -> int:
    """Return the feature release of a Java, 0 when it does not run."""
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30)
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', told.stderr)
    return int(found.group(1)) if found else 0


class Java(ProgramPeer):
    """The newest Java on this machine. It sends KeyUpdate by itself after 2 MB (see the program)."""

    name = "java"
    hint = "install a JDK, 17 or later"

    @cached_property
    def _java(self) -> tuple[int, Path | None]:
        homes = [Path(home) for home in (os.environ.get("JAVA_HOME"),) if home]
        homes += sorted(INSTALLED.iterdir()) if INSTALLED.is_dir() else []
        candidates = [home / "bin" / "java" for home in homes if (home / "bin" / "javac").exists()]
        candidates += [Path(java) for java in (shutil.which("java"),) if java]
        releases = {java.resolve(): release_of(java) for java in candidates}
        best = max(releases, key=lambda java: releases[java], default=None)
        return (releases[best], best) if best and releases[best] >= 17 else (0, None)

    def found(self) -> bool:
        return self._java[1] is not None

    def command(self) -> list[str | Path]:
        return [str(self._java[1]), "-XX:TieredStopAtLevel=1", PROGRAM]

    @cached_property
    def _capabilities(self) -> Capabilities:
        return Capabilities(
            groups=CLASSICAL_GROUPS,
            schemes=CLASSICAL_SCHEMES,
            client_schemes=CLASSICAL_SCHEMES,
            chooses_groups=self._java[0] >= SETS_GROUPS,
        )

    @property
    def server(self) -> Capabilities:
        return self._capabilities

    @property
    def client(self) -> Capabilities:
        return self._capabilities
