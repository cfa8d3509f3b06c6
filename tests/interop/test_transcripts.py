"""Recorded handshakes with each peer, had again without it (see `transcripts.py`)."""

from base64 import b64decode
from pathlib import Path

import pytest

from tests.interop.suites import KEY_EXCHANGES, OLDER_VERSIONS, SUITES
from tests.interop.transcripts import DIRECTORY, connection_of, read, replay

FILES = sorted(DIRECTORY.glob("*.json.gz"))


def test_transcripts_cover_each_version_and_key_exchange() -> None:
    """TLS 1.0, 1.1 and 1.2 with each of their ten key exchanges have a recorded handshake."""
    transcripts = [read(path) for path in FILES]
    assert {transcript["version"] for transcript in transcripts} == set(OLDER_VERSIONS)
    assert {SUITES[transcript["suite"]].exchange for transcript in transcripts} == set(KEY_EXCHANGES)
    assert {transcript["our role"] for transcript in transcripts} == {"client", "server"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_the_same_handshake_comes_out(path: Path, tmp_path: Path) -> None:
    """Given the same input, randomness and clock, each octet we send is the one that the peer accepted."""
    transcript = read(path)
    connection = connection_of(transcript, tmp_path)
    flights = list(replay(connection, transcript["operations"]))
    assert [now for _, now in flights] == [then for then, _ in flights]
    assert len(flights) >= 3
    assert connection.negotiated is not None
    assert connection.negotiated.version == transcript["version"]
    assert connection.negotiated.cipher_suite == transcript["suite"]
    assert connection.data_to_send() == b""


@pytest.mark.parametrize("path", FILES[:3], ids=lambda path: path.name.removesuffix(".json.gz"))
def test_another_seed_gives_another_handshake(path: Path, tmp_path: Path) -> None:
    """The randomness that is injected is the one that is used."""
    transcript = read(path)
    connection = connection_of(transcript | {"seed": "another"}, tmp_path)
    first = next(data for operation, data in transcript["operations"] if operation == "send")
    if transcript["our role"] == "server":
        connection.receive_data(b64decode(transcript["operations"][0][1]))
    assert connection.data_to_send() != b64decode(first)
