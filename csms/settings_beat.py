"""Which background tasks begin how often, in seconds."""

from csms.core.config import config

CELERY_BEAT_SCHEDULE = {
    "bring events out": {
        "task": "csms.core.events.tasks.relay",
        "schedule": 5.0,
        "options": {"expires": 5.0},  # one that runs sends the next itself
    },
    "keep the ledger of commands": {"task": "chargers.tasks.expire_commands", "schedule": 15.0},
    "close the connections of lost processes": {"task": "chargers.tasks.sweep_processes", "schedule": 15.0},
    "take bulk jobs a step further": {
        "task": "chargers.bulk.tasks.run_bulk_jobs",
        "schedule": 2.0,
        "options": {"expires": 2.0},  # a worker that was busy has nothing to make up for
    },
    "expire reservations": {
        "task": "chargers.reservations.tasks.expire_reservations",
        "schedule": 15.0,
    },
    "send local lists": {"task": "transactions.local_lists.tasks.sync_local_lists", "schedule": 30.0},
    "read configurations after boots": {"task": "chargers.configuration.tasks.read_due", "schedule": 1.0},
    "see to charge points that do not boot": {
        "task": "chargers.configuration.tasks.ask_silent",
        "schedule": 60.0,
    },
    "sign and bring certificates": {
        "task": "chargers.certificates.tasks.work_signing_queue",
        "schedule": 10.0,
    },
    "tell which certificates end": {"task": "chargers.certificates.tasks.tell_of_expiry", "schedule": 3600.0},
    "use reports that are whole": {
        "task": "chargers.reporting.tasks.apply_reports",
        "schedule": 2.0,
        "options": {"expires": 2.0},
    },
    "take provisioning further": {"task": "chargers.provisioning.tasks.go_on", "schedule": 5.0},
    "take changes of network profiles further": {"task": "chargers.network.tasks.go_on", "schedule": 15.0},
    "ask about missing events of transactions": {
        "task": "transactions.sequence.tasks.mind_gaps",
        "schedule": 15.0,
    },
    "tell what charging costs so far": {"task": "transactions.tariffs.tasks.tell_costs", "schedule": 15.0},
    "deliver callbacks": {"task": "chargers.callbacks.tasks.deliver", "schedule": 5.0},
    "watch what follows remote starts": {
        "task": "transactions.remote_control.tasks.watch",
        "schedule": 15.0,
    },
    "end charging profiles": {
        "task": "transactions.charging_profiles.tasks.expire_profiles",
        "schedule": 30.0,
    },
    "close transactions by evidence": {"task": "transactions.tasks.infer_ends", "schedule": 60.0},
    "see how much power charge points give": {
        "task": "transactions.tasks.look_at_power",
        "schedule": 150.0,
    },
    "judge what charge points can give": {"task": "chargers.ratings.tasks.judge_due", "schedule": 60.0},
    "give up silent firmware updates": {"task": "chargers.firmware.tasks.expire_updates", "schedule": 60.0},
    "give up silent uploads": {"task": "chargers.diagnostics.tasks.expire_logs", "schedule": 60.0},
    "sweep the store of files": {"task": "chargers.diagnostics.tasks.sweep_store", "schedule": 3600.0},
    "note what the network looks like": {
        "task": "transactions.figures.tasks.take_minute",
        "schedule": 15.0,  # so that each minute is met, whatever is late
        "options": {"expires": 15.0},
    },
    "add up the days": {
        "task": "transactions.figures.tasks.make_days",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "keep the days that are over": {
        "task": "transactions.figures.tasks.keep_days",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "look for alerts": {
        "task": "alerts.tasks.evaluate",
        "schedule": float(config.alerts_seconds),
        "options": {
            "expires": 15.0
        },  # the next look sees as much; not less, or a busy worker would never look
    },
    "tell channels of alerts": {
        "task": "alerts.notifications.tasks.send",
        "schedule": 5.0,
        "options": {"expires": 5.0},  # the next look sees as much
    },
    "tell others of alerts that nobody looks after": {
        "task": "alerts.notifications.tasks.follow",
        "schedule": float(config.alerts_seconds),
        "options": {"expires": 15.0},
    },
    "keep the shipped rules": {"task": "alerts.rules.tasks.ensure_starters", "schedule": 3600.0},
    "keep what Prometheus and Alertmanager read": {
        "task": "alerts.external.tasks.keep_in_step",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "make the partitions of the days to come": {"task": "csms.tasks.make_partitions", "schedule": 600.0},
    "remove what is too old": {"task": "csms.tasks.prune", "schedule": 3600.0},
}
