from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_places'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='event', name='event_cp'),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['cp_id', 'position'], name='event_cp_position'),
        ),
    ]
