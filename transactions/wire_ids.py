"""The ids that charge points of OCPP 2.x give to transactions, also those that are longer than OCPP allows."""

import re
from hashlib import blake2b

from chargers.commands.ordering import BadParam

WIRE_ID_MAX = 36  # characters; 2.0.1: identifierString[36]
DIGEST = 12  # characters of the digest at the end of an id that is too long
SHORTENED = rf"^.{{{WIRE_ID_MAX - DIGEST - 1}}}~[0-9a-f]{{{DIGEST}}}$"


def kept_id(text: str) -> str:
    """Return the id under which a transaction is kept, of at most 36 characters.

    Of a longer one that is its beginning and a digest of the whole, whatever its case (CiString): two sessions whose
    ids begin alike stay two. The whole id is in the raw claims.
    """
    if len(text) <= WIRE_ID_MAX:
        return text
    digest = blake2b(text.upper().encode(), digest_size=DIGEST // 2).hexdigest()
    return f"{text[: WIRE_ID_MAX - DIGEST - 1]}~{digest}"


def named_id(text: str) -> str:
    """Return the id by which a charge point is told of a transaction of its own.

    Raises BadParam for one that was too long: no message of ours may carry the whole, and no part of it names it there.
    """
    if re.match(SHORTENED, text):
        raise BadParam(
            "transaction_id",
            f"the charge point gave this transaction an id of more than {WIRE_ID_MAX} characters, which no message of "
            "OCPP 2.0.1 can name",
        )
    return text
