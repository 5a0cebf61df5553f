"""Secrets do not reach the frame log."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargers.protocol.redaction import (
    _SUSPECT,
    MASK,
    frame_without_echo,
    is_suspect,
    redact,
    without_echo,
)

SECRET = "c0ffee-17"


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}),
        ("ChangeConfiguration", {"key": "authorizationkey", "value": SECRET}),
        (
            "GetConfiguration",
            {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]},
        ),
        (
            "SetVariables",
            {"setVariableData": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET}]},
        ),
        (
            "GetVariables",
            {"getVariableResult": [{"variable": {"name": "BasicAuthPassword"}, "attributeValue": SECRET}]},
        ),
        (
            "NotifyReport",
            {
                "reportData": [
                    {"variable": {"name": "BasicAuthPassword"}, "variableAttribute": [{"value": SECRET}]}
                ]
            },
        ),
        (
            "NotifyReport",
            {"reportData": [{"variableAttribute": [{"value": SECRET, "mutability": "writeOnly"}]}]},
        ),
        (
            "SetNetworkProfile",
            {
                "connectionData": {
                    "basicAuthPassword": SECRET,
                    "vpn": {"server": "s", "user": "u", "key": SECRET},
                }
            },
        ),
        ("Authorize", {"idToken": {"idToken": SECRET, "type": "KeyCode"}}),
        ("TransactionEvent", {"idToken": {"type": "keycode", "idToken": SECRET}}),
        ("GetDiagnostics", {"location": f"ftp://user:{SECRET}@host/path"}),
        ("UpdateFirmware", {"location": f"ftp://user:p@{SECRET}@host/path"}),
        (
            "UpdateFirmware",
            {"location": f"https://store.example/fw?X-Amz-Date=1&X-Amz-Signature={SECRET}&x=1"},
        ),
        ("GetLog", {"log": {"remoteLocation": f"https://blob.example/logs?sv=1&sig={SECRET}"}}),
        ("GetLog", {"log": {"remoteLocation": f"https://x.example/?access_token={SECRET}"}}),
        ("DataTransfer", {"vendorId": "v", "client_Secret": [SECRET, {"a": SECRET}]}),
        (None, {"x": {"password": SECRET}}),
    ],
)
def test_secrets_are_masked_in_payloads_and_frames(action, payload):
    for text in (
        redact(action, payload),
        redact(action, json.dumps(payload)),
        redact(action, json.dumps([2, "1", action, payload])),
    ):
        assert SECRET not in text
        assert MASK in text
        json.loads(text)


def test_escaped_slashes_do_not_hide_a_password():
    assert SECRET not in redact("DataTransfer", '{"data":"ftp:\\/\\/user:' + SECRET + '@host"}')


def test_an_escaped_name_does_not_hide_a_secret():
    assert SECRET not in redact("DataTransfer", '{"\\u0070assword":"' + SECRET + '"}')


def test_a_secret_that_is_repeated_is_masked_wherever_it_stands():
    said = ["n", SECRET, f"took {SECRET}", {"info": [f"({SECRET}-x)"]}, "12 of 12", "12", 2017, 12, True]
    assert without_echo((SECRET, f"{SECRET}-x", "12", "2017"), said) == [
        *("n", MASK, f"took {MASK}", {"info": [f"({MASK})"]}),
        *("12 of 12", MASK, MASK, 12, True),
    ], "a short one is a part of too many words and numbers"
    frame = f'[3, "2017", {{"info": "\\u0063{SECRET[1:]}"}}]'
    assert json.loads(frame_without_echo((SECRET, "2017"), frame)) == [3, "2017", {"info": MASK}]
    assert frame_without_echo(("another",), frame) is frame
    assert [frame_without_echo((SECRET,), text) for text in ('[3,"1"', '"x"')] == [MASK, MASK]
    assert frame_without_echo((), '[3,"1"') == '[3,"1"'


def test_a_broken_frame_with_a_secret_is_masked_whole():
    assert (
        redact(
            "ChangeConfiguration", '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"' + SECRET
        )
        == MASK
    )


@pytest.mark.parametrize(
    ("action", "text"),
    [
        ("ChangeConfiguration", '{"key": "HeartbeatInterval", "value": "300"}'),
        ("Authorize", '{"idToken":{"idToken":"TAG","type":"ISO14443"}}'),
        ("MeterValues", '{"connectorId": 1, "secret": "of no interest"}'),
        ("DataTransfer", "not json"),
        (None, ""),
    ],
)
def test_other_texts_come_back_as_they_are(action, text):
    assert redact(action, text) is text


PIECES = (
    "password", "PASSword", "pa\u017f\u017fword", "secret", "SeCret", "authorizationKey", "KeyCode", "\u212aeycode",
    "simPin", "s\u0131mPin", "\\u00", "\\U00", "://", ":\\/\\/", "someone", ":", "@", "/u/", "/U\\/", "sig",
    "Signature", "token", "=", " ", '"', "/", "\u00e9", "x",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_a_quick_look_passes_over_nothing_that_the_search_would_find(text: str):
    assert is_suspect(text) == (_SUSPECT.search(text) is not None)
