"""Whether a configuration may be brought to Alertmanager: what amtool says, without it what is known here."""

from functools import cache
from typing import Any

import jsonschema_rs
import yaml

from alerts.external.programs import amtool_says

_TEXT = {"type": "string", "minLength": 1}
_FILE = {"type": "string", "pattern": "^/"}
_TIME = {"type": "string", "pattern": "^[0-9]+[smhd]$"}
_MATCHERS = {"type": "array", "items": {"type": "string", "pattern": '^[a-z_]+(=|!=|=~|!~)"'}}


def _shape(needed: list[str], **properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "required": needed,
        "properties": properties,
        "additionalProperties": False,
    }


def _one(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": 1, "maxItems": 1}


_YES_NO = {"type": "boolean"}
_EMAIL = _shape(
    ["to", "from", "smarthost"],
    **{"from": _TEXT},
    to=_TEXT,
    smarthost={"type": "string", "pattern": "^[^:]*.*:[0-9]{1,5}$"},
    require_tls=_YES_NO,
    send_resolved=_YES_NO,
    auth_username=_TEXT,
    auth_password_file=_FILE,
)
_WEBHOOK = _shape(
    [],
    url={"type": "string", "pattern": "^https?://[^/]"},
    url_file=_FILE,
    send_resolved=_YES_NO,
    max_alerts={"type": "integer"},
) | {"oneOf": [{"required": ["url"]}, {"required": ["url_file"]}]}

SCHEMA = _shape(
    ["route", "receivers"],
    route=_shape(
        ["receiver"],
        receiver=_TEXT,
        group_by={"type": "array", "items": _TEXT},
        group_wait=_TIME,
        group_interval=_TIME,
        repeat_interval=_TIME,
        routes={
            "type": "array",
            "items": _shape(["receiver", "matchers"], receiver=_TEXT, matchers=_MATCHERS),
        },
    ),
    inhibit_rules={
        "type": "array",
        "items": _shape(
            ["source_matchers", "target_matchers", "equal"],
            source_matchers=_MATCHERS,
            target_matchers=_MATCHERS,
            equal={"type": "array", "items": _TEXT},
        ),
    },
    receivers={
        "type": "array",
        "minItems": 1,
        "items": _shape(
            ["name"],
            name=_TEXT,
            email_configs=_one(_EMAIL),
            slack_configs=_one(_shape(["api_url_file"], api_url_file=_FILE, send_resolved=_YES_NO)),
            webhook_configs=_one(_WEBHOOK),
            telegram_configs=_one(
                _shape(["bot_token_file", "chat_id"], bot_token_file=_FILE, chat_id={"type": "integer"})
            ),
            pushover_configs=_one(
                _shape(["user_key_file", "token_file"], user_key_file=_FILE, token_file=_FILE)
            ),
            msteamsv2_configs=_one(
                _shape(["webhook_url_file"], webhook_url_file=_FILE, send_resolved=_YES_NO)
            ),
        ),
    },
)
"""All that is ever written here: not all that Alertmanager takes."""


def check_config(text: str) -> str:
    """Return what is wrong with a configuration, "" for nothing."""
    return problem(text) or amtool_says(text) or ""


def problem(text: str) -> str:
    """Return what is wrong with it by what this process knows: YAML, schema, and names that lead nowhere."""
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return f"It is no YAML: {error}"
    for wrong in _validator().iter_errors(config):
        return f"{'.'.join(map(str, wrong.instance_path)) or 'It'}: {wrong.message}"[:500]
    names = [receiver["name"] for receiver in config["receivers"]]
    if len(set(names)) < len(names):
        return "Two receivers have one name."
    wanted = [
        config["route"]["receiver"],
        *(route["receiver"] for route in config["route"].get("routes", [])),
    ]
    if unknown := sorted(set(wanted) - set(names)):
        return f"There is no receiver {unknown[0]!r}."
    return ""


@cache
def _validator() -> Any:
    return jsonschema_rs.Draft202012Validator(SCHEMA)
