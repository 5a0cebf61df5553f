from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('configuration', '0002_attributes_of_variables'),
    ]

    operations = [
        migrations.AddField(
            model_name='configurationkey',
            name='set_at',
            field=models.DateTimeField(help_text='when it took a value that is not kept, being secret or one that cannot be read', null=True),
        ),
        migrations.AddField(
            model_name='configurationreading',
            name='stale',
            field=models.BooleanField(db_default=True, default=True, help_text='whether all of it is to be read, in 2.x; else only what was changed or is desired'),
        ),
    ]
