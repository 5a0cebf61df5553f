"""The settings of what leaves the house by itself: events to Kafka, RabbitMQ and webhooks, and the backend's say."""

from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, SecretStr

from csms.core.config_types import (
    Addresses,
    AmqpUrl,
    BackendUrl,
    LowerCase,
    OptionalFile,
    TopicPrefix,
    setting,
)

events = partial(setting, category="Events")
kafka = partial(setting, category="Kafka")
amqp = partial(setting, category="RabbitMQ")
webhooks = partial(setting, category="Webhooks")
backend = partial(setting, category="Backend")
Fallback = Annotated[Literal["own", "reject", "accept"], LowerCase]


class Streams(BaseModel):
    """Who is told what happens, and who is asked."""

    events_heartbeats: bool = events(
        "CSMS_EVENTS_HEARTBEATS",
        False,
        "Record an event `cp.heartbeat` for each Heartbeat of a charge point.",
        mutable=True,
    )
    events_frames: Annotated[Literal["auto", "on", "off"], LowerCase] = events(
        "CSMS_EVENTS_FRAMES",
        "auto",
        "Record an event `cp.ocpp_frames` for each OCPP message, as the log of messages has it; auto: while RabbitMQ "
        "is configured, and for the charge points whose messages a webhook asks for by this name.",
        mutable=True,
    )
    events_stream_clients: int = events(
        "CSMS_EVENTS_STREAM_CLIENTS",
        200,
        "Most programs that may follow the stream of events (SSE) of one server process; the next is answered 503.",
        unit="clients",
        low=1,
        high=10_000,
        mutable=True,
    )

    kafka_brokers: Addresses = kafka(
        "KAFKA_BROKERS",
        (),
        "Kafka brokers to which events are published.",
        accepts="addresses separated by commas, such as kafka-1:9092,kafka-2:9092",
        unset="nothing is published to Kafka",
    )
    kafka_topic_prefix: TopicPrefix = kafka(
        "KAFKA_TOPIC_PREFIX",
        "",
        "What the name of each topic begins with, before the type of the event (`tx.started`).",
        accepts="at most 100 letters, digits, dots, hyphens and underscores",
        unset="the topic is called as the type",
    )
    kafka_format: Annotated[Literal["protobuf", "json"], LowerCase] = kafka(
        "KAFKA_FORMAT",
        "protobuf",
        "How events are written: the message csms.events.v1.Envelope, or its JSON form.",
    )
    kafka_create_topics: bool = kafka(
        "KAFKA_CREATE_TOPICS", True, "Create the topics that are missing; off: only tell which are."
    )
    kafka_topic_partitions: int = kafka(
        "KAFKA_TOPIC_PARTITIONS",
        12,
        "Partitions of the topics that are created.",
        unit="partitions",
        low=1,
        high=1000,
    )
    kafka_topic_replicas: int = kafka(
        "KAFKA_TOPIC_REPLICAS",
        0,
        "Replicas of the topics that are created.",
        unit="replicas",
        zero="as the broker's default has it",
        high=10,
    )
    kafka_security: Annotated[Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], LowerCase] = kafka(
        "KAFKA_SECURITY", "plaintext", "How brokers are spoken to (`security.protocol`)."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = kafka(
        "KAFKA_SASL_MECHANISM", "SCRAM-SHA-512", "How this server signs in at the brokers, with `sasl_…`."
    )
    kafka_username: str = kafka(
        "KAFKA_USERNAME",
        "",
        "Name with which this server signs in at the brokers.",
        accepts="a name",
        unset="none",
    )
    kafka_password: SecretStr = kafka(
        "KAFKA_PASSWORD",
        SecretStr(""),
        "Password with which this server signs in at the brokers.",
        accepts="a password",
        unset="none",
    )
    kafka_ca_file: OptionalFile = kafka(
        "KAFKA_CA_FILE",
        "",
        "Certificates (PEM) by which the brokers' are verified.",
        accepts="the path of a file",
        unset="those of the system",
    )

    amqp_url: AmqpUrl = amqp(
        "AMQP_URL",
        "",
        "RabbitMQ to which raw OCPP messages (exchange `ocpp`) and finished sessions (exchange `sessions`) are "
        "published.",
        accepts="an amqp:// or amqps:// URL",
        unset="nothing is published to RabbitMQ",
    )
    amqp_tenant: str = amqp(
        "AMQP_TENANT",
        "default",
        "What the field `tenant_id` of each message to RabbitMQ says.",
        accepts="a text of at most 100 characters",
    )

    webhook_pause_days: int = webhooks(
        "CSMS_WEBHOOK_PAUSE_DAYS",
        3,
        "After how long without any success a webhook's endpoint is paused, until somebody resumes it.",
        unit="days",
        low=1,
        high=90,
        mutable=True,
    )
    webhook_parallel: int = webhooks(
        "CSMS_WEBHOOK_PARALLEL",
        8,
        "Most requests that are made to one endpoint at once, of different charge points; those of one come in turn. "
        "To all endpoints together there are at most 64, and one to each beside them.",
        unit="requests",
        low=1,
        high=64,
        mutable=True,
    )

    backend_base_url: BackendUrl = backend(
        "BACKEND_BASE_URL",
        "",
        "Base of the backend that decides who may charge and is told of sessions, such as "
        "https://backend.example.org/api/ocpp.",
        accepts="an http:// or https:// URL, without query",
        unset="the own id tokens and approvals decide",
    )
    backend_token: SecretStr = backend(
        "BACKEND_TOKEN",
        SecretStr(""),
        "Token that the backend is given as `Authorization: Bearer …`.",
        accepts="a token",
        unset="none",
    )
    backend_authorize_ms: int = backend(
        "BACKEND_AUTHORIZE_MS",
        5000,
        "Longest time for an answer about an id token, all attempts together.",
        unit="ms",
        low=100,
        high=25_000,
        mutable=True,
    )
    backend_register_ms: int = backend(
        "BACKEND_REGISTER_MS",
        5000,
        "Longest time for an answer about a charge point that boots, all attempts together.",
        unit="ms",
        low=100,
        high=25_000,
        mutable=True,
    )
    backend_session_seconds: int = backend(
        "BACKEND_SESSION_SECONDS",
        10,
        "Longest time for one attempt to tell of a session that was opened or closed; no charge point waits for it.",
        unit="s",
        low=1,
        high=60,
    )
    backend_authorize_fallback: Fallback = backend(
        "BACKEND_AUTHORIZE_FALLBACK",
        "own",
        "What decides about an id token while the backend does not answer: the own id tokens, reject, or accept "
        "(for five minutes).",
        mutable=True,
        risk="With “accept” everybody charges while the backend is away.",
    )
    backend_register_fallback: Fallback = backend(
        "BACKEND_REGISTER_FALLBACK",
        "own",
        "What decides about a charge point that boots while the backend does not answer: the own approval, reject, or "
        "accept (if it is approved here).",
        mutable=True,
    )
    backend_cache_seconds: int = backend(
        "BACKEND_CACHE_SECONDS",
        30,
        "How long the backend's answer about an id token is remembered, at all charge points.",
        unit="s",
        zero="not at all",
        high=86_400,
        mutable=True,
    )
    backend_breaker_failures: int = backend(
        "BACKEND_BREAKER_FAILURES",
        5,
        "After how many failures one after another an endpoint of the backend is left alone for a while.",
        unit="failures",
        low=1,
        high=1000,
    )
    backend_breaker_seconds: int = backend(
        "BACKEND_BREAKER_SECONDS",
        30,
        "For how long; then one request tries it.",
        unit="s",
        low=1,
        high=3600,
    )
    backend_stop_refused: bool = backend(
        "BACKEND_STOP_REFUSED",
        False,
        "Stop a transaction from afar when the backend, told of it, does not accept its id token.",
        mutable=True,
    )
