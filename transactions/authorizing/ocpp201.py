"""OCPP 2.0.1 of authorization and the cache of tokens. Wire words become neutral here."""

from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from chargers.certificates.contracts import Contract, ContractStatus, check_contract
from chargers.certificates.ocsp import Asked as AskedOfResponder
from chargers.commands.ordering import Order
from chargers.commands.saying import renamed
from chargers.handling import Asked, Call, Handler, Question
from csms.core.backend.answers import TokenStatus, TokenVerdict
from transactions.asking import ask_about_token
from transactions.authorization import Authorization
from transactions.authorizing.verdicts import id_token_info, verdict_on
from transactions.counts import AUTHORIZATIONS, OWN


@dataclass(frozen=True, slots=True)
class Opinions:
    """What was said outside before a message was handled: of its token by the backend, of its contract by OCSP."""

    token: TokenVerdict | None
    contract: ContractStatus


def ask(question: Question) -> Any:
    """Ask the backend about the token, and the responders about the contract of the car, if there is one."""
    contract = read_contract(question.payload)
    return _ask_about_token(question) if contract is None else _ask_about_both(question, contract)


def _ask_about_token(question: Question) -> Any:
    id_token = question.payload["idToken"]
    return ask_about_token(question, id_token["idToken"], type=id_token["type"])


async def _ask_about_both(question: Question, contract: Contract) -> Opinions:
    checked = await check_contract(contract, cp_id=question.holder.cp_id, now=question.received_at)
    if checked != "Accepted":
        return Opinions(None, checked)  # the token counts for nothing
    said = _ask_about_token(question)
    return Opinions(await said if isinstance(said, Coroutine) else said, checked)


def read_contract(payload: dict[str, Any]) -> Contract | None:
    """Return what an Authorize says of the contract in a car, None if it says nothing (2.0.1, C07)."""
    told = payload.get("iso15118CertificateHashData", ())
    if not told and not payload.get("certificate"):
        return None
    asked = tuple(
        AskedOfResponder(
            one["hashAlgorithm"],
            one["issuerNameHash"],
            one["issuerKeyHash"],
            one["serialNumber"],
            one["responderURL"],
        )
        for one in told
    )
    return Contract(payload["idToken"]["idToken"], asked, payload.get("certificate", ""))


# S2-27: of a valid contract whose driver may not charge.
CANCELLED = frozenset({"Blocked", "Expired", "Invalid", "Unknown"})


def authorize(call: Call) -> dict[str, Any]:
    """2.0.1, C01 to C09. A contract whose certificates nobody has looked at counts for nothing."""
    opinions = call.verdict
    said: TokenVerdict | None = opinions.token if isinstance(opinions, Opinions) else opinions
    contract: ContractStatus | None = opinions.contract if isinstance(opinions, Opinions) else None
    verdict = verdict_on(replace(call, verdict=said), call.payload["idToken"])
    if contract is None and read_contract(call.payload) is not None:
        contract = "CertChainError"
    answer: dict[str, Any] = {}
    if contract is not None and contract != "Accepted":
        # Nothing is told of the token: whose it is has not been shown. Nor is it cached: a responder may be back soon.
        status: TokenStatus = "Expired" if contract == "CertificateExpired" else "Invalid"
        verdict = Authorization(status, cached_until=call.received_at)
        answer["certificateStatus"] = contract
    elif contract is not None:
        answer["certificateStatus"] = "ContractCancelled" if verdict.status in CANCELLED else contract
    AUTHORIZATIONS.add(verdict.status, OWN if said is None else said.source)
    return {"idTokenInfo": id_token_info(verdict), **answer}


CALLS: dict[str, Handler] = {"Authorize": Asked(ask, authorize)}

ORDERS: dict[str, Order] = {"clear-cache": Order("ClearCache", lambda params: {}, said=renamed({}))}
