"""Does the work of a request with an Idempotency-Key once, and answers its repeats with what is kept."""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from prometheus_client import Counter
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from csms.core.api_errors import ApiError, invalid
from csms.core.idempotency.models import KeptAnswer
from csms.core.request_ids import request_id
from csms.core.sealing import seal, unseal

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
METHODS = {"POST", "PUT", "PATCH"}
SANE = re.compile(r"[\x20-\x7e]{1,255}")
KEEP = timedelta(hours=24)
# How long a second request waits for the first on PostgreSQL; SQLite has its own time-out.
LOCK_SECONDS = 10
PASSING = {401, 403, 408, 425, 429}  # refusals that say nothing of the request itself
ATTEMPTS = 5  # to find a slot either free or filled, while others empty it

KEYS = Counter("csms_idempotent_requests_total", "Requests with an Idempotency-Key.", ["outcome"])
for _outcome in ("done", "not_done", "replayed", "reused", "busy"):
    KEYS.labels(_outcome)

Handler = Callable[..., Any]


class _Taken(Exception):
    """Another request has filled the slot."""


class _Undone(Exception):
    """The answer is not final: the work is rolled back with the slot."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.response = response


class Idempotent(APIView):
    """The part of a view that honours the header."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the handler run only once for each key, when who asks, and for what, has been checked."""
        super().initial(request, *args, **kwargs)
        key, method = request.headers.get(HEADER), (request.method or "").lower()
        handler = getattr(self, method, None)
        caller = getattr(request.user, "caller", None)
        if key is None or method.upper() not in METHODS or handler is None or caller is None:
            return
        if not SANE.fullmatch(key):
            raise invalid({HEADER: ["It has 1 to 255 printable ASCII characters."]})
        slot = hashlib.sha256(orjson.dumps((caller, method, request.path, key))).hexdigest()

        def once(request: Request, *args: Any, **kwargs: Any) -> Any:
            return _once(self, slot, request, lambda: handler(request, *args, **kwargs))

        # A view serves one request; the framework asks it for its handler next.
        setattr(self, method, once)


def _once(view: APIView, slot: str, request: Request, work: Callable[[], Any]) -> Any:
    digest = _request_digest(request)
    for _ in range(ATTEMPTS):
        now = timezone.now()
        try:
            with transaction.atomic():
                _take(slot, digest, now)
                response = _answer(view, work)
                _keep(slot, response)
            KEYS.labels("done").inc()
            return response
        except _Undone as undone:
            KEYS.labels("not_done").inc()
            return undone.response
        except _Taken:
            kept = KeptAnswer.objects.filter(slot=slot).first()
            if kept is not None and now - kept.created_at < KEEP:
                return _replay(view, request, kept, digest)
            # Too old, or rolled back or removed since: it is free now.
            KeptAnswer.objects.filter(slot=slot, created_at__lte=now - KEEP).delete()
    raise _busy()


def _take(slot: str, digest: str, now: datetime) -> None:
    """Fill the slot. Waits for another transaction that does; raises _Taken when that has committed."""
    bounded = connection.vendor == "postgresql"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if bounded:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            KeptAnswer.objects.create(slot=slot, request_digest=digest, created_at=now, sealed="")
            if bounded:
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except IntegrityError:
        raise _Taken from None
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "55P03":  # lock_not_available
            raise _busy() from error
        raise


def _busy() -> ApiError:
    KEYS.labels("busy").inc()
    return ApiError(
        409, "idempotency_key_in_use", "the first request with this key is still at work; try again later"
    )


def _answer(view: APIView, work: Callable[[], Any]) -> Any:
    """Return the answer of the handler, or to its refusal, of which nothing but the answer stays."""
    try:
        with transaction.atomic():
            response = work()
    except Exception as error:
        response = view.handle_exception(error)  # raises what nobody expected
    if response.status_code >= 500 or response.status_code in PASSING:
        raise _Undone(response)
    return response


def _keep(slot: str, response: Any) -> None:
    row = KeptAnswer.objects.filter(slot=slot)
    if not isinstance(response, Response):
        row.delete()
        return
    headers = {name: value for name, value in response.items() if name != "Content-Type"}
    # Sealed, whatever it is: some answers show a key or a password, once.
    sealed = seal(
        {
            "status": response.status_code,
            "headers": headers,
            "body": JSONRenderer().render(response.data).decode(),
            "replay_as": getattr(response, "replay_as", None),
        }
    )
    row.update(sealed=sealed)


def _replay(view: APIView, request: Request, kept: KeptAnswer, digest: str) -> Any:
    """Answer a repeat. Raises 422 when it is none."""
    if not hmac.compare_digest(kept.request_digest, digest):
        KEYS.labels("reused").inc()
        detail = "this key came with another request before; a new request needs a new key"
        raise ApiError(422, "idempotency_key_reused", detail, {HEADER: [detail]})
    KEYS.labels("replayed").inc()
    answer = unseal(kept.sealed)
    if answer["replay_as"] is not None:
        response = cast(Any, view).replay(request, answer["replay_as"])
    else:
        body: Any = orjson.loads(answer["body"]) if answer["body"] else None
        if answer["status"] >= 400:
            body["request_id"] = request_id(request)
        response = Response(body, status=answer["status"], headers=answer["headers"])
    response[REPLAYED] = "true"
    return response


def _request_digest(request: Request) -> str:
    """Return the digest of what was asked: query string, and body by its values where it is JSON."""
    try:
        body = request.body
    except RequestDataTooBig:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raise ApiError(413, "too_large", f"with {HEADER} a body has at most {limit} bytes") from None
    try:
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass  # what it is, its parser shall say
    asked = orjson.dumps((request.META.get("QUERY_STRING", ""), body.hex()))
    # Keyed, unlike the slot: under another secret key a repeat is refused, rather than done a second time.
    return hmac.new(settings.SECRET_KEY.encode(), b"idempotency " + asked, hashlib.sha256).hexdigest()
