"""What a backend is asked of a token at a charging station of OCPP 2.0.1, and how long its word counts."""

import logging
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import pytest

from chargers.handling import Holder, Question
from chargers.protocol.versions import Version
from csms.core.backend.answers import TokenVerdict
from tests.backend.cast import backend_at, said, token_is
from tests.support.receiver import Receiver, receiving
from tests.transactions.cast import NOON
from transactions.asking import ask_about_token, remembered
from transactions.authorizing.ocpp201 import ask

STATION = Holder(1, "CS201", "accepted", UUID(int=1), Version.V201)


def question(text: str = "04A1", type: str = "ISO14443") -> Question:
    return Question(STATION, "Authorize", {"idToken": {"idToken": text, "type": type}}, NOON, "1", "ab-cd")


async def heard(verdict: Any) -> Any:
    return await verdict if isinstance(verdict, Coroutine) else verdict


def bodies(receiver: Receiver) -> list[Any]:
    return [message.json for message in receiver.messages]


async def test_the_type_and_the_evse_are_told_where_they_are_known() -> None:
    with receiving(token_is("Accepted")) as receiver, backend_at(f"{receiver.origin}/api"):
        assert (await heard(ask(question()))).accepted
        assert (await heard(ask(question()))).source == "cache"
        assert (await heard(ask(question(type="Central")))).source == "backend", "another token"
        assert remembered("04a1", "ISO14443")[1] is not None
        assert remembered("04a1") == (True, None)
        await heard(ask_about_token(question(), "05B2", type="Local", evse_id=2))
        await heard(ask_about_token(question(), "06C3"))
        assert await heard(ask(question("", "NoAuthorization"))) is None
        assert bodies(receiver) == [
            {"id_tag": "04A1", "cp_id": "CS201", "token_type": "ISO14443"},
            {"id_tag": "04A1", "cp_id": "CS201", "token_type": "Central"},
            {"id_tag": "05B2", "cp_id": "CS201", "token_type": "Local", "evse_id": 2},
            {"id_tag": "06C3", "cp_id": "CS201"},
        ]


@pytest.mark.parametrize("word", ["NotAllowedTypeEVSE", "NotAtThisLocation"])
async def test_what_holds_for_a_place_is_not_remembered_for_others(word: Any) -> None:
    with receiving(token_is(word)) as receiver, backend_at(f"{receiver.origin}/api"):
        for _ in range(2):
            assert await heard(ask(question())) == TokenVerdict(word)
        assert len(receiver.messages) == 2


async def test_an_answer_about_the_same_contract_or_code_in_another_form_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    info = {"id_tag_info": {"status": "Accepted"}}
    for type, text, about, counts in (
        ("eMAID", "DE-8AA-123456789", "de8aa123456789", True),
        ("KeyCode", "481516", "481516", True),
        ("KeyCode", "481516", "481517", False),
        ("Central", "DE-8AA", "DE8AA", False),
    ):
        with receiving(said(info | {"id_tag": about})) as receiver, backend_at(f"{receiver.origin}/api"):
            verdict = await heard(ask(question(text, type)))
            assert (verdict is not None and verdict.accepted) == counts, (type, about)
    assert "48151" not in caplog.text
