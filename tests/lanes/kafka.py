"""Apache Kafka for tests: fetched with Maven from its published artifacts, and one broker that may be killed."""

import contextlib
import ctypes
import hashlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.lanes.services import START_SECONDS, ServiceError, free_port, send_signal

POM = Path(__file__).with_name("kafka-pom.xml")
CACHE = Path(__file__).resolve().parents[2] / ".venv" / "kafka"
FETCH_SECONDS = 300

# Small, and quick to start: what the compiler would gain later is not needed.
JAVA = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=BROKER://127.0.0.1:{port},SECURE://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{port},SECURE://127.0.0.1:{secure}
listener.security.protocol.map=BROKER:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={folder}/keystore.pem
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config={login} required user_{user}="{password}";
sasl.enabled.mechanisms=PLAIN
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={folder}/data
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
group.initial.rebalance.delay.ms=0
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""
LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
USER = "csms"


def find_kafka() -> Path | None:
    """The folder with Kafka's libraries, fetched once by Maven with the machine's own settings; it needs Java."""
    libraries = CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    if not shutil.which("java"):
        return None
    if libraries.is_dir():
        return libraries
    return libraries if shutil.which("mvn") and _fetch(libraries) else None


def _fetch(libraries: Path) -> bool:
    CACHE.mkdir(parents=True, exist_ok=True)
    print("Fetching Apache Kafka with Maven…", file=sys.stderr, flush=True)
    folder = Path(tempfile.mkdtemp(prefix="fetching-", dir=CACHE))
    try:
        done = subprocess.run(
            ["mvn", "--batch-mode", "--quiet", "--file", POM, "dependency:copy-dependencies"]
            + ["-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=FETCH_SECONDS,
        )  # fmt: skip
        if done.returncode or not list(folder.glob("kafka_*.jar")):
            print(f"Maven failed: {done.stdout.strip()[-1500:]}", file=sys.stderr)
            return False
        with contextlib.suppress(OSError):  # another process was faster
            folder.rename(libraries)
        return libraries.is_dir()
    except subprocess.TimeoutExpired:
        print(f"Maven did not end within {FETCH_SECONDS} s", file=sys.stderr)
        return False
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Kafka:
    """A broker that is its own controller, on 127.0.0.1; killed and started again it has the same port and data."""

    def __init__(self, libraries: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="csms-kafka-"))
        self._classes = f"{libraries}/*"
        self._process: subprocess.Popen[bytes] | None = None
        self._prepare()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def secure_address(self) -> str:
        """Where TLS is spoken, by `ca_file`, and USER signs in with `password` (PLAIN)."""
        return f"127.0.0.1:{self.secure_port}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def _prepare(self) -> None:
        self.port, self.secure_port, controller = free_port(), free_port(), free_port()
        self.password = secrets.token_hex(12)
        _make_certificates(self.ca_file, self.folder / "keystore.pem")
        self._settings = self.folder / "server.properties"
        self._settings.write_text(
            PROPERTIES.format(
                port=self.port,
                secure=self.secure_port,
                controller=controller,
                folder=self.folder,
                login=LOGIN,
                user=USER,
                password=self.password,
            )
        )
        formatted = subprocess.run(
            ["java", *JAVA, "-cp", self._classes, "kafka.tools.StorageTool", "format"]
            + ["-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c", str(self._settings)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=self.folder,
        )  # fmt: skip
        if formatted.returncode:
            self.remove()
            raise ServiceError(
                f"Kafka's storage was not made: {(formatted.stderr or formatted.stdout)[-800:]}"
            )

    def start(self) -> "Kafka":
        """Start, or start again with the same data, and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                ["java", *JAVA, "-cp", self._classes, "kafka.Kafka", str(self._settings)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder,
                start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                last_words = (self.folder / "output").read_text(errors="replace").strip()[-800:]
                self.remove()
                raise ServiceError(f"Kafka did not start: {last_words}")
            time.sleep(0.1)
        return self

    def answers(self) -> bool:
        try:
            self.admin().list_topics(timeout=2)
        except KafkaException:
            return False
        return True

    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def signal(self, number: int) -> None:
        """Send a signal; SIGSTOP makes it a broker that takes and says nothing."""
        assert self._process is not None
        send_signal(self._process.pid, number)

    def kill(self) -> None:
        """End it as a power failure of its process would; what it has confirmed is in its files."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        if self._process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _make_certificates(ca_file: Path, keystore: Path) -> None:
    """Make a CA, and a key and certificate for 127.0.0.1 in the one file that Kafka wants."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name, name = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("tests' CA", "tests' broker")
    )
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            ca_name, subject, public_key, x509.random_serial_number(),
            now - timedelta(days=1), now + timedelta(days=30),
        )  # fmt: skip

    ca = certificate(ca_name, ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    ca_file.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
    broker = certificate(name, key.public_key()).add_extension(
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
    )
    keystore.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + broker.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM)
    )


def _die_with_parent() -> None:
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
