"""The bad manners of real OCPP 2.0.1 stations: those of the line they share with 1.6, and their own."""

from chargers.simulator import quirks
from chargers.simulator.quirks import Payload, Quirk

# What a table of 1.6 has of the frame, the path and of times holds for any version.
SHARED = (
    "null_payload",
    "missing_payload",
    "not_json",
    "integer_ids",
    "reused_ids",
    "stray_answers",
    "extra_fields",
    "slow_answers",
    "empty_frames",
    "path_slash",
    "path_query",
    "path_case",
    "zoneless_time",
    "short_offset",
    "session_register",
    "forgotten_start",
)


def _numbers_as_text(action: str, payload: Payload) -> Payload:
    return {**payload, "seqNo": str(payload["seqNo"])} if action == "TransactionEvent" else payload


def _no_reason(action: str, payload: Payload) -> Payload:
    return {k: v for k, v in payload.items() if k != "reason"} if action == "BootNotification" else payload


def _strange_trigger(action: str, payload: Payload) -> Payload:
    odd = action == "TransactionEvent" and payload["triggerReason"] == "CablePluggedIn"
    return {**payload, "triggerReason": "PlugInserted"} if odd else payload


QUIRKS: dict[str, Quirk] = {
    **{name: quirks.QUIRKS[name] for name in SHARED},
    "event_gap": Quirk("X9: every fifth Updated event is lost, its seqNo too", loses_event_every=5),
    "event_order": Quirk("X9: events leave in the wrong order", swaps_events=True),
    "event_repeat": Quirk(
        "X9: each TransactionEvent twice, under different ids", repeats=("TransactionEvent",)
    ),
    "hidden_offline": Quirk("X9: events of an outage look as if they were live", hides_offline=True),
    "id_reused": Quirk(
        "X9: transaction ids are counted from 1 again after a boot", reuses_transaction_ids=True
    ),
    "evse_late": Quirk("X10: the first event does not say at which EVSE", late_evse=True),
    "no_connector": Quirk("X9: events without connectorId", no_connector=True),
    "lost_started": Quirk("X3: the event that starts a transaction is lost", loses_started=True),
    "endless_report": Quirk("S2-52: the last part of a report never comes", endless_reports=True),
    "repeated_part": Quirk("S2-52: each part of a report twice", repeats_parts=True),
    "status_by_event": Quirk("S2-40: NotifyEvent instead of StatusNotification", status_by_event=True),
    "compressed": Quirk("M7: compressed frames, where the server has it so", compresses=True),
    "text_numbers": Quirk("V10: seqNo as text", bend=_numbers_as_text),
    "no_boot_reason": Quirk("required reason left out", bend=_no_reason),
    "strange_trigger": Quirk("V2: a triggerReason of its own", bend=_strange_trigger),
}
