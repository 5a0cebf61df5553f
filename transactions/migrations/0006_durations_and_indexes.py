import transactions.models
from django.db import migrations, models

FILL = {
    "postgresql": (
        "UPDATE transactions_transaction SET duration_seconds = floor(extract(epoch FROM stopped_at - started_at))"
    ),
    "sqlite": (
        "UPDATE transactions_transaction"
        " SET duration_seconds = django_timestamp_diff(stopped_at, started_at) / 1000000"
    ),
}


def fill(apps, schema_editor):
    """Note how long the transactions took that have ended."""
    schema_editor.execute(FILL[schema_editor.connection.vendor])


class Migration(migrations.Migration):
    dependencies = [
        ("chargers", "0006_site_labels_and_exact_payloads"),
        ("transactions", "0005_offline"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="transaction",
            name="transaction_token",
        ),
        migrations.AddField(
            model_name="transaction",
            name="duration_seconds",
            field=transactions.models.Duration(
                editable=False, help_text="from start to end, once it has ended", null=True
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(fields=["token_key", "-started_at", "-id"], name="transaction_token_started"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("stopped_at__isnull", False)),
                fields=["-stopped_at", "-id"],
                name="transaction_stopped",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("energy_wh__isnull", False)),
                fields=["-energy_wh", "-id"],
                name="transaction_energy",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("duration_seconds__isnull", False)),
                fields=["-duration_seconds", "-id"],
                name="transaction_duration",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("orphan", True)), fields=["-started_at", "-id"], name="transaction_orphan"
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("offline", True)),
                fields=["-started_at", "-id"],
                name="transaction_offline",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("anomalies", []), _negated=True),
                fields=["-started_at", "-id"],
                name="transaction_odd",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("reservation_id__isnull", False)),
                fields=["-started_at", "-id"],
                name="transaction_reserved",
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("end_source", "inferred")),
                fields=["-started_at", "-id"],
                name="transaction_inferred",
            ),
        ),
    ]
