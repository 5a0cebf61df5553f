"""How the API tells of a server beside the house, and how it answers when there is none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, get_args

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.response import Response

from alerts.external.client import Refused, Unreachable, Unset
from alerts.external.keeping import Kept, Standing
from alerts.external.services import TITLES, Reach, State, reach
from csms.core.api_data import Moment, Shape
from csms.core.api_errors import ApiError
from csms.core.api_schema import error

STATES: list[str] = list(get_args(State))
STANDINGS: list[str] = list(get_args(Standing))


class ExternalServerShape(Shape):
    """Whether a server beside this one answers."""

    state = serializers.ChoiceField(
        STATES, help_text="`unset`: no address is set; `unknown`: it has not been asked yet."
    )
    url = serializers.CharField(help_text="Its address, as this server uses it.")
    since = Moment(allow_null=True, help_text="Since when it is `ok` or `unreachable`.")
    asked_at = Moment(allow_null=True, help_text="When it was last asked; that is done every 15 seconds.")
    why = serializers.CharField(
        help_text="Why it is not reachable; of one that is not set, what it would be for."
    )
    version = serializers.CharField()


class KeptFileShape(Shape):
    """How the file stands that a server reads from this one."""

    standing = serializers.ChoiceField(
        STANDINGS,
        help_text="`in_step`: it has loaded what is written here; `waiting`: it gets it within seconds, or when it is "
        "reachable; `refused`: it did not take it, and the file is set back; `unseen`: it was reloaded and has other "
        "things, so it reads another file; `nothing`: there is nothing to bring.",
    )
    why = serializers.CharField()
    since = Moment(allow_null=True, help_text="When it was loaded, or refused.")


def server_shape(known: Reach) -> dict[str, Any]:
    """Return what is known of a server, for an answer."""
    return dict(
        ExternalServerShape({name: value for name, value in asdict(known).items() if name != "name"}).data
    )


def kept_shape(kept: Kept) -> dict[str, Any]:
    """Return how a file stands, for an answer."""
    return dict(KeptFileShape(asdict(kept)).data)


def listing(name: str, found: Callable[[], tuple[list[Any], bool]], shape: type[Shape]) -> Response:
    """Answer with what a server lists, or with nothing and why, where it is not set or does not answer."""
    rows, more = list[Any](), False
    try:
        rows, more = found()
    except (Unset, Unreachable):
        pass  # said by the state of the server
    except Refused as refused:
        raise ApiError(502, f"{name}_refused", f"{TITLES[name]}: {refused}") from refused
    body = {"server": server_shape(reach(name)), "results": shape(rows, many=True).data, "truncated": more}
    return Response(body)


@contextmanager
def needed(name: str) -> Iterator[None]:
    """Turn the absence of a server into an error, for what cannot be done without it."""
    title = TITLES[name]
    try:
        yield
    except Unset as unset:
        raise ApiError(409, f"{name}_unset", f"there is no {title}: {unset}") from unset
    except Unreachable as away:
        raise ApiError(503, f"{name}_unreachable", f"{title} is not reachable: {away}") from away
    except Refused as refused:
        raise ApiError(409, f"{name}_refused", f"{title}: {refused}") from refused


def refused_by(name: str) -> OpenApiResponse:
    """Return the description of what is answered when a server does not list what it was asked for."""
    return error(
        f"{TITLES[name]} answers with an error.", {f"{name}_refused": f"{TITLES[name]}: query timed out"}
    )


def without(name: str) -> dict[int, OpenApiResponse]:
    """Return the descriptions of what is answered when a server is needed and not there, or does not take it."""
    title = TITLES[name]
    return {
        409: error(
            f"{title} is not set, or refuses it.",
            {f"{name}_unset": f"there is no {title}", f"{name}_refused": f"{title}: bad matcher"},
        ),
        503: error(
            f"{title} does not answer.",
            {f"{name}_unreachable": f"{title} is not reachable: It did not answer within 5 s."},
        ),
    }
