"""What can be wrong, and what can happen: the tables of which rules name a row.

A condition takes the time and yields what it holds for at that time by what is stored. It knows nothing of the past
of alerts, so it answers the same before and after a restart.
"""

from alerts.conditions import certificates, connections, delivery, doors, house, reports, sessions
from alerts.conditions.happenings import HAPPENINGS
from alerts.finding import Condition, Found

__all__ = ["CONDITIONS", "HAPPENINGS", "Found"]

# fmt: off
CONDITIONS: dict[str, Condition] = {condition.slug: condition for condition in (
    connections.offline, connections.silent, connections.flapping, connections.site_outage,
    connections.waits_for_approval,
    reports.faulted, reports.warning, reports.in_state, reports.clock_off, reports.local_list_drift,
    reports.deviations,
    sessions.unexplained, sessions.no_session, sessions.no_power, sessions.stuck, sessions.commands_fail,
    certificates.expires, certificates.expired, certificates.request_waits, certificates.unsigned,
    doors.of_charge_points, doors.of_addresses,
    delivery.events_wait, delivery.sink_fails, delivery.dead_letters, delivery.channel_broken,
    house.process_lost, house.no_server, house.no_worker, house.broker_away,
    house.backend_away, house.disk_full,
)}
# fmt: on
