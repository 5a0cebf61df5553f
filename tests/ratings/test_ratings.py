"""What current a charge point gives and how much power, from facts only, and where each comes from."""

import json
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.utils import timezone

from chargers.configuration.models import ConfigurationKey
from chargers.models import ChargePoint
from chargers.ratings.judging import Seen, judge
from chargers.ratings.models import Rating
from chargers.ratings.services import judge_due, judge_these, note_seen
from chargers.traits.services import set_charge_point_traits
from chargers.traits.values import DEFAULTS, Traits
from csms.core.ids import uuid7
from tests.console.cast import NOW, make_charge_point
from transactions.models import MeterValue
from transactions.seen_power import look_at_power


@pytest.mark.parametrize(
    ("traits", "configuration", "seen", "expected"),
    [
        (DEFAULTS, {}, Seen(), ("", "", None, "", None)),
        (Traits(supply="DC", connector_max_kw=150), {}, Seen(), ("DC", "trait", 150_000, "trait", None)),
        # A trait is said by people: what readings tell besides does not make it both.
        (Traits(supply="DC"), {}, Seen(phases=3, power_w=11_000), ("DC", "trait", 11_000, "readings", 3)),
        (DEFAULTS, {"connectorphaserotation": "0.RST, 1.RST"}, Seen(), ("AC", "configuration", None, "", 3)),
        # The station's own meter has three phases at charge points for DC, too.
        (DEFAULTS, {"connectorphaserotation": "0.RST,1.NotApplicable"}, Seen(), ("", "", None, "", None)),
        (DEFAULTS, {"connectorphaserotation": "Unknown"}, Seen(), ("", "", None, "", None)),
        (
            DEFAULTS,
            {"connectorswitch3to1phasesupported": "True"},
            Seen(),
            ("AC", "configuration", None, "", None),
        ),
        (DEFAULTS, {}, Seen(power_w=7400, phases=1), ("AC", "readings", 7400, "readings", 1)),
        (DEFAULTS, {}, Seen(power_w=7400), ("", "", 7400, "readings", None)),
        (DEFAULTS, {}, Seen(power_w=120_000), ("DC", "readings", 120_000, "readings", None)),
        (DEFAULTS, {}, Seen(power_w=20_000, voltage_v=700), ("DC", "readings", 20_000, "readings", None)),
        (DEFAULTS, {}, Seen(power_w=9000, offered_w=22_000), ("", "", 22_000, "offered", None)),
        (DEFAULTS, {}, Seen(power_w=90_000, phases=3), ("AC+DC", "readings", 90_000, "readings", 3)),
    ],
)
def test_only_facts_say_what_it_is(traits: Traits, configuration: dict, seen: Seen, expected: tuple) -> None:
    judged = judge(traits, configuration, seen)
    found = (judged.supply, judged.supply_source, judged.power_w, judged.power_source, judged.phases)
    assert found == expected
    assert len(judged.evidence) >= sum(part not in ("", None) for part in (judged.supply, judged.power_w))


def rating(charge_point: ChargePoint) -> tuple:
    row = Rating.objects.get(pk=charge_point.pk)
    return row.supply, row.supply_source, row.power_w, row.power_source


def test_a_name_alone_says_nothing(db: None) -> None:
    named = make_charge_point("CP16", vendor="Acme", model="Hyper DC 300 kW")
    judge_due(now=NOW)
    assert rating(named) == ("", "", None, "")


def test_what_people_and_the_charge_point_say_is_judged_when_its_turn_comes(db: None) -> None:
    cp16, other = make_charge_point("CP16"), make_charge_point("OTHER")
    assert judge_due(now=NOW) == 2
    assert judge_due(now=NOW) == 0
    set_charge_point_traits(cp16, {"supply": "DC", "connector_max_kw": 50}, now=NOW)
    ConfigurationKey.objects.create(
        charge_point=other, name="ConnectorPhaseRotation", folded="connectorphaserotation", value="1.RST"
    )
    assert judge_due(now=NOW + timedelta(minutes=1)) == 0  # their turn was just now
    assert judge_due(now=NOW + timedelta(minutes=6)) == 2
    assert rating(cp16) == ("DC", "trait", 50_000, "trait")
    assert rating(other) == ("AC", "configuration", None, "")
    assert Rating.objects.get(pk=other.pk).evidence[0][3] == "ConnectorPhaseRotation is 1.RST"


def read(charge_point: ChargePoint, power: float, *samples: dict, **values: object) -> None:
    MeterValue.objects.create(
        id=uuid7(),
        charge_point=charge_point,
        connector_number=1,
        sampled_at=timezone.now(),
        received_at=timezone.now(),
        power_w=power,
        samples=json.dumps(samples),
        **values,
    )


def test_readings_tell_the_highest_power_and_the_phases(db: None) -> None:
    cp16, fast, silent = (make_charge_point(name) for name in ("CP16", "FAST", "SILENT"))
    per_phase = [{"measurand": "Current.Import", "phase": f"L{n}", "value": "16"} for n in (1, 2, 3)]
    read(cp16, 10_900, *per_phase)
    read(cp16, 9000, {"measurand": "Power.Offered", "unit": "kW", "value": "22"})
    read(fast, 60_000, {"measurand": "Voltage", "phase": "L1", "location": "Inlet", "value": "230"})
    assert look_at_power(now=timezone.now()) == 2
    assert look_at_power(now=timezone.now()) == 0
    judge_due(now=timezone.now())
    assert rating(cp16) == ("AC", "readings", 22_000, "offered")
    assert Rating.objects.get(pk=cp16.pk).phases == 3
    assert rating(fast) == ("DC", "readings", 60_000, "readings")
    assert rating(silent) == ("", "", None, "")


def test_what_is_lower_or_cannot_be_changes_nothing(db: None) -> None:
    cp16 = make_charge_point()
    assert note_seen({cp16.pk: Seen(power_w=11_000)}) == 1
    assert note_seen({cp16.pk: Seen(power_w=9000)}) == 0
    assert note_seen({cp16.pk: Seen(power_w=99_000_000)}) == 0
    judge_these([cp16.pk], now=NOW)
    assert rating(cp16)[2:] == (11_000, "readings")


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_rows_wait_for_each_other_and_end() -> None:
    keys = [make_charge_point(f"CP{number:03}").pk for number in range(200)]
    old = keys[::3]  # those between them are new to both
    note_seen({pk: Seen(power_w=1) for pk in old})
    barrier, trouble = Barrier(3), []

    def work(act: Callable[[int], object]) -> None:
        try:
            for round in range(8):
                barrier.wait(30)
                act(round)
        except Exception as error:
            trouble.append(error)
            barrier.abort()
        finally:
            connection.close()

    acts = (
        lambda round: note_seen({pk: Seen(power_w=1000 + round) for pk in reversed(keys)}),
        lambda round: note_seen({pk: Seen(voltage_v=100 + round) for pk in (*old, *keys)}),
        lambda round: judge_these([*reversed(old), *set(keys).difference(old)], now=NOW),
    )
    threads = [Thread(target=work, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert trouble == []
    rows = Rating.objects.values_list("seen_power_w", "seen_voltage_v")
    assert list(rows) == [(1007, 107)] * len(keys)  # and none undoes what another saw


def test_hostile_samples_are_passed_over(db: None) -> None:
    cp16 = make_charge_point()
    for text in ("nonsense", '{"a": 1}', '[1, null, {"phase": ["L1"], "value": {}}]', "[]"):
        MeterValue.objects.create(
            id=uuid7(), charge_point=cp16, connector_number=1, sampled_at=NOW, received_at=NOW,
            power_w=5000, samples=text,
        )  # fmt: skip
    assert look_at_power(now=timezone.now()) == 1
    assert Rating.objects.get(pk=cp16.pk).seen_phases is None
