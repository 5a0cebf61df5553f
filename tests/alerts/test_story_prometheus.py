"""The same story where Prometheus and Alertmanager of the Debian packages watch and tell; the house writes for them.

Prometheus scrapes a running server, a rule that was made by the API fires on what a charge point says, and
Alertmanager, which runs on the channels that were made by the API, tells a mail server and a receiver.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.external import client
from tests.alerts.story import OPEN, PATIENCE, SITE, Api, Refused, station, subjects
from tests.lanes.prometheus import Alertmanager, Prometheus
from tests.support.charger import eventually
from tests.support.mail import MailServer, mailing
from tests.support.receiver import Receiver, receiving
from tests.support.server import Server, running_server

FAULTED = 'csms_charge_points{state="faulted"} > 0'
MAILED, POSTED = "DepotFaulted", "DepotFaultedDesk"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mailing() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@asynccontextmanager
async def watched(
    folder: Path, database_url: str, prometheus: Prometheus, alertmanager: Alertmanager
) -> AsyncIterator[Server]:
    """A server that drives both, and is scraped."""
    alertmanager.config.unlink()  # it is read once, at the start; from now on the file is ours
    told = {
        "PROMETHEUS_URL": prometheus.url,
        "PROMETHEUS_RULES_FILE": str(prometheus.rules / "console-managed.yml"),
        "ALERTMANAGER_URL": alertmanager.url,
        "ALERTMANAGER_CONFIG_FILE": str(alertmanager.config),
        "CSMS_ALERTMANAGER_GROUP_WAIT": "1",
        "CSMS_ALERTMANAGER_GROUP_INTERVAL": "1",
        "CSMS_ALERTING_SECONDS": "30",
    }
    with running_server(folder, database_url, **OPEN, **told) as server:
        # A scrape that a busy machine is late with would be the end of the alert.
        prometheus.configure(
            targets=(f"127.0.0.1:{server.port}",), alertmanagers=(alertmanager.address,), every="3s"
        )
        client.reload(client.Address(prometheus.url, "", 30))
        yield server


async def test_prometheus_sees_a_fault_alertmanager_tells_it_and_what_is_written_badly_never_gets_there(
    tmp_path: Path,
    database_url: str,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    mail: MailServer,
    receiver: Receiver,
) -> None:
    async with watched(tmp_path, database_url, prometheus, alertmanager) as server:
        api = Api(server)
        await api.mail_channel("mail", mail.port)
        # Debian's Alertmanager is older than 0.26, and reads no URL from a file.
        await api.webhook_channel("desk", f"{receiver.origin}/desk", alertmanager="open")
        await rules_are_made(api)
        await a_bad_one_changes_nothing(api, prometheus)
        async with station(server, "CP1") as charger:
            await api.ask("PATCH", "charge-points/CP1/", {"name": "Gate north", "site": SITE})
            await charger.faults()
            await eventually(lambda: posted(receiver, "firing") and subjects(mail.mails), PATIENCE)
            [message] = posted(receiver, "firing")
            assert message["commonAnnotations"]["summary"] == "1 charge points are faulted"
            assert MAILED in subjects(mail.mails)[0]
            [shown] = await firing(api, POSTED)
            assert (shown["severity"], shown["value"]) == ("critical", "1e+00")

            await charger.is_now("Available")
            await eventually(lambda: posted(receiver, "resolved"), PATIENCE)
            await eventually(lambda: any("RESOLVED" in subject for subject in subjects(mail.mails)), PATIENCE)
            assert await firing(api, POSTED) == []

            await the_next_one_is_silenced(api, charger, receiver)


async def rules_are_made(api: Api) -> None:
    """Two rules over the same figure: the one names a channel, the other leaves it to the default one."""
    for name, labels in ((MAILED, {}), (POSTED, {"channel": "desk"})):
        rule = {
            "name": name,
            "expression": FAULTED,
            "severity": "critical",
            "summary": "{{ $value }} charge points are faulted",
            "labels": labels,
        }
        await api.ask("POST", "prometheus/rules/", rule)

    async def in_step() -> bool:
        now = await api.ask("GET", "prometheus/"), await api.ask("GET", "alertmanager/")
        return [one[what]["standing"] for one, what in zip(now, ("rules", "channels"), strict=True)] == [
            "in_step"
        ] * 2

    await eventually(in_step, PATIENCE)
    assert (await api.ask("GET", "alertmanager/"))["left_out"] == []


async def a_bad_one_changes_nothing(api: Api, prometheus: Prometheus) -> None:
    """It is refused before anything is written, and Prometheus goes on with what it has."""
    file = prometheus.rules / "console-managed.yml"
    text, loaded = file.read_bytes(), await loaded_rules(api)
    assert set(loaded) == {(MAILED, FAULTED), (POSTED, FAULTED)}
    bad = "csms_charge_points{state=} >"
    with pytest.raises(Refused) as refused:
        await api.ask("POST", "prometheus/rules/", {"name": "Bad", "expression": bad})
    assert refused.value.status == 422
    assert "expression" in refused.value.said["error"]["errors"]
    [rule] = [row for row in await api.rows("prometheus/rules/") if row["name"] == MAILED]
    with pytest.raises(Refused) as refused:
        await api.ask("PATCH", f"prometheus/rules/{rule['id']}/", {"expression": bad})
    assert refused.value.status == 422
    await api.ask("POST", "prometheus/rules/bring/")
    assert (file.read_bytes(), await loaded_rules(api)) == (text, loaded)


async def the_next_one_is_silenced(api: Api, charger: Any, receiver: Receiver) -> None:
    """Nobody is told while the silence holds; that it was the silence is seen when it is ended."""
    silence = await api.ask(
        "POST",
        "alertmanager/silences/",
        {
            "matchers": [{"name": "alertname", "operator": "=~", "value": "Depot.*"}],
            "ends_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
            "comment": "The electrician is there.",
        },
    )
    await charger.faults()

    async def state() -> str:
        found = [row for row in await api.rows("alertmanager/alerts/") if row["name"] == POSTED]
        return str(found[0]["state"]) if found else ""

    async def is_suppressed() -> bool:
        return await state() == "suppressed"

    await eventually(is_suppressed, PATIENCE)
    assert len(await firing(api, POSTED)) == 1
    assert len(posted(receiver, "firing")) == 1
    await api.ask("DELETE", f"alertmanager/silences/{silence['id']}/")
    await eventually(lambda: len(posted(receiver, "firing")) == 2, PATIENCE)


def posted(receiver: Receiver, status: str) -> list[dict[str, Any]]:
    """What the desk was posted."""
    found = [message.json for message in list(receiver.messages) if message.path == "/desk"]
    return [message for message in found if message["status"] == status]


async def firing(api: Api, name: str) -> list[dict[str, Any]]:
    """The alerts of Prometheus of this name that fire, as the API shows them."""
    rows = await api.rows("prometheus/alerts/")
    return [row for row in rows if (row["name"], row["state"]) == (name, "firing")]


async def loaded_rules(api: Api) -> list[tuple[str, str]]:
    """Name and expression of the rules that Prometheus has loaded, as the API shows them."""
    return sorted((row["name"], row["expression"]) for row in await api.rows("prometheus/loaded-rules/"))
