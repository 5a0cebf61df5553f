from csms.core.partition_migrations import PartitionTable
from csms.core.partitions import Period
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_events_of_a_charge_point"),
    ]

    operations = [
        PartitionTable("events_event", Period.DAY),
    ]
