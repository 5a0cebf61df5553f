"""Who is not accepted yet is served boots and what was asked for, and nobody outside is asked for him."""

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from chargers import gate
from chargers.handling import Holder, Question
from chargers.models import Registration
from chargers.protocol.errors import Fault, OcppError
from chargers.protocol.versions import Version

STRANGERS = (Registration.PENDING, Registration.REJECTED)


def holder(registration: str) -> Holder:
    return Holder(1, "CP16", registration, uuid4(), Version.V16)


def question(registration: str, action: str = "Authorize") -> Question:
    return Question(holder(registration), action, {}, datetime(2026, 11, 21, tzinfo=UTC), "7", "ab" * 16)


async def _asks() -> str:
    return "Accepted"


def test_a_call_of_one_who_is_accepted_is_asked_about() -> None:
    barred, verdict = gate.opinion(lambda _: _asks(), question(Registration.ACCEPTED))
    assert not barred
    assert isinstance(verdict, Coroutine)
    verdict.close()
    assert gate.opinion(lambda _: "known", question(Registration.ACCEPTED)) == (False, "known")


@pytest.mark.parametrize("registration", STRANGERS)
def test_nobody_is_asked_for_a_stranger_but_about_the_boot(registration: str) -> None:
    begun: list[Any] = []

    async def asks() -> None:
        begun.append(1)

    coroutine = asks()
    assert gate.opinion(lambda _: coroutine, question(registration)) == (True, None)
    assert coroutine.cr_frame is None  # closed, and not only forgotten
    assert begun == []
    assert gate.opinion(lambda _: "known", question(registration)) == (True, None)
    boot = gate.opinion(lambda _: "known", question(registration, "BootNotification"))
    assert boot == (False, "known")


@pytest.mark.parametrize("registration", Registration.values)
def test_a_call_about_which_nobody_is_to_be_asked_is_not_barred(registration: str) -> None:
    assert gate.opinion(lambda _: None, question(registration)) == (False, None)


@pytest.mark.parametrize(
    ("registration", "action", "barred", "wanted", "passes"),
    [
        (Registration.ACCEPTED, "Authorize", False, False, True),
        (Registration.ACCEPTED, "Authorize", True, False, False),  # it was not when the call came
        (Registration.PENDING, "BootNotification", False, False, True),
        (Registration.PENDING, "Authorize", False, False, False),
        (Registration.PENDING, "StatusNotification", False, True, True),
        (Registration.PENDING, "Authorize", True, True, False),
        (Registration.REJECTED, "BootNotification", False, False, True),
        (Registration.REJECTED, "StatusNotification", False, True, False),
    ],
    ids=str,
)
def test_what_passes(registration: str, action: str, barred: bool, wanted: bool, passes: bool) -> None:
    if passes:
        gate.check(holder(registration), action, barred=barred, wanted=wanted)
        return
    with pytest.raises(OcppError) as refused:
        gate.check(holder(registration), action, barred=barred, wanted=wanted)
    assert refused.value.code == Fault.SECURITY
