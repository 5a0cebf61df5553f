"""The settings of the servers beside the house that watch and alert, too: Prometheus and Alertmanager."""

from functools import partial

from pydantic import BaseModel, SecretStr

from csms.core.config_types import BackendUrl, OptionalFile, setting

prometheus = partial(setting, category="Prometheus and Alertmanager")

RISK = (
    "This server then speaks to whatever stands at that address, in the network that this server stands in."
)


class Alerting(BaseModel):
    """Which Prometheus and which Alertmanager the house drives, and the files that they read from it."""

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
        "Token that Prometheus, or the proxy before it, is given as `Authorization: Bearer …`.",
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
        "Token that Alertmanager, or the proxy before it, is given as `Authorization: Bearer …`.",
        accepts="a token",
        unset="none",
    )
    alertmanager_config_file: OptionalFile = prometheus(
        "ALERTMANAGER_CONFIG_FILE",
        "",
        "File into which the channels are written, as the whole configuration of Alertmanager (its "
        "`--config.file`); their secrets lie beside it, in `secrets/`.",
        accepts="the path of a file",
        unset="`alertmanager/alertmanager-managed.yml` in the folder of the data",
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
