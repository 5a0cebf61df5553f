# What OCPP 2.x tells of the tokens on a list.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('local_lists', '0003_entries_by_token'),
    ]

    operations = [
        migrations.AddField(
            model_name='locallistentry',
            name='type',
            field=models.CharField(blank=True, db_default='', default='', help_text="in OCPP's words; empty on lists of 1.6", max_length=20),
        ),
        migrations.AddField(
            model_name='locallistentry',
            name='evses',
            field=models.JSONField(db_default=[], default=list, help_text='the only ones that it may use; none = all'),
        ),
        migrations.RemoveConstraint(model_name='locallistentry', name='locallistentry_caseless'),
        migrations.AddConstraint(
            model_name='locallistentry',
            constraint=models.UniqueConstraint(fields=('local_list', 'key', 'type'), name='locallistentry_caseless'),
        ),
    ]
