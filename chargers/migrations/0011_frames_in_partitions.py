from csms.core.partition_migrations import PartitionTable
from csms.core.partitions import Period
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("chargers", "0010_charge_points_left_out"),
    ]

    operations = [
        PartitionTable("chargers_frame", Period.DAY),
    ]
