"""States as awaitable constants, and questions."""

from __future__ import annotations

from typing import Any

import pytest

from lucidtls.errors import InternalError
from lucidtls.events import Question
from lucidtls.handshake import states
from lucidtls.handshake.questions import answer_from_config
from lucidtls.handshake.states import State
from lucidtls.wire.messages12 import ServerHelloDone, ServerKeyExchange
from tests.conformance.diagram import EDGES
from tests.flows.parties import client_config


def test_states_have_the_names_of_the_rfc() -> None:
    """Every state in the diagram that waits for a message is a constant of its name (RFC 9846 Appendix A)."""
    found = {name: value for name, value in vars(states).items() if isinstance(value, State)}
    assert all(repr(state) == name for name, state in found.items())
    diagram = {before for edges in EDGES.values() for before, _, _ in edges} - {"CONNECTED"}
    assert set(found) == diagram | {"WAIT_CHANGE_CIPHER_SPEC"}


def test_states_before_tls_1_3_are_called_after_what_they_wait_for() -> None:
    """RFC 5246 draws no state machine: a state is known by the messages that may come, and made once."""
    state = states.waiting_for(ServerKeyExchange, ServerHelloDone)
    assert state.name == "WAIT_SERVER_KEY_EXCHANGE_OR_SERVER_HELLO_DONE"
    assert set(state.accepts) == {12, 14}
    assert states.waiting_for(ServerKeyExchange, ServerHelloDone) is state
    assert states.WAIT_CHANGE_CIPHER_SPEC.accepts == {}


def test_awaiting_a_state_yields_the_message() -> None:
    """A flow pauses at a state and goes on with the message that came."""

    async def flow() -> str:
        message: Any = await states.WAIT_CV
        return f"got {message}"

    running = flow()
    assert running.send(None) is states.WAIT_CV
    with pytest.raises(StopIteration) as done:
        running.send("a message")
    assert done.value.value == "got a message"


def test_a_question_nobody_knows_is_a_bug() -> None:
    """A flow can only ask what a config can answer."""
    with pytest.raises(InternalError, match="Question"):
        answer_from_config(client_config(), Question())
