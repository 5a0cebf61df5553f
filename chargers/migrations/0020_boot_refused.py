from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chargers", "0019_connection_compressed"),
    ]

    operations = [
        migrations.AddField(
            model_name="chargepoint",
            name="boot_refused",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="whether the backend had its last boot answered Rejected",
            ),
        ),
    ]
