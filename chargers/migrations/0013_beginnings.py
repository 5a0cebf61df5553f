# Identities, names and serial numbers by their beginning, for whoever types one.

from django.db import migrations

from chargers.index_migrations import build_index, drop_index

TABLE = "chargers_chargepoint"
INDEXES = {
    "chargepoint_cp_id_begins": "(upper((cp_id)::text) varchar_pattern_ops)",
    "chargepoint_name_begins": "(upper((name)::text) varchar_pattern_ops)",
    "chargepoint_serial_begins": "(upper((serial_number)::text) text_pattern_ops)",
}


def index(apps, schema_editor):
    """SQLite has no such indexes; a LIKE looks through the whole table there."""
    if schema_editor.connection.vendor == "postgresql":
        for name, expression in INDEXES.items():
            build_index(schema_editor, name, TABLE, expression)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            drop_index(schema_editor, name, TABLE)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('chargers', '0012_word_of_the_backend'),
    ]

    operations = [migrations.RunPython(index, drop)]
