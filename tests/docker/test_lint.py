"""docker/ keeps every rule of the lint, and the lint refuses what breaks one."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from csms.core.config import Config, load_config
from csms.core.config_problems import env_name
from tests.docker.dockerfile import Ignored, read, sent_files
from tests.docker.lint import lint_compose, lint_dockerfile

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"
IGNORE = (ROOT / ".dockerignore").read_text()
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
EMBEDDED = (DOCKER / "compose.yaml").read_text()
SCALE = (DOCKER / "compose.scale.yaml").read_text()
EXAMPLE = (DOCKER / "scale.env.example").read_text()


def broken(text: str, old: str, new: str) -> str:
    assert old in text, f"nothing to break: {old}"
    return text.replace(old, new)


# --- the image ----------------------------------------------------------------------------------


def test_the_dockerfile_keeps_every_rule():
    assert lint_dockerfile(DOCKERFILE, IGNORE, ROOT) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("USER 10001:10001\n", "", "USER is missing"),
        ("USER 10001:10001", "USER csms", "USER csms: not a number"),
        ("USER 10001:10001", "USER 0", "USER 0: not a number above 0"),
        ("USER 10001:10001", "USER 10001\nUSER root", "USER root: not a number"),
        ("python:3.13.9-slim-bookworm\nLABEL", "python:latest\nLABEL", "FROM python:latest: not pinned"),
        ("node:24.11.0-bookworm", "node", "FROM node: not pinned"),
        ("python:3.13.9-slim", "python:3-slim", "FROM python:3-slim-bookworm: not pinned"),
        ('ENTRYPOINT ["python", "manage.py"]', "ENTRYPOINT python manage.py", "ENTRYPOINT: not in the exec"),
        ('CMD ["serve"]', "CMD serve", "CMD: not in the exec form"),
        ('CMD ["serve"]', "", "CMD: missing"),
        ('CMD ["python", "docker/health', 'CMD python ["docker/health', "HEALTHCHECK: not in the exec form"),
        ("--retries=3 ", "", "HEALTHCHECK: without retries"),
        ("HEALTHCHECK ", "LABEL a=", "HEALTHCHECK: missing"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGKILL", "STOPSIGNAL: not one"),
        ("STOPSIGNAL SIGTERM", "", "STOPSIGNAL: not one"),
        ("COPY console/ console/", "COPY consoles/ console/", "COPY consoles/: does not exist"),
        ("COPY console/ console/", "COPY tests/ tests/", "COPY tests/: .dockerignore keeps it"),
        ("COPY console/ console/", "COPY . .", "COPY .: name what is copied"),
        ("COPY console/ console/", "COPY ../x .", "COPY ../x: name what is copied"),
        ("COPY console/ console/", "ADD console/ console/", "ADD: not used here"),
        ("--from=browser", "--from=browsers", "COPY --from=browsers: no stage"),
        ("CSMS_PORT=8000", "CSMS_PROT=8000", "ENV CSMS_PROT: neither a setting nor known"),
        ("CSMS_PORT=8000", "CSMS_SECRET_KEY=abc", "ENV CSMS_SECRET_KEY: a secret in the image"),
        ("CSMS_HOST=0.0.0.0", "CSMS_HOST=127.0.0.1", "ENV CSMS_HOST: nobody outside"),
        ("EXPOSE 8000", "EXPOSE 80", "EXPOSE: is not CSMS_PORT"),
        ('VOLUME ["/data"]', 'VOLUME ["/var"]', "VOLUME: is not CSMS_DATA_DIR"),
        ("USER 10001:10001", "user 10001", "no instruction: user 10001"),
    ],
)
def test_a_broken_dockerfile_is_refused(old, new, problem):
    found = lint_dockerfile(broken(DOCKERFILE, old, new), IGNORE, ROOT)
    assert any(line.startswith(problem) for line in found), found


# --- what reaches the build ---------------------------------------------------------------------

PRIVATE = (
    *(".env", ".env.local", "docker/.env", "csms/.env", "data/secret_key", "data/csms.sqlite3"),
    *("csms.sqlite3", "csms/x.sqlite3-wal", ".git/config", ".venv/bin/python", "node_modules/x/y.js"),
    *("static/vendor/tabler/tabler.min.css", "tests/conftest.py", "csms/__pycache__/x.cpython-311.pyc"),
    *("staticfiles/staticfiles.json", ".ci/run", "docker/scale.env.example", ".mypy_cache/x"),
)


@pytest.mark.parametrize("path", PRIVATE)
def test_what_is_private_or_made_here_does_not_reach_the_build(path):
    assert path in Ignored(IGNORE)


@pytest.mark.parametrize(
    "folder", ["csms", "chargers", "transactions", "alerts", "console", "templates", "static"]
)
def test_every_committed_file_of_the_house_reaches_the_build(folder):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", folder], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    present = {name for name in listed if (ROOT / name).exists()}
    assert not {name for name in present if name in Ignored(IGNORE)}
    copied = {
        word.rstrip("/") for stage in read(DOCKERFILE) for one in stage.all("COPY") for word in one.words[:-1]
    }
    assert folder in copied
    assert not [name for name in sent_files(ROOT, folder, Ignored(IGNORE)) if "__pycache__" in name]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [("*\n!manage.py", "!manage.py", "data/secret_key"), ("**/.env*\n", "", "csms/.env")],
)
def test_a_wider_dockerignore_would_be_noticed(old, new, path):
    assert path not in Ignored(broken(IGNORE, old, new))


# --- compose ------------------------------------------------------------------------------------


def test_the_compose_files_keep_every_rule():
    assert lint_compose(EMBEDDED, DOCKER) == []
    assert lint_compose(SCALE, DOCKER, EXAMPLE) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("    read_only: true\n", "", "csms: read_only: not set"),
        ("restart: unless-stopped", "restart: no", "csms: restart"),
        ('"127.0.0.1:8000:8000"', '"8000:8000"', "csms: port 8000:8000: open to the network"),
        (
            "          pids: 1024  # of 100 webhooks each has a thread, and up to 164 requests two each\n",
            "",
            "csms: limits: without pids",
        ),
        ("cap_drop: [ALL]", "cap_drop: [NET_RAW]", "csms: cap_drop"),
        ("stop_grace_period: 45s", "stop_grace_period: 20s", "csms: stop_grace_period"),
        ("- data:/data", "- ./data:/data", "csms: volume ./data:/data: a folder of the host"),
        ("- data:/data", "- dat:/data", "volumes: dat is not declared"),
        ("dockerfile: docker/Dockerfile", "dockerfile: Dockerfile", "csms: build: no Dockerfile"),
        ("    init: true\n", "    inti: true\n", "csms: inti: unknown"),
        ("    init: true\n", "    user: root\n", "csms: user: the image has its own"),
        ("no-new-privileges:true", "seccomp:unconfined", "csms: security_opt"),
    ],
)
def test_a_broken_compose_file_is_refused(old, new, problem):
    found = lint_compose(broken(EMBEDDED, old, new), DOCKER)
    assert any(line.startswith(problem) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("postgres:17.6-bookworm", "postgres:latest", "postgres: image postgres:latest"),
        ("postgres:17.6-bookworm", "postgres", "postgres: image postgres: not pinned"),
        ('user: "999:999"', 'user: "0"', "postgres: user"),
        ("    shm_size: 256m", '    ports: ["5432:5432"]', "postgres: port 5432:5432: only the servers"),
        ('test: ["CMD", "pg_isready"', 'tset: ["CMD", "pg_isready"', "postgres: healthcheck: "),
        (
            "redis: {condition: service_healthy}",
            "redis: {condition: service_started}",
            "web: depends_on redis",
        ),
        (
            "redis: {condition: service_healthy}",
            "rdeis: {condition: service_healthy}",
            "web: depends_on rdeis",
        ),
        ('CSMS_EMBEDDED_WORKER: "off"', 'CSMS_EMBEDED_WORKER: "off"', "web: environment CSMS_EMBEDED_WORKER"),
        (
            'CSMS_EMBEDDED_WORKER: "off"',
            "CSMS_EMBEDDED_WORKER: off",
            "web: environment CSMS_EMBEDDED_WORKER: YAML",
        ),
        ("${CSMS_SECRET_KEY:?set it in docker/.env}", "x" * 40, "web: environment CSMS_SECRET_KEY: a secret"),
        ("${REDIS_PASSWORD:?", "${REDIS_PASS:?", "${REDIS_PASS}: not in the example"),
        ("internal: true", "internal: false", "networks: back has stores in it"),
        ("[front, back]", "[front, bakc]", "networks: bakc is not declared"),
        ('entrypoint: ["celery", "--app", "csms.celery"]', "entrypoint: celery", "beat: entrypoint: not in"),
        ("    healthcheck:\n      disable: true\n", "", "beat: healthcheck: the image's"),
    ],
)
def test_a_broken_compose_file_at_scale_is_refused(old, new, problem):
    found = lint_compose(broken(SCALE, old, new), DOCKER, EXAMPLE)
    assert any(line.startswith(problem) for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"--queues", "outbound"', '"--queues", "duties"', "workers: nobody reads outbound"),
        ('"--queues", "outbound"', '"--queues", "outbnd"', "worker-outbound: no queue is called outbnd"),
        (
            '"events", "--pool", "threads"',
            '"events", "--pool", "prefork"',
            "worker-events: the relay is told",
        ),
        (
            "    networks: [front, back]  # web",
            "    networks: [back]  # web",
            "worker-events: it posts to the",
        ),
        ("      replicas: 1\n", "      replicas: 2\n", "beat: not exactly one"),
        ("      replicas: 1\n", "", "beat: not exactly one"),
        (
            "${RABBITMQ_PASSWORD:?set it in docker/.env}\n    volumes",
            "guest\n    volumes",
            "rabbitmq: environment RAB",
        ),
        ("KAFKA_NODE_ID", "KAFKA_NOD_ID", "kafka: environment KAFKA_NOD_ID: neither a setting nor known"),
    ],
)
def test_queues_without_a_worker_and_other_broken_duties_are_refused(old, new, problem):
    found = lint_compose(broken(SCALE, old, new), DOCKER, EXAMPLE)
    assert any(line.startswith(problem) for line in found), found


def test_an_example_that_names_no_setting_is_refused():
    assert lint_compose(SCALE, DOCKER, EXAMPLE + "CSMS_ALOWED_HOSTS=x\n") == [
        "the example of .env: CSMS_ALOWED_HOSTS has no effect"
    ]


def test_a_dependency_without_healthcheck_is_refused():
    file = yaml.safe_load(SCALE)
    del file["services"]["redis"]["healthcheck"]
    found = lint_compose(yaml.safe_dump(file), DOCKER, EXAMPLE)
    assert "redis: healthcheck: missing" in found
    assert "web: depends_on redis: it has no healthcheck" in found


@pytest.mark.parametrize("name", ["web", "worker-duties", "worker-events", "worker-outbound", "beat"])
def test_the_settings_of_the_compose_file_are_accepted(name, monkeypatch):
    for field in Config.model_fields.values():
        monkeypatch.delenv(env_name(field), raising=False)
    environment = yaml.safe_load(SCALE)["services"][name]["environment"]
    for variable, text in environment.items():
        monkeypatch.setenv(variable, re.sub(r"\$\{[A-Z_]+:\?[^}]*\}", "0123456789abcdef" * 3, text))
    for line in EXAMPLE.splitlines():
        variable, is_setting, given = line.partition("=")
        if is_setting and given and not line.startswith("#"):
            monkeypatch.setenv(variable, given)
    config = load_config(None)
    assert config.database_path is None
    assert not config.embedded_worker_on
    assert config.effective_broker_url == config.amqp_url
    assert config.kafka_brokers
