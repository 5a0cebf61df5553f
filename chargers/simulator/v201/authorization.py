"""Who may charge: the server says, or the local list and the cache of the station (OCPP 2.0.1, blocks C and D)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chargers.simulator.clock import moment
from chargers.simulator.link import CallRefused, CallTimeout, LinkDown
from chargers.simulator.v201.variables import DeviceModel

if TYPE_CHECKING:
    from chargers.simulator.v201.station import Station

Payload = dict[str, Any]
MOST_CACHED = 500


@dataclass(frozen=True, slots=True)
class Token:
    """An idToken: the same text in any case and the same type is the same token (OCPP 2.0.1, C01)."""

    text: str
    kind: str = "ISO14443"
    more: list[Payload] = field(default_factory=list, compare=False)  # additionalInfo, as it came

    @classmethod
    def of(cls, payload: Payload) -> "Token":
        return cls(str(payload["idToken"]), str(payload["type"]), payload.get("additionalInfo") or [])

    @property
    def key(self) -> tuple[str, str]:
        return self.text.casefold(), self.kind

    def payload(self) -> Payload:
        about = {"additionalInfo": self.more} if self.more else {}
        return {"idToken": self.text, "type": self.kind, **about}


def group_of(info: Payload | None) -> Token | None:
    """The group that an idTokenInfo names."""
    return Token.of(info["groupIdToken"]) if info and "groupIdToken" in info else None


def verdict(info: Payload, evse: int) -> str:
    """What an idTokenInfo says of this EVSE now."""
    if "cacheExpiryDateTime" in info and moment(info["cacheExpiryDateTime"]) <= datetime.now(UTC):
        return "Expired"
    allowed = info.get("evseId")
    if allowed and evse not in allowed:
        return "NotAtThisLocation"
    return str(info.get("status", "Invalid"))


class LocalList:
    """The local authorization list: tokens with their idTokenInfo, and a version (0: none)."""

    def __init__(self, model: Callable[[], DeviceModel]) -> None:
        self.version = 0
        self._model = model
        self._tokens: dict[tuple[str, str], Payload] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def update(self, request: Payload) -> str:
        """The status of SendLocalListResponse: Accepted, Failed or VersionMismatch."""
        version, entries = int(request["versionNumber"]), request.get("localAuthorizationList") or []
        is_full, model = request["updateType"] == "Full", self._model()
        keys = [Token.of(entry["idToken"]).key for entry in entries]
        too_many = len(entries) > model.number("LocalAuthListCtrlr", "ItemsPerMessage")
        if version <= 0 or too_many or len(set(keys)) < len(keys):
            return "Failed"
        if is_full and not all("idTokenInfo" in entry for entry in entries):
            return "Failed"
        if not is_full and version <= self.version:
            return "VersionMismatch"
        tokens = {} if is_full else dict(self._tokens)
        for key, entry in zip(keys, entries, strict=True):
            if "idTokenInfo" in entry:
                tokens[key] = entry["idTokenInfo"]
            else:
                tokens.pop(key, None)
        if len(tokens) > (model.variable("LocalAuthListCtrlr", "Entries").high or 0):
            return "Failed"
        self._tokens = tokens
        self.version = version if tokens or not is_full else 0  # an empty list is none (D01.FR.04)
        return "Accepted"

    def info(self, token: Token) -> Payload | None:
        """What the list says of a token; None when it says nothing or is switched off."""
        return self._tokens.get(token.key) if self._model().flag("LocalAuthListCtrlr", "Enabled") else None


class Authorizer:
    """The order in which list, cache and server are asked, on line and off line."""

    def __init__(self, station: "Station") -> None:
        self._station = station
        self.cache: dict[tuple[str, str], tuple[Payload, datetime]] = {}

    async def authorize(self, token: Token, evse: int) -> str:
        """The word of AuthorizationStatusEnumType for this token at this EVSE."""
        station, model = self._station, self._station.model
        known = self._known(token)
        if (
            known is not None
            and verdict(known, evse) == "Accepted"
            and model.flag("AuthCtrlr", "LocalPreAuthorize")
        ):
            return "Accepted"
        if station.is_reporting:
            try:
                reply = await station.link.call("Authorize", {"idToken": token.payload()})
            except CallRefused:
                return "Invalid"
            except (CallTimeout, LinkDown):
                return self._offline(token, evse)
            info = reply.get("idTokenInfo") or {}
            self.learn(token, info)
            word = verdict(info, evse)
            if word != "Accepted":
                station.tally.say_once(
                    f"token {word}", f"{station.cp_id}: the server says {word} to token {token.text}"
                )
            return word
        return self._offline(token, evse)

    def learn(self, token: Token, info: Payload) -> None:
        """Keep what the server said of a token, unless the cache is switched off."""
        if not self._station.model.flag("AuthCacheCtrlr", "Enabled"):
            return
        self.cache.pop(token.key, None)
        self.cache[token.key] = (info, datetime.now(UTC))
        while len(self.cache) > MOST_CACHED:
            del self.cache[next(iter(self.cache))]

    def clear(self) -> str:
        """The status of ClearCacheResponse (C11.FR.04: Rejected while there is no cache)."""
        if not self._station.model.flag("AuthCacheCtrlr", "Enabled"):
            return "Rejected"
        self.cache.clear()
        return "Accepted"

    def group(self, token: Token) -> Token | None:
        return group_of(self._known(token))

    def _known(self, token: Token) -> Payload | None:
        """What the station knows by itself; the list comes before the cache (C13, C14)."""
        listed = self._station.local_list.info(token)
        if listed is not None:
            return listed
        info, learned_at = self.cache.get(token.key, (None, datetime.now(UTC)))
        life = timedelta(seconds=self._station.model.number("AuthCacheCtrlr", "LifeTime"))
        enabled = self._station.model.flag("AuthCacheCtrlr", "Enabled")
        return info if enabled and (not life or datetime.now(UTC) < learned_at + life) else None

    def _offline(self, token: Token, evse: int) -> str:
        model, known = self._station.model, self._known(token)
        if known is not None and model.flag("AuthCtrlr", "LocalAuthorizeOffline"):
            return verdict(known, evse)
        return "Accepted" if model.flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled") else "Unknown"
