from datetime import timedelta

from django.db import migrations, models
from django.db.models import F, Q

LATE = timedelta(minutes=10)


def fill(apps, schema_editor):
    """Mark what was told long after it happened, as it was reckoned until now."""
    started = Q(start_received_at__gt=F("started_at") + LATE)
    stopped = Q(stop_received_at__gt=F("stopped_at") + LATE)
    apps.get_model("transactions", "Transaction").objects.filter(started | stopped).update(offline=True)
    readings = apps.get_model("transactions", "MeterValue").objects
    readings.filter(received_at__gt=F("sampled_at") + LATE).update(offline=True)


class Migration(migrations.Migration):
    dependencies = [
        ("transactions", "0004_end_seen"),
    ]

    operations = [
        migrations.AddField(
            model_name="metervalue",
            name="offline",
            field=models.BooleanField(default=False, help_text="it was told long after it was measured"),
        ),
        migrations.AddField(
            model_name="transaction",
            name="offline",
            field=models.BooleanField(
                default=False, help_text="its start or its end was told long after it happened"
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
