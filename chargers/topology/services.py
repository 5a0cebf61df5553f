"""What keeps the EVSEs and connectors of charge points, and finds the place that somebody means."""

import logging
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from chargers.commands.ordering import Draft, as_given, bad_param
from chargers.models import ChargePoint, Connector
from chargers.services import Refusal, from_to, note_act
from chargers.topology.models import Evse
from chargers.topology.places import MOST, PLACES_MAX, STANDS, STATION, STRIDE, Place, has_evses, place_of
from csms.core.live import announce

log = logging.getLogger(__name__)

Known = Evse.Known


def place(
    charge_point: ChargePoint, *, connector_id: int | None = None, evse_id: int | None = None
) -> Place | None:
    """Return the place that a command names; None if it names none. For `prepare`, which keeps it with the order.

    `connector_id` is the house's number of a connector, `evse_id` names a whole EVSE where it stands alone.
    Raises CommandRefused for a connector that is not at the EVSE, or that nobody can tell of.
    """
    if connector_id is None:
        return None if evse_id is None else place_of(evse_id, 0)
    if connector_id == 0:
        if evse_id:
            raise bad_param("connector_id", "0 is the whole charge point, and an EVSE is a part of it")
        return STATION
    row = Connector.objects.filter(charge_point=charge_point, number=connector_id).first()
    if row is not None:
        found = Place(row.number, row.evse_number, row.evse_connector)
    elif not has_evses(charge_point.protocol) or connector_id <= MOST:
        found = Place(
            connector_id, connector_id, 1
        )  # each connector has an EVSE of its own, unless told otherwise
    else:
        raise bad_param("connector_id", f"{charge_point.cp_id} has no connector {connector_id} that is known")
    if evse_id is not None and found.evse != evse_id:
        raise bad_param("evse_id", f"connector {connector_id} is at EVSE {found.evse}, not at {evse_id}")
    return found


def placed(draft: Draft) -> dict[str, Any]:
    """Return the parameters as given and, for OCPP 2.x, beside them where that is: `evse` and `evse_connector`.

    For `prepare`. Raises CommandRefused as `place` does; of an exact payload its own numbers count.
    """
    values = as_given(draft)
    if not has_evses(draft.charge_point.protocol):
        return values
    if draft.exact is not None:
        return values | {
            name: draft.fixed[name] for name in ("evse", "evse_connector") if name in draft.fixed
        }
    connector_id, evse_id = values.get("connector_id"), values.get("evse_id")
    if connector_id == 0 and evse_id is not None:
        connector_id = None  # as where 0 stands unless something else is said: all of that EVSE
    where = place(draft.charge_point, connector_id=connector_id, evse_id=evse_id)
    return values if where is None else values | {"evse": where.evse, "evse_connector": where.connector}


def meet(charge_point_id: int, evse: int, connector: int = 0, *, known_from: Known) -> Place:
    """Make sure that there is a row for an EVSE, and for a connector of it, that a station named. Idempotent.

    Absurd numbers make no rows, nor does a place that is one too many: then that is said in the log.
    """
    where = place_of(evse, connector)
    if not 0 < evse <= MOST or not 0 <= connector <= MOST:
        return where
    evses = Evse.objects.filter(charge_point_id=charge_point_id)
    made = False
    if not evses.filter(number=evse).exists():
        if _is_full(evses, where):
            return where
        made = _row(Evse, charge_point_id=charge_point_id, number=evse, defaults={"known_from": known_from})
    if connector:
        where, new = _connector(charge_point_id, where)
        made |= new
    if made:
        announce("fleet", f"charge-point:{charge_point_id}")
    return where


def _connector(charge_point_id: int, where: Place) -> tuple[Place, bool]:
    """Return the place of a connector by the number that its row has, and whether that was made now.

    A person may have put connectors of 1.6 elsewhere before a firmware of 2.x told of its own.
    """
    rows = Connector.objects.filter(charge_point_id=charge_point_id)
    there = rows.filter(evse_number=where.evse, evse_connector=where.connector)
    number = there.values_list("number", flat=True).first()
    if number is not None:
        return Place(number, where.evse, where.connector), False
    if rows.filter(number=where.number).exists():
        where = Place(STRIDE + where.evse, where.evse, where.connector)
    if _is_full(rows.filter(number__gt=0), where):
        return where, False
    values = {"evse_number": where.evse, "evse_connector": where.connector}
    return where, _row(Connector, charge_point_id=charge_point_id, number=where.number, defaults=values)


def _is_full(rows: QuerySet[Any], where: Place) -> bool:
    """Return whether a station has told of as many places as any has, and note that it tells of one more."""
    if rows.count() < PLACES_MAX:
        return False
    log.warning("topology.too_many_places", extra={"evse": where.evse, "connector": where.connector})
    return True


def _row(model: type[Evse] | type[Connector], **values: Any) -> bool:
    return bool(model._default_manager.get_or_create(**values)[1])


def note_activity(charge_point_id: int, evse: int, word: str, *, number: int = 0, now: datetime) -> bool:
    """Note what a car does at an EVSE, in the words of 1.6, "" for no car; return whether that is anything new.

    `number` is the house's of the connector; where none is told, or one that is not known, the first of the EVSE
    counts. What the station reports of the connector itself, such as Faulted, goes before it; `status` is what comes
    of both.
    """
    if not evse:
        return False
    here = Q(evse_number=evse) | Q(number=number)
    rows = list(Connector.objects.filter(here, charge_point_id=charge_point_id).order_by("evse_connector"))
    connector = next((row.evse_connector for row in rows if row.number == number), 0)
    there = (row for row in rows if row.evse_number == evse)
    row = next((row for row in there if connector in (0, row.evse_connector)), None)
    if row is None or row.activity == word:
        return False
    other = F("reported") if not word else Value(word)
    changed = Connector.objects.filter(pk=row.pk).update(
        activity=word,
        status=Case(When(reported__in=STANDS, then=F("reported")), default=other),
        received_at=now,
    )
    announce("fleet", f"charge-point:{charge_point_id}")
    return changed == 1


def tell_evse(connector: Connector, evse_number: int, evse_connector: int = 1) -> None:
    """Put a connector of 1.6 to an EVSE that it shares with others. Idempotent.

    Raises Refusal for a number that no EVSE has, or a place where another connector is.
    """
    if connector.number == 0 or not (0 < evse_number <= MOST and 0 < evse_connector <= MOST):
        raise Refusal(f"EVSEs and their connectors have numbers from 1 to {MOST}", field="evse_id")
    try:
        with transaction.atomic():
            Connector.objects.filter(pk=connector.pk).update(
                evse_number=evse_number, evse_connector=evse_connector
            )
            meet_told(connector.charge_point_id, evse_number)
    except IntegrityError:
        raise Refusal(
            f"another connector is at EVSE {evse_number} as {evse_connector}", field="evse_id"
        ) from None
    connector.evse_number, connector.evse_connector = evse_number, evse_connector
    announce("fleet", f"charge-point:{connector.charge_point_id}")


def label_evse(charge_point: ChargePoint, number: int, label: str, *, now: datetime, by: str = "") -> None:
    """Give an EVSE a name for people; empty takes it away. One that had no row gets one."""
    with transaction.atomic():
        meet_told(charge_point.pk, number)
        row = Evse.objects.select_for_update().get(charge_point=charge_point, number=number)
        change = from_to(row.label, label)
        if change["from"] == label:
            return
        Evse.objects.filter(pk=row.pk).update(label=label)
        note_act("evse.labelled", charge_point, by=by, now=now, evse=number, label=change)
        announce("fleet", f"charge-point:{charge_point.pk}")


def meet_told(charge_point_id: int, evse: int) -> None:
    """Make sure that there is a row for an EVSE of which a person told."""
    Evse.objects.get_or_create(
        charge_point_id=charge_point_id, number=evse, defaults={"known_from": Known.TOLD}
    )
