from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chargers", "0019_connection_compressed"),
        ("network", "0002_called_off"),
    ]

    operations = [
        migrations.AddField(
            model_name="profilechange",
            name="set_back_by",
            field=models.UUIDField(help_text="the command that last told it to set that back", null=True),
        ),
        migrations.AddField(
            model_name="profilechange",
            name="set_back_due",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="whether its order of slots is still to be set back",
            ),
        ),
        migrations.AddField(
            model_name="profilechange",
            name="set_back_on",
            field=models.UUIDField(help_text="the connection on which it was told that", null=True),
        ),
        migrations.AddIndex(
            model_name="profilechange",
            index=models.Index(
                condition=models.Q(("set_back_due", True)),
                fields=["charge_point"],
                name="profilechange_set_back",
            ),
        ),
    ]
