"""One of everything that is managed at a charge point, in the words of a hostile charger."""

from datetime import timedelta

from django.utils import timezone

from chargers.availability.models import AvailabilityIntent
from chargers.certificates.models import InstalledCertificate, SigningRequest
from chargers.configuration.models import (
    ConfigurationChange,
    ConfigurationKey,
    ConfigurationReading,
    DesiredValue,
)
from chargers.diagnostics.models import Log, LogJob, LogReport, StoredFile
from chargers.firmware.models import FirmwareJob, FirmwareReport
from chargers.models import ChargePoint
from chargers.network.models import NetworkProfile, ProfileChange
from chargers.reservations.models import Reservation
from chargers.security_events.models import SecurityEvent
from chargers.topology.models import DeviceEvent
from chargers.traits.models import ChargePointTraits, Deviation
from csms.core.events.services import record
from csms.core.ids import uuid7
from tests.console.cast import HOSTILE, make_connector
from transactions.charging_profiles.models import CompositeSchedule, InstalledProfile
from transactions.local_lists.models import LocalList, LocalListEntry

PROFILE = {
    "purpose": "TxDefaultProfile",
    "stack_level": 1,
    "kind": "Absolute",
    "schedule": {"unit": "A", "periods": [{"start_period": 0, "limit": "16"}]},
}


def furnish(charge_point: ChargePoint) -> None:
    """Give a charge point one of everything."""
    now = timezone.now()
    its = {"charge_point": charge_point}
    make_connector(charge_point, 1)
    ConfigurationKey.objects.create(**its, name=HOSTILE, folded=HOSTILE, value=HOSTILE, reported_at=now)
    ConfigurationKey.objects.create(
        **its,
        name="HeartbeatInterval",
        folded="heartbeatinterval",
        value="60",
        readonly=True,
        reported_at=now,
    )
    ConfigurationReading.objects.create(**its, read_at=now)
    ConfigurationChange.objects.create(**its, name=HOSTILE, old_value=HOSTILE, new_value=HOSTILE, at=now)
    DesiredValue.objects.create(
        **its, name="HeartbeatInterval", folded="heartbeatinterval", value="300", by="alice", at=now
    )
    AvailabilityIntent.objects.create(
        **its, connector_number=1, operative=False, by="alice", command_id=uuid7(), ordered_at=now
    )
    told = {"url": HOSTILE, "security_profile": 2, "message_timeout": 30, "by": HOSTILE, "told_at": now}
    for slot, state in ((1, "accepted"), (2, "failed")):
        NetworkProfile.objects.create(
            **its, **told, slot=slot, state=state, reason=HOSTILE, command_id=uuid7()
        )
    ProfileChange.objects.create(
        **its,
        before=1,
        wanted=2,
        slot=2,
        state="went_back",
        problem=HOSTILE,
        by=HOSTILE,
        command_id=uuid7(),
        started_at=now,
        due_at=now,
    )
    local_list = LocalList.objects.create(**its, policy="all", version=3, last_result=HOSTILE, last_at=now)
    LocalListEntry.objects.create(local_list=local_list, id_token=HOSTILE, key=HOSTILE, status="Accepted")
    Reservation.objects.create(
        **its,
        number=77,
        connector_number=1,
        id_token=HOSTILE,
        expires_at=now + timedelta(hours=1),
        status="accepted",
        answer=HOSTILE,
        note=HOSTILE,
        by="alice",
        command_id=uuid7(),
        created_at=now,
    )
    InstalledProfile.objects.create(
        **its,
        profile_id=5,
        connector_number=1,
        purpose="TxDefaultProfile",
        stack_level=1,
        profile=PROFILE,
        status="installed",
        note=HOSTILE,
        by="alice",
        command_id=uuid7(),
        created_at=now,
    )
    CompositeSchedule.objects.create(
        **its,
        command_id=uuid7(),
        connector_number=1,
        asked_duration=3600,
        by="alice",
        received_at=now,
        answer="Accepted",
        schedule_start=now,
        unit=HOSTILE[:16],
        periods=[
            {"start_period": 0, "limit": "16.0", "number_phases": 3},
            {"start_period": 600, "limit": HOSTILE, "number_phases": None},
        ],
        differs=True,
        difference=HOSTILE,
    )
    order = {"location": HOSTILE, "created_at": now, "state": "running", "status": HOSTILE[:64]}
    firmware = FirmwareJob.objects.create(
        **its, **order, command_id=uuid7(), retrieve_at=now, version_before=HOSTILE
    )
    report = {
        "status": HOSTILE[:64],
        "received_at": now,
        "last_at": now,
        "count": 2,
        "flag": "unknown_status",
    }
    FirmwareReport.objects.create(**its, job=firmware, **report)
    log = LogJob.objects.create(**its, **order, command_id=uuid7(), log=Log.DIAGNOSTICS, detail=HOSTILE)
    LogReport.objects.create(**its, job=log, **report)
    StoredFile.objects.create(
        **its, name=HOSTILE, content="0" * 32, size=12_345, sha256="ab" * 32, received_at=now
    )
    SigningRequest.objects.create(
        **its, status="pending", csr=HOSTILE, subject=HOSTILE, problems=[HOSTILE], received_at=now
    )
    InstalledCertificate.objects.create(
        **its,
        use="charge_point",
        subject=HOSTILE,
        serial_number=HOSTILE,
        not_after=now + timedelta(days=3),
        reported_at=now,
    )
    SecurityEvent.objects.create(
        **its, id=uuid7(), type=HOSTILE, info=HOSTILE, critical=True, event_at=now, received_at=now
    )
    DeviceEvent.objects.create(
        **its,
        event_id=7,
        happened_at=now,
        received_at=now,
        component=HOSTILE[:50],
        component_instance=HOSTILE[:50],
        variable=HOSTILE[:50],
        value=HOSTILE,
        trigger=HOSTILE[:32],
        kind=HOSTILE[:32],
        tech_code=HOSTILE[:50],
        tech_info=HOSTILE,
        transaction_id=HOSTILE[:36],
        problem=True,
    )
    record("cp.security_event", charge_point.cp_id, {"type": HOSTILE, "info": HOSTILE}, occurred_at=now)
    ChargePointTraits.objects.create(**its, traits={"leniency": "strict"}, note=HOSTILE, changed_at=now)
    Deviation.objects.create(
        vendor=charge_point.vendor[:100],
        model=charge_point.model[:100],
        firmware=charge_point.firmware_version[:100],
        action="MeterValues",
        field=HOSTILE,
        rule=HOSTILE,
        verdict="deviant",
        key=uuid7().hex,
        count=12,
        first_at=now,
        last_at=now,
        last_cp_id=charge_point.cp_id,
        last_frame_id=uuid7(),
    )
