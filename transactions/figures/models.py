"""What is kept of the network over time: one row a minute, and one a day and site of what only history tells.

All of it is made from other rows, so it can be lost and made again as far as these reach; a minute cannot.
"""

from django.db import models

from chargers.models import ChargePoint


class Minute(models.Model):
    """What the network looked like in one minute. A minute in which nothing ran has no row."""

    at = models.DateTimeField(primary_key=True, help_text="when the minute begins, UTC")
    known = models.PositiveIntegerField(help_text="charge points, neither retired nor rejected")
    online = models.PositiveIntegerField()
    faulted = models.PositiveIntegerField(help_text="charge points of which a part says Faulted")
    connectors = models.PositiveIntegerField(
        help_text="of these charge points, without the stations themselves"
    )
    charging = models.PositiveIntegerField(help_text="connectors that say Charging")
    occupied = models.PositiveIntegerField(help_text="connectors with a car: from Preparing to Finishing")
    sessions = models.PositiveIntegerField(help_text="transactions that run")
    power_w = models.FloatField(
        null=True, help_text="of these, as reported lately; empty if none was reported"
    )
    messages = models.PositiveBigIntegerField(
        help_text="frames in both directions in the 60 s that ended shortly before"
    )
    taken_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"


class Day(models.Model):
    """What the reports of one day add up to at one site. Made again while the day lasts, and once after it."""

    day = models.DateField()
    zone = models.CharField(max_length=64, help_text="whose day it is")
    site = models.CharField(max_length=100, blank=True)
    plugged = models.PositiveIntegerField(help_text="times that a car was plugged in")
    faults = models.PositiveIntegerField(help_text="times that a connector or a station became Faulted")
    known_seconds = models.PositiveBigIntegerField(
        help_text="of all charge points, since each was first seen"
    )
    offline_seconds = models.PositiveBigIntegerField(help_text="of these, without a connection")
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["zone", "day", "site"], name="figures_day_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.site}"


class Trouble(models.Model):
    """A charge point that was offline for a minute or became faulted on one day; the others have no row."""

    day = models.DateField()
    zone = models.CharField(max_length=64)
    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="+", db_index=False)
    faults = models.PositiveIntegerField()
    offline_seconds = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["zone", "day", "charge_point"], name="figures_trouble_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.charge_point_id}"


class Summed(models.Model):
    """What the sessions that started on a day add up to, in Wh and seconds; see `sums.SESSIONS`."""

    day = models.DateField()
    zone = models.CharField(max_length=64, help_text="whose day it is")
    started = models.PositiveIntegerField(default=0)
    wh = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0)
    running = models.PositiveIntegerField(default=0)
    charging = models.PositiveIntegerField(default=0)
    charging_since = models.BigIntegerField(
        default=0, help_text="seconds since 1970, of all of these together"
    )
    known = models.PositiveIntegerField(default=0)
    authorised = models.PositiveIntegerField(default=0)
    charged = models.PositiveIntegerField(default=0)
    clean_ends = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class WholeDay(Summed):
    """A day that is over, of the whole network. It has a row only while nothing of it has changed since."""

    noted = models.PositiveIntegerField(help_text="minutes")
    noted_connectors = models.PositiveBigIntegerField()
    noted_occupied = models.PositiveBigIntegerField()
    noted_charging = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["zone", "day"], name="figures_whole_day_once")]

    def __str__(self) -> str:
        return str(self.day)


class ChargePointDay(Summed):
    """One charge point's part of a WholeDay; without a session it has no row."""

    charge_point = models.ForeignKey(ChargePoint, models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["zone", "day", "charge_point"], name="figures_cp_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.charge_point_id}"


class Late(models.Model):
    """That something of a session became known or changed after the day on which it started."""

    started_at = models.DateTimeField(
        db_index=True, help_text="of the session, before the change or after it"
    )

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class FirstSeen(models.Model):
    """When a charge point connected for the first time, which never changes."""

    charge_point = models.OneToOneField(
        ChargePoint, models.CASCADE, primary_key=True, related_name="first_seen"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.charge_point_id} {self.at:%Y-%m-%d}"
