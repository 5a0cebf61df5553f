"""Whatever the system can say has human words."""

from typing import get_args

from chargers.models import Command, ConnectorStatus, Frame, Registration
from console import words
from console.templatetags.amounts import kwh, spell_duration
from transactions.authorization import Verdict
from transactions.models import Transaction
from transactions.sequence.telling import ACTIVITY


def test_every_term_has_a_word() -> None:
    assert set(words.CONNECTOR_STATUS) == {*ConnectorStatus.values, "Occupied"}  # the one of OCPP 2.x
    assert set(words.CHARGING_STATE) == set(ACTIVITY)
    assert set(words.REGISTRATION) == set(Registration.values)
    assert set(words.COMMAND_STATUS) == set(Command.Status.values)
    assert set(words.TRANSACTION_STATUS) == set(Transaction.Status.values)
    assert set(words.AUTHORIZATION) == set(get_args(Verdict))
    assert set(words.VERDICT) == set(Frame.Verdict.values)


def test_every_reason_of_a_refused_handshake_is_explained() -> None:
    import re
    from pathlib import Path

    sources = [
        Path("chargers", name).read_text() for name in ("connections.py", "handshake.py", "consumers.py")
    ]
    reasons = set(re.findall(r'HandshakeRefused\(\s*\d+,\s*"(\w+)"', "".join(sources)))
    assert reasons
    assert reasons <= set(words.REFUSALS)


def test_every_error_code_of_the_standard_is_explained() -> None:
    from ocpp.v16.enums import ChargePointErrorCode

    known = {str(code.value) for code in ChargePointErrorCode} - {"NoError"}
    assert known <= set(words.ERROR_CODES) | {"Mode3Error"}
    assert words.explain_error("Charging", "NoError") is None
    assert words.explain_error("Faulted", "NoError") is words.FAULTED_WITHOUT_CODE
    assert words.explain_error("Available", "AcmeE42") is words.UNKNOWN_ERROR


def test_every_reason_of_an_end_is_explained() -> None:
    from ocpp.v16.enums import Reason

    assert {str(reason.value) for reason in Reason} <= set(words.STOP_REASONS)


def test_amounts_have_units() -> None:
    assert kwh(1234567) == "1\u202f234.57\u00a0kWh"
    assert "not reported" in kwh(None)
    assert [spell_duration(s) for s in (5, 65, 3700, 90000, -3)] == [
        "5 s",
        "1 min 5 s",
        "1 h 1 min",
        "1 d 1 h",
        "0 s",
    ]
