from csms.core.partition_migrations import PartitionTable
from csms.core.partitions import Period
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("transactions", "0007_active_by_start"),
    ]

    operations = [
        PartitionTable("transactions_metervalue", Period.MONTH),
    ]
