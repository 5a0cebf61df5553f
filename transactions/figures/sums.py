"""What is summed up of sessions, and how far drivers came with them; the same for a step, a day or a charge point."""

from typing import Any

from django.db.models import Count, Q, Sum

from transactions.models import Transaction
from transactions.sql import EpochSeconds

# Verdicts on a token with which a session may go on; empty where none was given, as for sessions told late.
WELCOME = ("", "Accepted")
# OCPP 1.6, 7.37 Reason: ends that a driver, the car or we wanted; absent means Local.
CLEAN = ("", "Local", "Remote", "EVDisconnected", "UnlockCommand")


def _sessions() -> dict[str, Any]:
    active, ended = Q(status=Transaction.Status.ACTIVE), Q(status=Transaction.Status.ENDED, orphan=False)
    runs = active & Q(superseded=False, end_seen_at=None)
    welcome = ended & Q(authorization__in=WELCOME)
    charged = welcome & Q(energy_wh__gt=0)
    clean = charged & Q(stop_reason__in=CLEAN) & ~Q(end_source=Transaction.EndSource.INFERRED)
    return {
        "started": Count("pk"),
        "wh": Sum("energy_wh"),
        "seconds": Sum("duration_seconds"),
        "running": Count("pk", filter=active),
        "charging": Count("pk", filter=runs),
        "charging_since": Sum(EpochSeconds("started_at"), filter=runs),
        "known": Count("pk", filter=ended),
        "authorised": Count("pk", filter=welcome),
        "charged": Count("pk", filter=charged),
        "clean_ends": Count("pk", filter=clean),
    }


SESSIONS = _sessions()
SUMMED = tuple(SESSIONS)
NOTHING = dict.fromkeys(SUMMED, 0)
# What any of these is made of: a change of nothing else leaves them as they are.
MADE_OF = frozenset(
    [
        *(
            "charge_point",
            "started_at",
            "energy_wh",
            "duration_seconds",
            "stopped_at",
            "status",
            "superseded",
        ),
        *("end_seen_at", "orphan", "authorization", "stop_reason", "end_source"),
    ]
)


def whole(row: dict[str, Any]) -> dict[str, int]:
    """Return the sums of a row as whole numbers."""
    return {name: int(row[name] or 0) for name in SUMMED}
