"""The first file of a multipart body (RFC 7578), piece by piece, for charge points that upload as browsers do.

Pure: bytes in, bytes out, and never more than a boundary and a head held back.
"""

import re
from email.message import Message
from enum import Enum, auto

HEAD_MAX = 16 * 1024  # bytes
FRAMING_MAX = 64 * 1024  # bytes before the file: boundaries, heads, other fields


class Malformed(ValueError):
    """The body is not what its Content-Type says; the text says why."""


class _Where(Enum):
    PREAMBLE = auto()
    HEAD = auto()
    FILE = auto()
    OTHER = auto()
    DONE = auto()


def boundary_of(content_type: str) -> bytes | None:
    """Return the boundary if this is multipart; None if it is not. Raises Malformed for one without boundary."""
    if not content_type.lower().startswith("multipart/"):
        return None
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not re.fullmatch(r"[ -~]{1,70}", boundary):
        raise Malformed("a multipart body needs a boundary of 1 to 70 characters")
    return boundary.encode()


class FirstFile:
    """Feed it a multipart body and get the content of the first part that has a file name, or of a lone part."""

    def __init__(self, boundary: bytes) -> None:
        self.name = ""
        self.content_type = ""
        self.found = False
        self._mark = b"\r\n--" + boundary
        self._held = b"\r\n"  # so that a boundary at the very beginning is one like the others
        self._where = _Where.PREAMBLE
        self._beside = 0  # bytes that were no content so far

    @property
    def whole(self) -> bool:
        """Whether a file was found and came to its end."""
        return self.found and self._where is _Where.DONE

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body and return what of it is content of the file. Raises Malformed."""
        self._held += piece
        content = b""
        while self._where is not _Where.DONE:
            if self._where is _Where.HEAD:
                if not self._read_head():
                    break
                continue
            at = self._held.find(self._mark)
            safe = at if at >= 0 else max(0, len(self._held) - len(self._mark) + 1)
            if self._where is _Where.FILE:
                content += self._held[:safe]
            if at < 0:
                self._held = self._held[safe:]
                break
            self._held = self._held[at + len(self._mark) :]
            self._where = _Where.DONE if self._where is _Where.FILE else _Where.HEAD
        else:
            self._held = b""
            return content
        # A body of nothing but small fields would be much work for nothing.
        self._beside += len(piece) - len(content)
        if self._beside > FRAMING_MAX:
            raise Malformed("there is too much beside the file")
        return content

    def _read_head(self) -> bool:
        """Read the head of a part, if it is all there; what follows the last boundary is the end."""
        if self._held.startswith(b"--"):
            self._where = _Where.DONE
            return True
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            if len(self._held) > HEAD_MAX:
                raise Malformed("the head of a part has no end")
            return False
        head, self._held = self._held[:end], self._held[end + 4 :]
        message = Message()
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon and name.strip().lower() in ("content-disposition", "content-type"):
                message[name.strip()] = value.strip()
        file_name = message.get_filename()
        if file_name is None and message.get_param("name", header="content-disposition") is not None:
            self._where = _Where.OTHER  # a field of a form
            return True
        self.name = file_name or ""
        self.content_type = message.get_content_type() if "content-type" in message else ""
        self.found = True
        self._where = _Where.FILE
        return True
