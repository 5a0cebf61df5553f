"""From a fault to the right people and back to quiet, with nothing but a server of ours, whose clock looks by itself.

The charge points are of the `ocpp` package, the mail server and the receiver are real, and all that people do is done
by the API. In between the server dies as by a power failure. Both stories have the same server, one after the other.
"""

from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.alerts.story import OPEN, PATIENCE, SITE, Api, signed_by, station, subjects
from tests.paths.store import rows, write
from tests.support.charger import eventually
from tests.support.mail import MailServer, mailing
from tests.support.receiver import Message, Receiver, receiving
from tests.support.server import Server, running_server

RULE = "depot-fault"
STILL_OPEN = "SELECT 1 FROM chargers_connection WHERE closed_at IS NULL"
FIRED_AT = "UPDATE alerts_alert SET fired_at = %s WHERE rule = 'depot-fault'"
EVENTS = "SELECT type FROM events_event WHERE type LIKE 'alert.%' ORDER BY id"


@dataclass
class Told:
    """Who is told: by mail, and at a receiver of two channels."""

    mail: MailServer
    receiver: Receiver
    secrets: dict[str, str]

    def posted(self, channel: str, type: str = "", cp_id: str = "") -> list[Message]:
        """What a channel was posted, each message once however often it came; of one charge point, if it is named."""
        found = {
            message.headers["webhook-id"]: message
            for message in list(self.receiver.messages)
            if message.path == f"/{channel}"
            and type in ("", message.json["type"])
            and cp_id in ("", *(alert["cp_id"] for alert in message.json["data"]["alerts"]))
        }
        return list(found.values())

    def mailed(self, *words: str) -> list[str]:
        """The subjects of the mails in which all these words are, each mail once."""
        mails = {mail.message["Message-ID"]: mail for mail in list(self.mail.mails)}
        return [
            subject for subject in subjects(list(mails.values())) if all(word in subject for word in words)
        ]

    def both(self, type: str, begin: str, cp_id: str) -> bool:
        """Whether both channels were told something of a charge point."""
        return bool(self.posted("desk", type, cp_id) and self.mailed(begin, f"({cp_id})"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, new_database: Callable[..., str]) -> Iterator[Server]:
    """The server of both stories."""
    with running_server(tmp_path_factory.mktemp("story"), new_database(), **OPEN) as server:
        yield server
        assert "Traceback" not in server.log()


@pytest.fixture(scope="module")
def api(server: Server) -> Api:
    """Its API."""
    return Api(server)


# --- the rules that are shipped ---------------------------------------------------------------------------------------


def an_hour_ago(server: Server) -> None:
    """Let all that was be an hour ago; not while the clock looks, which holds the first row."""
    now = datetime.now(UTC)
    then = now - timedelta(hours=1)
    write(
        server,
        ("UPDATE alerts_evaluation SET at = %s", now),
        ("UPDATE chargers_process SET started_at = %s", now - timedelta(hours=2)),
        ("UPDATE chargers_connection SET opened_at = %s, closed_at = %s", then, then),
        ("UPDATE chargers_connector SET received_at = %s, status_at = %s", then, then),
        ("UPDATE alerts_alert SET began_at = %s WHERE rule = 'connector-faulted'", then),
    )


async def test_a_charge_point_faults_goes_away_and_comes_back(server: Server, api: Api) -> None:
    async def counted() -> dict[str, Any]:
        found: dict[str, Any] = (await api.ask("GET", "summary/"))["alerts"]
        return found

    async def of_both(firing: int, acknowledged: int) -> bool:
        found = await counted()
        return (found["firing"], found["acknowledged"]) == (firing, acknowledged)

    async def has_looked() -> bool:
        return bool((await counted())["evaluated_at"])

    async with station(server, "CP16") as one:
        await one.faults()
    # What must last is soon told in a test: the store says that all this was an hour ago.
    await eventually(lambda: not rows(server, STILL_OPEN), PATIENCE)
    await eventually(has_looked, PATIENCE)
    an_hour_ago(server)
    await eventually(lambda: of_both(2, 0), PATIENCE)
    found = await counted()
    assert found["by_severity"] == {"critical": 2, "warning": 0, "info": 0}
    assert found["pending"] == 0
    assert found["evaluated_at"]
    alerts = {alert["rule"]: alert for alert in await api.rows("alerts/?open=true")}
    assert set(alerts) == {"charge-point-offline", "connector-faulted"}
    fault = alerts["connector-faulted"]
    assert (fault["cp_id"], fault["connector_id"]) == ("CP16", 1)
    shown = await api.ask("POST", f"alerts/{fault['id']}/acknowledge/", {"note": "on my way"})
    assert shown["state"] == "acknowledged"
    assert await of_both(1, 1)

    async with station(server, "CP16") as one:
        await one.is_now("Available")
        await eventually(lambda: of_both(0, 0), PATIENCE)
    happened = [entry["what"] for entry in (await api.ask("GET", f"alerts/{fault['id']}/"))["timeline"]]
    # Nobody is told of the fault of one that is not there at all.
    assert "quiet" in happened
    assert [what for what in happened if what not in ("quiet", "loud")] == [
        "began",
        "fired",
        "acknowledged",
        "resolved",
    ]
    assert [type for (type,) in rows(server, EVENTS)] == ["alert.fired"] * 2 + ["alert.resolved"] * 2


# --- a rule, channels and people --------------------------------------------------------------------------------------


@pytest.fixture
def people() -> Iterator[Told]:
    with ExitStack() as stack:
        yield Told(stack.enter_context(mailing()), stack.enter_context(receiving()), {})


async def set_up(api: Api, people: Told) -> None:
    """Channels, a rule that fires at once, and its route: two at once, the chief after a minute."""
    channels = [await api.mail_channel("mail", people.mail.port)]
    for name in ("desk", "chief"):
        channel = await api.webhook_channel(name, f"{people.receiver.origin}/{name}")
        people.secrets[name] = channel["made"]["signing_secret"]
        channels.append(channel)
    rule = {
        "slug": RULE,
        "name": "A charger of the depot is faulted",
        "about": "faulted",
        "severity": "critical",
        "lasting_seconds": 0,
        "scope": {"sites": [SITE]},
        "group_by": ["rule", "charge_point"],
        "advice": "Call the electrician.",
    }
    await api.ask("POST", "alert-rules/", rule)
    steps = [
        {"channel_id": channel["id"], "after_minutes": minutes}
        for channel, minutes in zip(channels, (0, 0, 1), strict=True)
    ]
    await api.ask("PUT", f"alert-routes/{RULE}/", {"steps": steps})


async def the_alert(api: Api, cp_id: str) -> dict[str, Any] | None:
    """The open alert of a charge point by the rule, if it fires."""
    rows = await api.rows(f"alerts/?rule={RULE}&open=true&cp_id={cp_id}")
    return next((row for row in rows if row["state"] != "pending"), None)


async def comes(server: Server, stack: AsyncExitStack, api: Api, cp_id: str, name: str) -> Any:
    """A station that people have given a name and a site."""
    one = await stack.enter_async_context(station(server, cp_id))
    await api.ask("PATCH", f"charge-points/{cp_id}/", {"name": name, "site": SITE})
    return one


async def test_a_fault_is_told_escalated_silenced_and_over_and_a_crash_loses_nothing(
    server: Server, api: Api, people: Told
) -> None:
    await set_up(api, people)
    first = await faults_once_and_is_acknowledged(server, api, people)
    await another_faults_and_the_server_dies(server, api, people)
    await nobody_looks_after_the_other_one(server, api, people, first)
    await all_is_well_and_the_next_fault_is_silenced(server, api, people)
    assert {signed_by(people.secrets["desk"], message) for message in people.posted("desk")} == {True}


async def faults_once_and_is_acknowledged(server: Server, api: Api, people: Told) -> str:
    """Both channels are told of it with its name; saying it again is no news."""
    async with AsyncExitStack() as stack:
        one = await comes(server, stack, api, "CP1", "Gate north")
        await one.faults()
        await eventually(lambda: people.both("alert.fired", "[CRITICAL]", "CP1"), PATIENCE)
        [posted], [subject] = people.posted("desk"), people.mailed()
        assert (
            subject
            == "[CRITICAL] A charger of the depot is faulted: Gate north (CP1), connector 1, site Depot"
        )
        text = people.mail.mails[0].part("plain")
        assert "GroundFailure" in text
        assert "What to do: Call the electrician." in text
        assert people.mail.mails[0].recipients == ["oncall@example.org"]
        [told] = posted.json["data"]["alerts"]
        assert (told["cp_id"], told["charge_point_name"], told["connector_id"]) == ("CP1", "Gate north", 1)
        assert signed_by(people.secrets["desk"], posted)
        assert not signed_by(people.secrets["chief"], posted)
        await one.faults()  # when the other one is told of, this has been looked at
        alert = await the_alert(api, "CP1")
        assert alert is not None
        shown = await api.ask("POST", f"alerts/{alert['id']}/acknowledge/", {"note": "on my way"})
        assert (shown["state"], shown["times"]) == ("acknowledged", 1)
        return str(alert["id"])


async def another_faults_and_the_server_dies(server: Server, api: Api, people: Told) -> None:
    """What was answered is stored, and what is stored is told."""
    async with AsyncExitStack() as stack:
        other = await comes(server, stack, api, "CP2", "Gate south")
        await other.faults()
        server.kill()
    server.start()
    await eventually(lambda: people.both("alert.fired", "[CRITICAL]", "CP2"), PATIENCE)
    assert [len(people.posted("desk", "alert.fired", cp_id)) for cp_id in ("CP1", "CP2")] == [1, 1]
    assert [len(people.mailed(f"({cp_id})")) for cp_id in ("CP1", "CP2")] == [1, 1]


async def nobody_looks_after_the_other_one(server: Server, api: Api, people: Told, first: str) -> None:
    """The chief is told of it, and not of the one that somebody looks after."""
    assert people.posted("chief") == []
    write(server, (FIRED_AT, datetime.now(UTC) - timedelta(minutes=2)))
    [escalated] = await eventually(lambda: people.posted("chief"), PATIENCE)
    assert escalated.json["type"] == "alert.escalated"
    assert [alert["cp_id"] for alert in escalated.json["data"]["alerts"]] == ["CP2"]
    assert signed_by(people.secrets["chief"], escalated)
    happened = [entry["what"] for entry in (await api.ask("GET", f"alerts/{first}/"))["timeline"]]
    assert {"began", "fired", "told", "acknowledged"} <= set(happened)
    assert "escalated" not in happened


async def all_is_well_and_the_next_fault_is_silenced(server: Server, api: Api, people: Told) -> None:
    """The end is told to whoever was told of the begin; while a silence holds nobody is."""
    async with AsyncExitStack() as stack:
        one = await comes(server, stack, api, "CP1", "Gate north")
        other = await comes(server, stack, api, "CP2", "Gate south")
        for each in (one, other):
            await each.is_now("Available")
        for cp_id in ("CP1", "CP2"):
            await eventually(lambda cp_id=cp_id: people.both("alert.resolved", "[RESOLVED]", cp_id), PATIENCE)
        await eventually(lambda: people.posted("chief", "alert.resolved", "CP2"), PATIENCE)
        assert await the_alert(api, "CP1") is None
        before = len(people.receiver.messages), len(people.mail.mails)

        now = datetime.now(UTC)
        silence = await api.ask(
            "POST",
            "alert-silences/",
            {
                "matchers": [{"name": "site", "op": "=", "value": SITE}],
                "starts_at": now.isoformat(),
                "ends_at": (now + timedelta(hours=1)).isoformat(),
                "comment": "The electrician is there.",
            },
        )
        await one.faults()
        alert = await eventually(lambda: the_alert(api, "CP1"), PATIENCE)
        assert alert["silenced_by"] == silence["id"]
        log = await api.rows(f"notifications/?alert_id={alert['id']}")
        assert {row["channel_name"] for row in log} == {"mail", "desk"}
        assert {(row["kind"], row["state"]) for row in log} == {("fired", "suppressed")}
        await one.is_now("Available")

        async def is_over() -> bool:
            return await the_alert(api, "CP1") is None

        await eventually(is_over, PATIENCE)
        log = await api.rows(f"notifications/?alert_id={alert['id']}")
        assert {row["state"] for row in log} == {"suppressed"}
        assert (len(people.receiver.messages), len(people.mail.mails)) == before
