"""What simulated charge points of OCPP 2.0.1 say, built as bytes once like the messages of 1.6 beside it.

The readings are those of 1.6 in the words of 2.0.1: ten samples of the same measurands, numbers instead of texts. Only
the temperature, which 2.0.1 does not know, is a frequency.
"""

import zlib

from tests.bench.messages import MESSAGE_ID, SAMPLES, frame

WINDOW_BITS = 12  # what the server asks for, and uses itself
FREQUENCY = ("Frequency", "Hz", None, "Outlet", "50.0")


def boot(serial: int, identity: str) -> bytes:
    return frame(
        b'[2,"' + MESSAGE_ID % serial + b'","BootNotification",{"reason":"PowerUp","chargingStation":{'
        b'"vendorName":"Bench","model":"AC22","serialNumber":"' + identity.encode() + b'",'
        b'"firmwareVersion":"1.4.2","modem":{"iccid":"89490200001234567890"}}}]'
    )


def start(serial: int, identity: str, timestamp: bytes) -> bytes:
    return frame(
        b'[2,"' + MESSAGE_ID % serial + b'","TransactionEvent",{"eventType":"Started","timestamp":"' + timestamp
        + b'","triggerReason":"Authorized","seqNo":0,"transactionInfo":{"transactionId":"' + identity.encode()
        + b'","chargingState":"Charging"},"evse":{"id":1,"connectorId":1},"idToken":{"idToken":"'
        + identity.encode() + b'","type":"ISO14443"}}]'
    )  # fmt: skip


class Updated:
    """Makes the events of a running transaction from number `first` on, with ten samples each, of a serial and a time.

    With a `token`, each asks whether that may go on charging. The serial is the message id and the last twelve digits
    of the energy in Wh: each message can be found in every table afterwards.
    """

    __slots__ = ("following", "form")

    def __init__(self, identity: str, *, first: int = 1, token: bool = False) -> None:
        self.following = first
        samples = []
        for each in SAMPLES:
            measurand, unit, phase, location, value = FREQUENCY if each[0] == "Temperature" else each
            # A digit before the twelve of the serial: a number of JSON begins with no zero.
            number = value.replace("%(serial)d", "1%(serial)012d")
            text = f'{{"value":{number},"context":"Sample.Periodic","measurand":"{measurand}"'
            text += f',"phase":"{phase}"' if phase else ""
            samples.append(text + f',"location":"{location}","unitOfMeasure":{{"unit":"{unit}"}}}}')
        said = f',"idToken":{{"idToken":"{identity}","type":"ISO14443"}}' if token else ""
        template = (
            '[2,"%(id)s","TransactionEvent",{"eventType":"Updated","timestamp":"%(time)s",'
            '"triggerReason":"MeterValuePeriodic","seqNo":%(seq)d,'
            f'"transactionInfo":{{"transactionId":"{identity}","chargingState":"Charging"}}{said},"meterValue":['
            f'{{"timestamp":"%(time)s","sampledValue":[{",".join(samples)}]}}]}}]'
        )
        # To positions, as for 1.6.
        for name, form in (("id", "s"), ("time", "s"), ("seq", "d"), ("serial", "012d"), ("power", "05d")):
            template = template.replace(f"%({name}){form}", "%b" if form == "s" else f"%{form}")
        self.form = template.encode()

    def __call__(self, serial: int, timestamp: bytes) -> bytes:
        number = self.following
        self.following = number + 1
        values = (MESSAGE_ID % serial, timestamp, number, timestamp, serial, 11000 - serial % 997)
        return frame(self.form % values)


def deflater() -> "zlib._Compress":
    """Return what compresses the messages of one connection; its window is kept from one to the next."""
    return zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, -WINDOW_BITS)


def deflated(data: bytes, by: "zlib._Compress") -> bytes:
    """Return a whole masked text frame as a compressed one (RFC 7692, 7.2.1)."""
    payload = data[8 if data[1] == 0x80 | 126 else 6 :]
    packed = (by.compress(payload) + by.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return bytes([data[0] | 0x40]) + frame(packed)[1:]


def inflated(payload: bytes) -> bytes:
    """Return what a compressed message of the server holds, which keeps no window."""
    return zlib.decompressobj(-WINDOW_BITS).decompress(payload + b"\0\0\xff\xff")
