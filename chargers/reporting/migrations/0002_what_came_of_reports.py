from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reporting', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='report',
            name='about',
            field=models.CharField(blank=True, default='', help_text='what was asked for, such as FullInventory; empty if nobody asked', max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='report',
            name='outcome',
            field=models.TextField(blank=True, default='', help_text='what came of it when it was used'),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='report',
            name='repeats',
            field=models.UUIDField(help_text='the report with missing parts that was asked for once more by this one', null=True),
        ),
        migrations.AddField(
            model_name='report',
            name='size',
            field=models.PositiveIntegerField(default=0, help_text='bytes of the parts that were kept'),
        ),
    ]
