from django.db import migrations, models


class Migration(migrations.Migration):
    # Apart from the filling: PostgreSQL alters no table in the transaction that has changed its rows.

    dependencies = [
        ('chargers', '0016_places'),
    ]

    operations = [
        migrations.AddConstraint(
            model_name='connector',
            constraint=models.UniqueConstraint(fields=('charge_point', 'evse_number', 'evse_connector'), name='connector_place'),
        ),
    ]
