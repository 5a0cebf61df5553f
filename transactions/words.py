"""The words that a transaction carries of how it ended and of what was odd, and what they mean to a person."""

# Words of Transaction.end_evidence and what they mean to a person.
EVIDENCE: dict[str, str] = {
    "available": "The connector was reported Available.",
    "finishing": "The connector was reported Finishing.",
    "next_start": "The next transaction started on the connector.",
    "silence": "Nothing was heard of the charge point for long.",
    "denied": "The charge point said that it does not run any more.",
    "person": "A person ended it here, by what was known of it.",
}

# Words of Transaction.anomalies and what they mean to a person.
ANOMALIES: dict[str, str] = {
    "start_lost": "Only its end was reported; the start never came.",
    "start_after_stop": "Its start was reported after its end.",
    "matched_by_evidence": "The stop carried no usable transaction id and was matched by token, time and meter.",
    "meter_stop_below_start": "The meter at the end was below the meter at the start; the readings between were used.",
    "meter_stop_missing": "The end carried no meter value of its own; the last reading was used, if there was one.",
    "meter_start_missing": "The start carried no meter value.",
    "meter_unbelievable": "A meter value at the start or the end was beyond what any meter counts and is not used.",
    "meter_negative": "A register of the meter was negative; only differences of it are used.",
    "meter_fell": "The register fell in the middle and did not restart; what it showed then was passed over.",
    "meter_restarted": (
        "The register restarted in the middle, or counts each session from zero; the energy was added up by pieces."
    ),
    "meter_jumped": (
        "The register rose by more than the connector can deliver in the time. Where readings before and after tell, "
        "the jump is not billed; where none does, the energy is as claimed and must be looked at."
    ),
    "unit_suspected": (
        "Energy and power tell of amounts a thousand times apart: one of them is in another unit than it says."
    ),
    "stop_before_start": (
        "The end was dated before the start; the time of the last reading was used, or else of the receipt."
    ),
    "start_time_unusable": "The start carried no usable time; the time of receipt was used.",
    "stop_time_unusable": "The end carried no usable time; the time of receipt was used.",
    "stop_inferred": "No end was reported; it was closed by what else was seen, with the last reading as its meter.",
    "stop_replaced": "An end had been inferred before the real one came; the real one stands, and both are kept.",
    "superseded": (
        "Another transaction started on the connector before an end of this one was reported. Its end may still come, "
        "but it does not count as charging, nor towards the limit of its token."
    ),
    "started_on_busy_connector": "It started while another transaction was still open on the connector.",
    "stop_differs": "A different end was reported later; the first stands, and both claims are kept.",
    "reservation_not_held": "Its start named a reservation that is not known here, or was over.",
    "backend_refused": "The backend, once it was told of it, did not accept its id token.",
    "reserved_for_another": "It started on a connector that was reserved for another token.",
    "events_missing": (
        "Numbered events of it never came: the charge point has none left, or they were waited for in vain. What it "
        "delivered is settled by those that are here."
    ),
    "seq_reused": "Two different events carried one number; the first stands, and both are kept.",
    "seq_missing": "Events of it carried no usable number; they count in the order in which they came.",
    "evse_changed": "A later event named another EVSE; the first stands.",
    "id_reused": "The charge point had used its id before, for another transaction.",
}
