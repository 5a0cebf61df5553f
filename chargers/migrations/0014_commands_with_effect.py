# The commands of which an effect was seen, newest first.

from django.conf import settings
from django.db import migrations, models

from chargers.index_migrations import BuildIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('chargers', '0013_beginnings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BuildIndex(
            model_name='command',
            index=models.Index(condition=models.Q(('effect_at__isnull', False)), fields=['-id'], name='command_effect_seen'),
        ),
    ]
