"""What services raise when they refuse: a value that cannot be, or a step that the state of things does not allow.

Each says why in a sentence for people; the doors make of them what their callers understand, such as a status of HTTP.
"""


class BadField(Exception):
    """A value that is refused; `field` names it."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class NotNow(Exception):
    """A step that cannot be taken as things are; `code` says so to programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
