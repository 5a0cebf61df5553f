"""Who decides about an id token or a charge point that boots: the backend, what it said lately, or the fallback.

On the event loop; holds no thread and no database connection. What comes out is a verdict for the writer, or None when
what is known here decides: because no backend is configured, or by the fallback `own`.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock
from time import monotonic
from typing import Any

from prometheus_client import Counter

from csms.core.backend.answers import Refused, RegistrationVerdict, TokenVerdict
from csms.core.backend.client import BackendAway, Client, idempotency_key
from csms.core.config import Config, get_config

log = logging.getLogger(__name__)

FALLBACKS = Counter(
    "csms_backend_fallbacks_total",
    "Questions that the backend did not answer, by what decided instead.",
    ["endpoint", "fallback"],
)
CACHED = Counter(
    "csms_backend_cached_answers_total", "Questions about id tokens that were answered from memory."
)

ACCEPTED_FOR = timedelta(minutes=5)  # by the fallback `accept`
REMEMBERED_MAX = 50_000  # answers
OF_A_PLACE = frozenset({"NotAllowedTypeEVSE", "NotAtThisLocation"})
"""Answers that hold where they were asked for; elsewhere the token may be welcome."""


class Backend:
    """The backend as the hot path sees it: one a process."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.client = Client(config, ("authorize", "register"))
        self._lock = Lock()
        self._known: OrderedDict[str, tuple[float, TokenVerdict]] = OrderedDict()

    # -- id tokens --

    def remembered(self, token: str) -> TokenVerdict | None:
        """Return what the backend said of a token lately, at whatever charge point; may be called in any thread."""
        with self._lock:
            until, verdict = self._known.get(token, (0.0, None))
        if verdict is None or monotonic() >= until:
            return None
        if verdict.expires_at is not None and verdict.expires_at <= datetime.now(UTC):
            return None
        CACHED.inc()
        return replace(verdict, source="cache")

    async def authorize(
        self,
        *,
        token: str,
        cp_id: str,
        message: str,
        known_as: str,
        trace: str,
        token_type: str = "",
        evse_id: int | None = None,
    ) -> TokenVerdict | None:
        """Ask about a token; `known_as` is the form in which it is compared, `message` what makes the question one.

        What only OCPP 2.x tells, `token_type` and `evse_id`, is asked with only where it was told.
        """
        told: dict[str, Any] = {"token_type": token_type} if token_type else {}
        told |= {} if evse_id is None else {"evse_id": evse_id}
        try:
            verdict = await self._ask_about({"id_tag": token, "cp_id": cp_id, **told}, message, trace)
        except Refused as refused:
            log.info("backend.token_refused", extra={"cp_id": cp_id, "code": refused.code})
            verdict = TokenVerdict("Invalid")
            if refused.code != "UNKNOWN_ID_TAG":
                return verdict  # it was about more than the token, which may be welcome elsewhere
        except BackendAway as away:
            return self._instead(away, cp_id)
        self._remember(known_as, verdict)
        return verdict

    async def _ask_about(self, question: Mapping[str, Any], message: str, trace: str) -> TokenVerdict:
        # The token is not in the key, which proxies log; what is one question is told by a digest.
        digest = sha256(f"{question['id_tag']}\x1f{message}".encode()).hexdigest()[:32]
        key = idempotency_key("ocpp-auth", question["cp_id"], digest)
        verdict: TokenVerdict = await self.client.ask("authorize", question, key=key, trace=trace)
        return verdict

    def _instead(self, away: BackendAway, cp_id: str) -> TokenVerdict | None:
        fallback = self.config.backend_authorize_fallback
        _tell("authorize", fallback, away, cp_id)
        if fallback == "own":
            return None
        if fallback == "reject":
            return TokenVerdict("Invalid", source="reject")
        return TokenVerdict("Accepted", expires_at=datetime.now(UTC) + ACCEPTED_FOR, source="accept")

    def _remember(self, token: str, verdict: TokenVerdict) -> None:
        if not (seconds := self.config.backend_cache_seconds) or verdict.status in OF_A_PLACE:
            return
        with self._lock:
            self._known[token] = monotonic() + seconds, verdict
            self._known.move_to_end(token)
            while len(self._known) > REMEMBERED_MAX:
                self._known.popitem(last=False)

    # -- charge points --

    async def register(
        self, *, cp_id: str, facts: Mapping[str, str], at: datetime, message: str, trace: str
    ) -> RegistrationVerdict | None:
        """Ask about a charge point that boots; `facts` are vendor, model, firmware_version, serial_number."""
        question: dict[str, Any] = {"cp_id": cp_id, **facts, "boot_at": at}
        digest = sha256(message.encode()).hexdigest()[:32]
        try:
            verdict: RegistrationVerdict = await self.client.ask(
                "register", question, key=idempotency_key("ocpp-boot", cp_id, digest), trace=trace
            )
            return verdict
        except Refused as refused:
            if refused.code == "UNKNOWN_CP_ID":
                log.info("backend.charge_point_refused", extra={"cp_id": cp_id, "code": refused.code})
                return RegistrationVerdict("Rejected")
            away = BackendAway("refused", str(refused))  # it could not read the question, and has no opinion
        except BackendAway as error:
            away = error
        fallback = self.config.backend_register_fallback
        _tell("register", fallback, away, cp_id)
        if fallback == "own":
            return None
        return RegistrationVerdict("Rejected" if fallback == "reject" else "Accepted", source=fallback)


def _tell(endpoint: str, fallback: str, away: BackendAway, cp_id: str) -> None:
    FALLBACKS.labels(endpoint, fallback).inc()
    # While the breaker is open there is one line for its opening, and none for each question.
    level = logging.DEBUG if away.outcome == "not_asked" else logging.WARNING
    log.log(
        level,
        "backend.fallback",
        extra={"endpoint": endpoint, "fallback": fallback, "cp_id": cp_id, "error": str(away)[:300]},
    )


_backend: Backend | None = None


def get_backend() -> Backend | None:
    """Return the backend of this process, None when none is configured."""
    global _backend
    config = get_config()
    if not config.backend_base_url:
        return None
    if _backend is None or (_backend.config is not config and _asked(_backend.config) != _asked(config)):
        _backend = Backend(config)
    _backend.config = config  # of a change that is not the backend's, what it said lately is kept
    return _backend


def _asked(config: Config) -> dict[str, Any]:
    """Return what the settings say of the backend."""
    return {name: getattr(config, name) for name in Config.model_fields if name.startswith("backend_")}


def forget_backend() -> None:
    """Forget answers, breakers and connections; for tests, whose backends come and go."""
    global _backend
    _backend = None
