from django.db import migrations, models
from django.db.models import Case, F, When

import chargers.own_evse


def own_evses(apps, schema_editor):
    """What was wanted by numbers of 1.6 is of connectors that have an EVSE of their own."""
    intents = apps.get_model("availability", "AvailabilityIntent")
    intents.objects.update(
        evse_number=F("connector_number"), evse_connector=Case(When(connector_number=0, then=0), default=1)
    )


class Migration(migrations.Migration):
    dependencies = [("availability", "0001_initial")]

    operations = [
        migrations.AddField(
            "availabilityintent",
            "evse_number",
            chargers.own_evse.OwnEvse(default=0, help_text="0 = the whole charge point"),
            preserve_default=False,
        ),
        migrations.AddField(
            "availabilityintent",
            "evse_connector",
            chargers.own_evse.OwnEvse(
                counted=True, default=0, help_text="within its EVSE, from 1; 0 = all of it"
            ),
            preserve_default=False,
        ),
        migrations.RunPython(own_evses, migrations.RunPython.noop, elidable=True),
        migrations.RemoveConstraint("availabilityintent", "availability_of_connector"),
        migrations.AddConstraint(
            "availabilityintent",
            models.UniqueConstraint(
                fields=["charge_point", "evse_number", "evse_connector"], name="availability_of_place"
            ),
        ),
        migrations.AlterModelOptions(
            "availabilityintent", options={"ordering": ["evse_number", "evse_connector"]}
        ),
    ]
