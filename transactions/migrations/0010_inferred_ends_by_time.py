"""Ends that were inferred are found by their time: the desk of stuck sessions looks at those of the last weeks."""

from django.db import migrations, models

from chargers.index_migrations import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("transactions", "0009_unmatched_readings"),
    ]

    operations = [
        BuildIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("end_source", "inferred")),
                fields=["stopped_at"],
                name="transaction_inferred_stop",
            ),
        ),
    ]
