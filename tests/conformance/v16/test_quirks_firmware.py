"""Quirk C8: charge points that cut off long URLs, speak one protocol only, and say Uploading without end."""

import pytest

from chargers.commands.ordering import CommandRefused
from chargers.diagnostics.models import LogJob
from chargers.diagnostics.uploads import URL_MAX
from chargers.jobs import State
from chargers.traits.models import ChargePointTraits
from csms.core.events.models import Event
from tests.conformance.v16.cast import cp16, fresh
from tests.conformance.v16.test_diagnostics import ELSEWHERE, claim, job_of
from tests.conformance.v16.test_firmware import claim as firmware_claim
from tests.conformance.v16.test_firmware import updating
from tests.diagnostics.cast import at_home
from tests.support.house import House


async def test_quirk_c8_a_flood_of_one_status_is_counted_in_one_row(house: House):
    async with cp16(house) as charger:
        job = job_of(await charger.hears("get-diagnostics", {"fileName": "d"}, location=ELSEWHERE))
        await claim(charger, *["Uploading"] * 50, "Uploaded", *["Uploaded"] * 3, *["Uploading"] * 5)
        assert fresh(job).state == State.SUCCEEDED
        rows = [(row.status, row.count, row.flag) for row in job.reports.order_by("pk")]
        assert rows == [("Uploading", 55, ""), ("Uploaded", 4, "")]
        # running, uploading, uploaded, and once more Uploading after the end: what repeats itself is told to nobody
        assert Event.objects.filter(cp_id=charger.row.cp_id, type="cp.diagnostics_status").count() == 4


async def test_quirk_c8_so_is_a_flood_about_firmware(house: House):
    async with cp16(house) as charger:
        job = await updating(charger)
        await firmware_claim(charger, *["Downloading"] * 30)
        assert [(row.status, row.count) for row in job.reports.all()] == [("Downloading", 30)]


async def test_quirk_c8_our_urls_are_short(house: House):
    async with cp16(house) as charger:
        with at_home(house, "https://" + "a" * 60 + "." + "b" * 60 + ".example/csms"):
            charger.order("get-diagnostics")
        location = (await charger.expect("GetDiagnostics"))["location"]
        assert len(location) <= URL_MAX == 200
        assert LogJob.objects.filter(charge_point=charger.row).exists()


async def test_quirk_c8_one_that_speaks_only_ftp_or_takes_only_short_urls_is_given_what_it_can_use(
    house: House,
):
    async with cp16(house) as charger:
        protocols = {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP"}
        await charger.hears("get-configuration", {"configurationKey": [protocols]})
        with pytest.raises(CommandRefused, match="uploads by FTP only"):
            charger.order("get-diagnostics")
        command = await charger.hears("get-diagnostics", {"fileName": "d"}, location=ELSEWHERE)
        assert command.payload == {"location": ELSEWHERE}
        ChargePointTraits.objects.create(
            charge_point=charger.row, traits={"upload_url_max": 100}, changed_at=command.created_at
        )
        with pytest.raises(CommandRefused, match="this charge point takes 100"):
            charger.order("update-firmware", location="https://store.example/fw?signature=" + "a" * 1700)
        assert LogJob.objects.filter(charge_point=charger.row).count() == 1
