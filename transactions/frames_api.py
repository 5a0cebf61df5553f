"""The API's door to the frames of a transaction: its start, its readings, its end, and what else named it."""

from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chargers.history.frames import claims_at, exchanges
from chargers.history.frames_api import FRAME_SORTABLE, FrameFilter, FrameShape, filtered
from chargers.models import Frame
from csms.core.api_views import ApiView, found, paged
from csms.core.paging import PageQuery
from transactions.models import Transaction

BEFORE, AFTER = timedelta(minutes=1), timedelta(minutes=10)
LOOKED_AT = timedelta(days=31)


class TransactionFrameQuery(FrameFilter, PageQuery):
    """Which frames of a transaction are listed."""

    sortable: ClassVar = FRAME_SORTABLE


class TransactionFrames(ApiView):
    """What went over the wire about one transaction."""

    chapter = "Transactions"
    query = TransactionFrameQuery

    @extend_schema(
        operation_id="list_transaction_frames",
        summary="List the OCPP frames of a transaction",
        description="Its start, its readings, its end, whatever else names it by its id on the wire, and the answers; "
        f"newest first. Looked for from its start to {AFTER.total_seconds() / 60:.0f} minutes after its end, by our "
        f"clock, of a long one in the last {LOOKED_AT.days} days of that. Frames are kept for "
        "`CSMS_RETAIN_FRAMES_DAYS`.",
        responses={200: paged(FrameShape)},
    )
    def get(self, request: Request, id: UUID) -> Response:
        """List the frames of a transaction."""
        transaction = found(Transaction.objects.filter(pk=id).first(), "transaction", id)
        since, until = window(transaction, now=timezone.now())
        rows = exchanges(
            transaction.charge_point_id,
            transaction.transaction_id,
            claims=claims_of(transaction),
            since=since,
            until=until,
        )
        return self.page(filtered(rows, self.asked), order=("-pk",), shape=FrameShape)


def claims_of(transaction: Transaction) -> list[Frame]:
    """Return the calls that told its start and its end, without their texts. One query at most."""
    moments = (transaction.start_received_at, transaction.stop_received_at)
    return claims_at(transaction.charge_point_id, [moment for moment in moments if moment])


def window(transaction: Transaction, *, now: datetime) -> tuple[datetime, datetime]:
    """Return when frames of a transaction can have been received; its start may have come after its end."""
    start, stop = transaction.start_received_at, transaction.stop_received_at
    first = [t for t in (start or transaction.started_at, stop) if t]
    last = max(t for t in (start, stop) if t) + AFTER if stop else now
    return max(min(first) - BEFORE, last - LOOKED_AT), last
