"""The strict lint of the image and its compose files: each rule gives sentences, and a clean file gives none."""

import re
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

from csms.core.config import Config
from csms.core.config_problems import env_name
from tests.docker.dockerfile import Ignored, Instruction, Stage, read, sent_files

SETTINGS = {env_name(field): field for field in Config.model_fields.values()}
# Variables of others: the interpreter's, PostgreSQL's, and one that only the command of our Redis reads.
FOREIGN = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "POSTGRES_USER", "POSTGRES_DB"}
FOREIGN |= {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
FOREIGN |= {f"RABBITMQ_DEFAULT_{name}" for name in ("USER", "PASS")}
# Kafka's image makes a line of server.properties of each variable, so that a wrong name is read and does nothing.
FOREIGN |= {"KAFKA_HEAP_OPTS", "KAFKA_NODE_ID", "KAFKA_PROCESS_ROLES", "KAFKA_LOG_DIRS"}
FOREIGN |= {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"}
FOREIGN |= {"KAFKA_CONTROLLER_LISTENER_NAMES", "KAFKA_CONTROLLER_QUORUM_VOTERS"}
FOREIGN |= {"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"}
FOREIGN |= {"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR", "KAFKA_AUTO_CREATE_TOPICS_ENABLE"}
SECRET = re.compile(r"PASS$|PASSWORD|SECRET|TOKEN|_KEY")
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+(\.\d+)?[a-z0-9.-]*(@sha256:[0-9a-f]{64})?")
NUMBERS = re.compile(r"[1-9]\d*(:[1-9]\d*)?")
QUEUES = {queue.name for queue in settings.CELERY_TASK_QUEUES}
INSTRUCTIONS = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "RUN", "SHELL"}
INSTRUCTIONS |= {"STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}

# --- the Dockerfile -----------------------------------------------------------------------------


def lint_dockerfile(text: str, dockerignore: str, root: Path) -> list[str]:
    """What is wrong with a Dockerfile whose context is `root`."""
    try:
        stages = read(text)
    except ValueError as error:
        return [str(error)]
    names: list[str] = []
    problems = []
    for stage in stages:
        if stage.base not in names and not PINNED.fullmatch(stage.base):
            problems.append(f"FROM {stage.base}: not pinned to a version")
        for instruction in stage.instructions:
            problems += _instruction_problems(instruction, names, Ignored(dockerignore), root)
        names.append(stage.name)
    return problems + list(_image_problems(stages[-1]))


def _instruction_problems(one: Instruction, stages: list[str], ignored: Ignored, root: Path) -> Iterator[str]:
    if one.name not in INSTRUCTIONS:
        yield f"{one.name}: not used here"
    if one.name in ("ENV", "ARG"):
        for word in one.words:
            name, _, value = word.partition("=")
            if name not in SETTINGS and name not in FOREIGN:
                yield f"{one.name} {name}: neither a setting nor known"
            if SECRET.search(name) and value:
                yield f"{one.name} {name}: a secret in the image"
    if one.name in ("ENTRYPOINT", "CMD", "SHELL", "VOLUME") and one.exec_form is None:
        yield f"{one.name}: not in the exec form"
    if one.name == "COPY":
        yield from _copy_problems(one, stages, ignored, root)


def _copy_problems(one: Instruction, stages: list[str], ignored: Ignored, root: Path) -> Iterator[str]:
    if "from" in one.flags:
        if one.flags["from"] not in stages:
            yield f"COPY --from={one.flags['from']}: no stage above has that name"
        return
    for source in one.words[:-1]:
        if ".." in source or source.startswith("/") or source in (".", "./"):
            yield f"COPY {source}: name what is copied"
        elif not (root / source).exists():
            yield f"COPY {source}: does not exist"
        elif not sent_files(root, source, ignored):
            yield f"COPY {source}: .dockerignore keeps it from the build"


def _image_problems(stage: Stage) -> Iterator[str]:
    """What the last stage must say about how the image runs."""
    user = stage.last("USER")
    if user is None or not NUMBERS.fullmatch(user.text):
        yield f"USER {user.text if user else 'is missing'}: not a number above 0"
    for name in ("ENTRYPOINT", "CMD"):
        if stage.last(name) is None:
            yield f"{name}: missing"
    stop = stage.last("STOPSIGNAL")
    if stop is None or stop.text not in ("SIGTERM", "SIGINT") or not hasattr(signal, stop.text):
        yield "STOPSIGNAL: not one that serve drains on"
    health = stage.last("HEALTHCHECK")
    if health is None or health.text == "NONE":
        yield "HEALTHCHECK: missing"
    else:
        if missing := {"interval", "timeout", "start-period", "retries"} - set(health.flags):
            yield f"HEALTHCHECK: without {', '.join(sorted(missing))}"
        if Instruction("CMD", {}, health.text.removeprefix("CMD ")).exec_form is None:
            yield "HEALTHCHECK: not in the exec form"
    env = stage.env
    if env.get("CSMS_HOST") != "0.0.0.0":
        yield "ENV CSMS_HOST: nobody outside the container could connect"
    exposed = stage.last("EXPOSE")
    if exposed is None or exposed.text != env.get("CSMS_PORT"):
        yield "EXPOSE: is not CSMS_PORT"
    volume = stage.last("VOLUME")
    if volume is None or volume.exec_form != [env.get("CSMS_DATA_DIR")]:
        yield "VOLUME: is not CSMS_DATA_DIR"


# --- compose files ------------------------------------------------------------------------------

FILE_KEYS = {"name", "services", "networks", "volumes"}
SERVICE_KEYS = {
    *(
        "build",
        "cap_drop",
        "command",
        "depends_on",
        "deploy",
        "entrypoint",
        "env_file",
        "environment",
        "user",
    ),
    *(
        "healthcheck",
        "hostname",
        "image",
        "init",
        "networks",
        "ports",
        "read_only",
        "restart",
        "security_opt",
        "shm_size",
    ),
    *("stop_grace_period", "tmpfs", "ulimits", "volumes"),
}
HEALTH_KEYS = {"test", "interval", "timeout", "start_period", "retries"}
DRAIN_SECONDS = Config.model_fields["drain_seconds"].default


def lint_compose(text: str, folder: Path, example: str = "") -> list[str]:
    """What is wrong with a compose file that lies in `folder`; `example` is the text of its .env to be filled in."""
    try:
        file = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [f"no YAML: {error}"]
    services = file.get("services") or {}
    problems = [f"{key}: unknown" for key in file if key not in FILE_KEYS and not key.startswith("x-")]
    own = {service.get("image") for service in services.values() if "build" in service}
    for name, service in services.items():
        found = [f"{key}: unknown" for key in service if key not in SERVICE_KEYS]
        found += _service_problems(service, service.get("image") in own, folder)
        found += _health_problems(service, service.get("image") in own)
        found += _dependency_problems(service, services, own)
        problems += [f"{name}: {problem}" for problem in found]
    problems += _shared_problems(file, services)
    problems += _duty_problems(services)
    given = {line.split("=")[0] for line in example.splitlines() if re.match(r"[A-Z]", line)}
    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    problems += [f"${{{name}}}: not in the example of .env" for name in sorted(asked - given)]
    problems += [
        f"the example of .env: {name} has no effect" for name in sorted(given - asked - set(SETTINGS))
    ]
    return problems


def _service_problems(service: dict[str, Any], own: bool, folder: Path) -> Iterator[str]:
    image = service.get("image", "")
    if image.endswith(":latest") or not (own or PINNED.fullmatch(image)):
        yield f"image {image}: not pinned to a version"
    if not own and not NUMBERS.fullmatch(str(service.get("user", ""))):
        yield "user: not a number above 0"  # ours is set in the image
    if own and "user" in service:
        yield "user: the image has its own"
    if "build" in service:
        build = service["build"]
        if not (folder / build["context"] / build["dockerfile"]).is_file():
            yield "build: no Dockerfile there"
    for name, value in service.get("environment", {}).items():
        if name not in SETTINGS and name not in FOREIGN:
            yield f"environment {name}: neither a setting nor known"
        if SECRET.search(name) and not str(value).startswith("${"):
            yield f"environment {name}: a secret in the file"
        if not isinstance(value, str):
            yield f"environment {name}: YAML reads {value!r}; quote it"
    for port in service.get("ports", []):
        if not own:
            yield f"port {port}: only the servers are published"
        elif not re.fullmatch(r"127\.0\.0\.1:[\d-]+:\d+", str(port)):
            yield f"port {port}: open to the network without TLS"
    for key in ("command", "entrypoint"):
        if isinstance(service.get(key, []), str):
            yield f"{key}: not in the exec form"
    yield from _confinement_problems(service)
    if own and _seconds(service.get("stop_grace_period", "10s")) < DRAIN_SECONDS + 10:
        yield "stop_grace_period: shorter than a drain"


def _confinement_problems(service: dict[str, Any]) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "read_only: not set"
    if service.get("cap_drop") != ["ALL"]:
        yield "cap_drop: not ALL"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "security_opt: no-new-privileges is missing"
    if service.get("restart") != "unless-stopped":
        yield "restart: not unless-stopped"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if missing := {"cpus", "memory", "pids"} - set(limits):
        yield f"limits: without {', '.join(sorted(missing))}"
    for mount in service.get("volumes", []):
        if not re.match(r"[a-z]+:/", mount):
            yield f"volume {mount}: a folder of the host"


def _seconds(text: str) -> int:
    return int(text.removesuffix("s")) if re.fullmatch(r"\d+s", text) else 0


def _health_problems(service: dict[str, Any], own: bool) -> Iterator[str]:
    health = service.get("healthcheck")
    if health is None:
        if not own:
            yield "healthcheck: missing"
        elif "entrypoint" in service:
            yield "healthcheck: the image's asks for a server, and this is none"
        return
    if health == {"disable": True}:
        return
    if not isinstance(health.get("test"), list) or health["test"][0] not in ("CMD", "CMD-SHELL"):
        yield "healthcheck: not in the exec form"
    if missing := {"test", "interval", "timeout", "retries"} - set(health):
        yield f"healthcheck: without {', '.join(sorted(missing))}"
    yield from (f"healthcheck {key}: unknown" for key in health if key not in HEALTH_KEYS)


def _dependency_problems(service: dict[str, Any], services: dict[str, Any], own: set[str]) -> Iterator[str]:
    for target, how in dict(service.get("depends_on", {})).items():
        if target not in services:
            yield f"depends_on {target}: no such service"
            continue
        health = services[target].get("healthcheck")
        healthy = health != {"disable": True} if health else services[target].get("image") in own
        if how.get("condition") != "service_healthy":
            yield f"depends_on {target}: does not wait until it is healthy"
        elif not healthy:
            yield f"depends_on {target}: it has no healthcheck"


def _shared_problems(file: dict[str, Any], services: dict[str, Any]) -> Iterator[str]:
    """Networks and volumes: those used are declared, and the other way round."""
    used = {
        "networks": {name for service in services.values() for name in service.get("networks", [])},
        "volumes": {
            mount.split(":")[0] for service in services.values() for mount in service.get("volumes", [])
        },
    }
    for kind, names in used.items():
        declared = set(file.get(kind) or {})
        yield from (f"{kind}: {name} is not declared" for name in sorted(names - declared))
        yield from (f"{kind}: {name} is not used" for name in sorted(declared - names))
    for name, network in (file.get("networks") or {}).items():
        members = [service for service in services.values() if name in service.get("networks", [])]
        if any("build" not in service and "entrypoint" not in service for service in members) and not (
            network or {}
        ).get("internal"):
            yield f"networks: {name} has stores in it and is not internal"


def _duty_problems(services: dict[str, Any]) -> Iterator[str]:
    """Every queue is worked on, by a pool that is fit for it, and there is one clock; or everything is embedded."""
    commands = {name: service.get("command") or [] for name, service in services.items()}
    workers = {name: command for name, command in commands.items() if "worker" in command[:1]}
    clocks = [services[name] for name, command in commands.items() if "beat" in command[:1]]
    if not workers and not clocks:
        return
    if len(clocks) != 1 or clocks[0].get("deploy", {}).get("replicas") != 1:
        yield "beat: not exactly one"
    read: set[str] = set()
    for name, command in workers.items():
        options = dict(pairwise(command))
        queues = set(options.get("--queues", "").split(","))
        yield from (f"{name}: no queue is called {queue}" for queue in sorted(queues - QUEUES))
        if "events" in queues and options.get("--pool") != "threads":
            yield f"{name}: the relay is told to end only in a pool of threads at once"
        if queues & {"events", "outbound"} and "front" not in services[name].get("networks", []):
            yield f"{name}: it posts to the world outside, and cannot reach it"
        read |= queues
    yield from (f"workers: nobody reads {queue}" for queue in sorted(QUEUES - read))
