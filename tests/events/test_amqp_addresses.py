"""Addresses of RabbitMQ are read as it has them, and over TLS only a broker that is trusted is believed."""

import contextlib
import datetime as dt
import ipaddress
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms.core.events.amqp import AmqpSink, options
from csms.core.events.sinks import SinkAway
from tests.events.rabbit_cast import (
    Listener,
    broker,
    frame,
    keep,
    listener,
    sink,
)
from tests.lanes.rabbitmq import Rabbit
from tests.support.server import ROOT

__all__ = ["broker", "listener", "sink"]


@pytest.mark.parametrize(
    ("url", "host", "userid", "password", "virtual_host"),
    [
        ("amqp://rabbit.example.org", "rabbit.example.org:5672", "guest", "guest", "/"),
        ("amqps://rabbit.example.org", "rabbit.example.org:5671", "guest", "guest", "/"),
        ("amqp://a%40b:c%2Fd@h:1/", "h:1", "a@b", "c/d", "/"),
        ("amqp://u:p@h//", "h:5672", "u", "p", "/"),
        ("amqp://u:p@h/charging%2Fone", "h:5672", "u", "p", "charging/one"),
        ("amqp://[::1]", "[::1]:5672", "guest", "guest", "/"),
    ],
)
def test_urls_are_read_as_rabbitmq_has_them(
    url: str, host: str, userid: str, password: str, virtual_host: str
) -> None:
    found = options(url)
    assert found["host"] == host
    assert (found["userid"], found["password"], found["virtual_host"]) == (userid, password, virtual_host)


@pytest.fixture
def tls_door(broker: Rabbit, tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A door with TLS before the broker: its port, and the certificate (for 127.0.0.1) that it shows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rabbit")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = tmp_path / "rabbit.pem", tmp_path / "rabbit.key"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    listening = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            try:
                inside = context.wrap_socket(plain, server_side=True)
            except OSError:
                continue
            outside = socket.create_connection(("127.0.0.1", broker.port))
            for pair in ((inside, outside), (outside, inside)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1], file
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def test_over_tls_the_broker_of_tasks_is_believed_by_name_only(
    broker: Rabbit, tls_door: tuple[int, Path]
) -> None:
    port, certificate = tls_door
    url = broker.url.replace("amqp://", "amqps://").replace(f":{broker.port}", f":{port}")
    code = "from csms.celery import app; app.connection_for_write().connect(); print('connected')"

    def connect(url: str, **more: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"CELERY_BROKER_URL": url, **more}
        return subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True)

    trusted = {"SSL_CERT_FILE": str(certificate)}
    assert connect(url, **trusted).stdout == "connected\n"
    assert "mismatch" in connect(url.replace("127.0.0.1", "localhost"), **trusted).stderr
    assert "certificate verify failed" in connect(url).stderr


def test_over_tls_the_broker_is_believed_only_with_a_certificate_that_is_trusted(
    broker: Rabbit, listener: Listener, tls_door: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, certificate = tls_door
    url = broker.url.replace("amqp://", "amqps://").replace(f":{broker.port}", f":{port}")
    with pytest.raises(SinkAway, match="certificate verify failed"):
        AmqpSink(url, "default").publish([frame()], keep)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with pytest.raises(SinkAway, match="mismatch"):  # the certificate is for another name
        AmqpSink(url.replace("127.0.0.1", "localhost"), "default").publish([frame()], keep)
    sink = AmqpSink(url, "default")
    sink.publish([frame(4)], keep)
    sink.close()
    assert [message.headers["position"] for message in listener.take(1)] == [4]
