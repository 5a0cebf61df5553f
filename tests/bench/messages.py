"""What the simulated charge points say, built as bytes once, so that only the changing digits are filled in later."""

from collections.abc import Callable

MESSAGE_ID = b"7b9c1a52-0000-4000-8000-%012d"  # 36 characters, as chargers that use UUIDs have them
ID_LENGTH = 36
TEXT = 0x81  # the first byte of a whole text frame

SAMPLES = [
    ("Energy.Active.Import.Register", "Wh", None, "Outlet", "%(serial)d"),
    ("Power.Active.Import", "W", None, "Outlet", "%(power)05d.0"),
    ("Current.Import", "A", "L1", "Outlet", "15.9"),
    ("Current.Import", "A", "L2", "Outlet", "16.0"),
    ("Current.Import", "A", "L3", "Outlet", "16.1"),
    ("Voltage", "V", "L1-N", "Outlet", "229.8"),
    ("Voltage", "V", "L2-N", "Outlet", "230.4"),
    ("Voltage", "V", "L3-N", "Outlet", "231.1"),
    ("Temperature", "Celsius", None, "Body", "41.5"),
    ("SoC", "Percent", None, "EV", "57"),
]


def frame(payload: bytes) -> bytes:
    """A masked text frame (RFC 6455, 5.2). The masking key is 0: the server does the same work, we do none."""
    size = len(payload)
    head = bytes([TEXT, 0x80 | size]) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + payload


def control(opcode: int, payload: bytes) -> bytes:
    """A masked control frame, such as a pong (opcode 10)."""
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


def handshake(port: int, identity: str, protocol: str = "ocpp1.6", *, compressed: bool = False) -> bytes:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" if compressed else ""
    return (
        f"GET /ocpp/{identity} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"{offer}Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    ).encode()


def boot(serial: int, identity: str) -> bytes:
    return frame(
        b'[2,"' + MESSAGE_ID % serial + b'","BootNotification",{"chargePointVendor":"Bench",'
        b'"chargePointModel":"AC22","chargePointSerialNumber":"' + identity.encode() + b'",'
        b'"firmwareVersion":"1.4.2","iccid":"89490200001234567890","meterType":"MID 3x230V"}]'
    )


def heartbeat(serial: int) -> bytes:
    return frame(b'[2,"' + MESSAGE_ID % serial + b'","Heartbeat",{}]')


def start_transaction(serial: int, identity: str, timestamp: bytes) -> bytes:
    return frame(
        b'[2,"' + MESSAGE_ID % serial + b'","StartTransaction",{"connectorId":1,"idTag":"'
        + identity.encode() + b'","meterStart":0,"timestamp":"' + timestamp + b'"}]'
    )  # fmt: skip


def meter_values(transaction: int) -> Callable[[int, bytes], bytes]:
    """Return what makes this transaction's MeterValues of 10 samples, of about 1.4 kB, from a serial and a time.

    The serial is the message id and, in Wh, the energy: each message can be found in every table afterwards.
    """
    samples = []
    for measurand, unit, phase, location, value in SAMPLES:
        text = f'{{"value":"{value}","context":"Sample.Periodic","format":"Raw","measurand":"{measurand}"'
        text += f',"phase":"{phase}"' if phase else ""
        samples.append(text + f',"location":"{location}","unit":"{unit}"}}')
    template = (
        f'[2,"%(id)s","MeterValues",{{"connectorId":1,"transactionId":{transaction},"meterValue":['
        f'{{"timestamp":"%(time)s","sampledValue":[{",".join(samples)}]}}]}}]'
    )
    # To positions, which bytes fill in fastest; the energy has a fixed width, so the frame has one size.
    template = template.replace("%(id)s", "%b").replace("%(time)s", "%b").replace("%(serial)d", "%010d")
    form = template.replace("%(power)05d", "%05d").encode()
    sample = form % (MESSAGE_ID % 1, b"2026-01-01T00:00:00.000Z", 1, 1)
    pattern = frame(sample)[: -len(sample)] + form

    def make(serial: int, timestamp: bytes) -> bytes:
        return pattern % (MESSAGE_ID % serial, timestamp, serial, 11000 - serial % 997)

    return make
