"""A server that stores nothing and checks nothing: what the load generator reaches against it is its own ceiling."""

import asyncio
import sys

import uvloop

from tests.bench.messages import ID_LENGTH

ANSWERS = {
    b"BootNotification": b'{"status":"Accepted"}',
    b"StartTransaction": b'{"transactionId":1}',
}
LARGE = 0x80 | 126


class Answerer(asyncio.Protocol):
    """One connection; it trusts that each read brings the one whole frame that its client may have outstanding."""

    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET "):
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            return
        start = (8 if data[1] == LARGE else 6) + len('[2,"')
        action = data[start + ID_LENGTH + len('","') :].partition(b'"')[0]
        answer = b'[3,"' + data[start : start + ID_LENGTH] + b'",' + ANSWERS.get(action, b"{}") + b"]"
        self.transport.write(bytes([0x81, len(answer)]) + answer)


async def main() -> None:
    """Serve on a free port, printed first, until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answerer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
