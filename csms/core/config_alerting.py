"""The settings of alerts, and of Prometheus and Alertmanager, which watch and alert beside the house."""

from functools import partial

from pydantic import BaseModel, SecretStr

from csms.core.config_types import BackendUrl, OptionalFile, setting

alerts = partial(setting, category="Alerts")
prometheus = partial(setting, category="Prometheus and Alertmanager")

RISK = (
    "This server then speaks to whatever stands at that address, in the network that this server stands in. The token "
    "of the environment is not sent there."
)


class Alerting(BaseModel):
    """How often alerts are looked for, and which Prometheus and Alertmanager the house drives, by which files."""

    alerts_seconds: int = alerts(
        "CSMS_ALERTS_SECONDS",
        15,
        "How often alerts are looked for by the rules about conditions, and further channels are told of alerts that "
        "nobody looks after. Happenings are seen at once.",
        unit="s",
        low=1,
        high=30,  # after a minute without a look the clock counts as lost
    )

    prometheus_url: BackendUrl = prometheus(
        "PROMETHEUS_URL",
        "",
        "Base of the Prometheus whose rules and alerts are shown, and whose group `console-managed` is kept.",
        accepts="an http:// or https:// URL, without user, password and query",
        unset="none is asked, and its rules wait here until there is one",
        mutable=True,
        risk=RISK,
    )
    prometheus_token: SecretStr = prometheus(
        "PROMETHEUS_TOKEN",
        SecretStr(""),
        "Token that Prometheus, or the proxy before it, is given as `Authorization: Bearer …`; only at the URL that "
        "the environment has, not at one that overrides it.",
        accepts="a token",
        unset="none",
    )
    prometheus_rules_file: OptionalFile = prometheus(
        "PROMETHEUS_RULES_FILE",
        "",
        "File of the group `console-managed`, which Prometheus must name under `rule_files` and be able to read.",
        accepts="the path of a file",
        unset="`prometheus/console-managed.yml` in the folder of the data",
    )
    alertmanager_url: BackendUrl = prometheus(
        "ALERTMANAGER_URL",
        "",
        "Base of the Alertmanager whose alerts and silences are shown and made.",
        accepts="an http:// or https:// URL, without user, password and query",
        unset="none is asked",
        mutable=True,
        risk=RISK,
    )
    alertmanager_token: SecretStr = prometheus(
        "ALERTMANAGER_TOKEN",
        SecretStr(""),
        "Token that Alertmanager, or the proxy before it, is given as `Authorization: Bearer …`; only at the URL that "
        "the environment has, not at one that overrides it.",
        accepts="a token",
        unset="none",
    )
    alertmanager_config_file: OptionalFile = prometheus(
        "ALERTMANAGER_CONFIG_FILE",
        "",
        "File into which the channels are written, as the whole configuration of Alertmanager (its "
        "`--config.file`); their secrets lie beside it, in a folder of its name with `.secrets`.",
        accepts="the path of a file",
        unset="`alertmanager/alertmanager-managed.yml` in the folder of the data",
    )
    alertmanager_group_wait: int = prometheus(
        "CSMS_ALERTMANAGER_GROUP_WAIT",
        30,
        "How long Alertmanager waits for further alerts of a group before it tells the first time.",
        unit="s",
        low=1,
        high=3600,
        mutable=True,
    )
    alertmanager_group_interval: int = prometheus(
        "CSMS_ALERTMANAGER_GROUP_INTERVAL",
        300,
        "How long Alertmanager waits before it tells of what changed in a group of which it has told: of further "
        "alerts, and of the end.",
        unit="s",
        low=1,
        high=86_400,
        mutable=True,
    )
    alerting_seconds: int = prometheus(
        "CSMS_ALERTING_SECONDS",
        5,
        "Longest time for an answer of Prometheus or Alertmanager.",
        unit="s",
        low=1,
        high=60,
        mutable=True,
    )
