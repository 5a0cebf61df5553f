import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("local_lists", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="locallist",
            name="planned",
            field=models.CharField(
                blank=True,
                help_text="the state of the token table from which its parts were made",
                max_length=100,
            ),
        ),
        migrations.CreateModel(
            name="LocalListPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entries", models.JSONField(help_text="as in the parameters of the command")),
                (
                    "local_list",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="parts",
                        to="local_lists.locallist",
                    ),
                ),
            ],
        ),
    ]
