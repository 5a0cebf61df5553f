"""What was recorded before types were published gets their published names, so that it leaves under them."""

from django.db import migrations

PUBLISHED = {
    "security.event": "cp.security_event",
    "cp.firmware": "cp.firmware_status",
    "cp.log": "cp.diagnostics_status",
}


def rename(apps, schema_editor):
    events = apps.get_model("events", "Event").objects
    for before, published in PUBLISHED.items():
        events.filter(type=before).update(type=published)


class Migration(migrations.Migration):
    dependencies = [("events", "0004_events_in_partitions")]

    operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
