"""Files of id tokens: all of one is taken in or nothing, and what is exported comes back as it was."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from csms.core.api_csv import cell, read_cell
from tests.api.cast import API, NOON, charge_point, unknown_token
from transactions import token_files, token_import, token_import_api
from transactions.models import IdToken, UnknownToken
from transactions.tokens import EDITABLE

LIST, URL = f"{API}/id-tokens/", f"{API}/id-tokens/import/"
HEAD = "id_token,label,parent,blocked,expires_at,max_active\r\n"

Refusal = Callable[..., dict[str, Any]]


def send(client: APIClient, text: str | bytes, query: str = "", **headers: str) -> Any:
    body = text if isinstance(text, bytes) else text.encode()
    return client.post(URL + query, body, content_type="text/csv", headers=headers)


def token(text: str = "ALICE", **values: Any) -> IdToken:
    return IdToken.objects.create(id_token=text, created_at=NOON, **values)


def stored() -> list[tuple[Any, ...]]:
    return list(IdToken.objects.order_by("pk").values_list("pk", "id_token", "canonical", *EDITABLE))


def counts(answer: Any) -> tuple[int, int, int]:
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    return body["added"], body["changed"], body["unchanged"]


def test_alice_imports_a_file_and_again(alice: APIClient) -> None:
    charge_point_ = charge_point()
    unknown_token(charge_point_, "04a2b3c4")
    unknown_token(charge_point_, "OTHER")
    text = HEAD + (
        '04:A2:B3:C4,"Müller, Alice",FLEET,false,2030-12-31T23:59:59+01:00,2\r\n'
        "bob,,,TRUE,,\r\n"
        "\r\n"
        ",,,,,\r\n"
        'C,"two\r\nlines",,,,0\r\n'
    )
    assert send(alice, text).json() == {"added": 3, "changed": 0, "unchanged": 0, "dry_run": False}
    expires = datetime(2030, 12, 31, 22, 59, 59, tzinfo=UTC)
    assert [row[1:] for row in stored()] == [
        ("04:A2:B3:C4", "04A2B3C4", "Müller, Alice", "FLEET", expires, 2, False, [], "", ""),
        ("bob", "BOB", "", "", None, None, True, [], "", ""),
        ("C", "C", "two\r\nlines", "", None, 0, False, [], "", ""),
    ]
    assert [row.id_token for row in UnknownToken.objects.all()] == ["OTHER"], "it is known now"
    before = stored()
    assert counts(send(alice, text)) == (0, 0, 3)
    assert counts(send(alice, text, "?mode=upsert")) == (0, 0, 3)
    assert stored() == before
    assert not IdToken.objects.exclude(updated_at=None).exists()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_files_come_as_spreadsheets_write_them(
    alice: APIClient, encoding: str, separator: str, end: str
) -> None:
    lines = [["label", "id_token"], ["Zoë", "A"], ['"a,b;c"', "B"]]
    text = end.join(separator.join(line) for line in lines)
    assert counts(send(alice, text.encode(encoding))) == (2, 0, 0)
    assert sorted(IdToken.objects.values_list("id_token", "label")) == [("A", "Zoë"), ("B", "a,b;c")]


def test_upsert_changes_what_the_file_says_and_nothing_else(alice: APIClient) -> None:
    token("Alice", label="old", parent="FLEET", max_active=2)
    token("Bob", label="Bob")
    pk = IdToken.objects.get(id_token="Alice").pk
    text = "id_token,label,blocked,max_active\nALICE,new,true,\nbob,Bob,,\nCHARLIE,,,\n"
    assert counts(send(alice, text, "?mode=upsert&dry_run=true")) == (1, 1, 1)
    assert IdToken.objects.count() == 2
    assert counts(send(alice, text, "?mode=upsert")) == (1, 1, 1)
    alice_ = IdToken.objects.get(pk=pk)
    assert (alice_.id_token, alice_.label, alice_.parent) == ("Alice", "new", "FLEET")
    assert (alice_.blocked, alice_.max_active, alice_.created_at) == (True, None, NOON)
    assert alice_.updated_at is not None
    assert IdToken.objects.get(id_token="Bob").updated_at is None
    assert counts(send(alice, text, "?mode=upsert")) == (0, 0, 3)


def test_add_changes_no_known_token(alice: APIClient, refusal: Refusal) -> None:
    token("Alice", label="old")
    before = stored()
    said = refusal(
        send(alice, "id_token,label,blocked\nbob,,\nALICE,new,true\n"), 422, "invalid_file", "3.id_token"
    )
    assert "another label, another blocked" in said["detail"]
    assert stored() == before


def test_a_dry_run_changes_nothing_and_finds_what_is_wrong(alice: APIClient, refusal: Refusal) -> None:
    assert send(alice, "id_token\nA\n", "?dry_run=true").json() == {
        "added": 1,
        "changed": 0,
        "unchanged": 0,
        "dry_run": True,
    }
    refusal(send(alice, "id_token\n A\n", "?dry_run=true"), 422, "invalid_file", "2.id_token")
    assert stored() == []


BAD = {
    "": ["1.id_token"],
    "\n": ["1.id_token"],
    "label\nA\n": ["1.id_token"],
    "id_token,colour\nA,red\n": ["1.colour"],
    "id_token,label,label\nA,a,b\n": ["1.label"],
    "id_token,\nA,\n": ["1"],
    'id_"token\nA\n': ['1.id_"token', "1.id_token"],
    "id_token\nA\na\n": ["3.id_token"],
    "id_token\n04a2b3c4\n04-A2-B3-C4\n": ["3.id_token"],
    "id_token\n A\n": ["2.id_token"],
    f"id_token\n{'x' * 256}\n": ["2.id_token"],
    "id_token,label\n,Alice\n": ["2.id_token"],
    'id_token\n"A\nB"\n': ["2.id_token"],
    "id_token\nA\x00B\n": ["2.id_token"],
    "id_token,label\nA,a\x00b\n": ["2.label"],
    f"id_token,label\nA,{'x' * 101}\n": ["2.label"],
    "id_token,parent\nA, P\n": ["2.parent"],
    "id_token,blocked\nA,yes\n": ["2.blocked"],
    "id_token,blocked\nA,1\n": ["2.blocked"],
    "id_token,expires_at\nA,tomorrow\n": ["2.expires_at"],
    "id_token,expires_at\nA,2030-12-31T23:59:59\n": ["2.expires_at"],
    "id_token,expires_at\nA,2030-12-31\n": ["2.expires_at"],
    "id_token,expires_at\nA,0001-01-01T00:00:00+14:00\n": ["2.expires_at"],
    "id_token,expires_at\nA,9999-12-31T23:59:59-14:00\n": ["2.expires_at"],
    "id_token,max_active\nA,-1\n": ["2.max_active"],
    "id_token,max_active\nA,1.0\n": ["2.max_active"],
    "id_token,max_active\nA,32768\n": ["2.max_active"],
    "id_token,max_active\nA,٣\n": ["2.max_active"],
    f"id_token,max_active\nA,{'9' * 5000}\n": ["2.max_active"],
    "id_token,label\nA\n": ["2"],
    "id_token,label\nA,b,c\n": ["2"],
    'id_token,label\nA,"b\nC,d\n': ["2"],
    'id_token,label\nA,"b"c\n': ["2"],
    f'id_token,label\nA,"{"x" * 200_000}"\n': ["2"],
    'id_token,label,blocked\nA,"a\nb",\nB,,perhaps\n': ["4.blocked"],
    "id_token,max_active,blocked\nA,x,x\nB,1,\n B,1,\n": ["2.max_active", "2.blocked", "4.id_token"],
}


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_is_wrong_is_named_by_line_and_column(alice: APIClient, refusal: Refusal, number: int) -> None:
    text, where = list(BAD.items())[number]
    answer = send(alice, text)
    refusal(answer, 422, "invalid_file", *where)
    assert answer.json()["error_count"] == len(where)
    assert stored() == []


def test_the_first_hundred_problems_are_shown_and_all_are_counted(alice: APIClient) -> None:
    body = send(alice, "id_token,blocked\n" + "".join(f"T{number},x\n" for number in range(250))).json()
    assert (len(body["error"]["errors"]), body["error_count"]) == (100, 250)
    assert "249 more" in body["error"]["detail"]


def test_a_body_that_is_no_text_is_refused(alice: APIClient, refusal: Refusal) -> None:
    refusal(send(alice, b"id_token\n\xff\n"), 400, "malformed")
    refusal(send(alice, "id_token\nA\n".encode("utf-16")), 400, "malformed")
    refusal(alice.post(URL, {"id_token": "A"}), 415, "unsupported_media_type")
    refusal(send(alice, "id_token\nA\n", "?mode=replace"), 422, "invalid", "mode")
    refusal(send(alice, "id_token\nA\n", "?dry_run=1"), 422, "invalid", "dry_run")
    refusal(send(alice, "id_token\nA\n", "?colour=red"), 422, "invalid", "colour")
    assert stored() == []


def test_only_who_may_write_imports(bob: APIClient, charlie: APIClient, refusal: Refusal) -> None:
    refusal(send(bob, "id_token\nA\n"), 403, "forbidden")
    refusal(send(charlie, "id_token\nA\n"), 401, "unauthenticated")
    assert stored() == []


def test_a_file_is_bounded(alice: APIClient, refusal: Refusal, monkeypatch: Any) -> None:
    monkeypatch.setattr(token_files, "ROWS_MAX", 3)
    assert counts(send(alice, "id_token\nA\nB\nC\n")) == (3, 0, 0)
    refusal(send(alice, "id_token\nA\nB\nC\nD\nE\n"), 422, "invalid_file", "5")
    monkeypatch.setattr(token_import_api, "BYTES_MAX", 100_000)
    refusal(send(alice, "id_token\n" + "\n" * 100_000), 413, "too_large")
    assert counts(send(alice, "id_token\nZ\n" + "\n" * 99_989)) == (1, 0, 0)


def test_a_file_of_nothing_but_names_is_refused(alice: APIClient, refusal: Refusal) -> None:
    refusal(send(alice, "id_token,label\n\n"), 422, "invalid_file", "1")


def test_more_than_a_json_body_may_have_is_taken(alice: APIClient) -> None:
    lines = "".join(f"T{number:05},{'x' * 99}\n" for number in range(15_000))
    assert len(lines) > 1.5 * 1024 * 1024
    assert counts(send(alice, f"id_token,label\n{lines}")) == (15_000, 0, 0)


def test_a_repeat_with_the_same_key_is_answered_as_the_first(alice: APIClient, refusal: Refusal) -> None:
    key = {"Idempotency-Key": "import-1"}
    first = send(alice, "id_token\nA\n", **key)
    again = send(alice, "id_token\nA\n", **key)
    assert first.json() == again.json()
    assert (counts(again), again["Idempotency-Replayed"]) == ((1, 0, 0), "true")
    refusal(send(alice, "id_token\nB\n", **key), 422, "idempotency_key_reused", "Idempotency-Key")
    large = "id_token\nZ\n" + "\n" * 3_000_000
    refusal(send(alice, large, **{"Idempotency-Key": "import-2"}), 413, "too_large")
    assert counts(send(alice, large)) == (1, 0, 0)


HOSTILE = [
    "=1+1",
    "'=1+1",
    "''=1",
    "-5",
    "'-5",
    "+49 30 1234",
    "@x",
    "'plain",
    "'",
    "''",
    "=",
    "＝1",
    "\ttab",
    "a;b",
    'say "hi"',
    "two\r\nlines",
    "\nfirst",
    "é漢\U0001f697",
    " blanks ",
    "true",
    "1e5",
]


def test_what_is_exported_comes_back_as_it_was(alice: APIClient) -> None:
    for number, text in enumerate(HOSTILE):
        token(
            f"T{number}",
            label=text,
            expires_at=datetime(2030, 1, 1, 0, 0, 0, 123_456, tzinfo=UTC) if number % 2 else None,
            max_active=number % 3 or None,
            blocked=number % 5 == 0,
        )
    for text in ("-5", "=A1", "'=A1", "+X", "@", "1;2", "a,b", '"', "'x"):
        token(text, parent=text)
    token("04:a2:b3:c4")
    before = stored()
    file = b"".join(alice.get(f"{LIST}?format=csv"))
    for query in ("", "?mode=upsert"):
        assert counts(send(alice, file, query)) == (0, 0, len(before)), "known already"
    assert stored() == before
    IdToken.objects.all().delete()
    assert counts(send(alice, file)) == (len(before), 0, 0)
    # The list begins with the last, so that the ids are turned round: all else is as before.
    again = b"".join(alice.get(f"{LIST}?format=csv"))

    def lines(text: bytes) -> list[list[str]]:
        table = list(csv.reader(io.StringIO(text.decode(), newline="")))
        return sorted(row[:6] for row in table)

    assert lines(again) == lines(file)
    for one in before:
        row = IdToken.objects.get(canonical=one[2])
        assert (row.id_token, row.label, row.parent) == (one[1], one[3], one[4])


@given(st.text(alphabet="'=+-@\t\r\n＝19e. x", max_size=8) | st.text(max_size=8))
def test_a_cell_is_read_as_it_was_written(text: str) -> None:
    written = cell(text)
    bare = written[1:-1].replace('""', '"') if written.startswith('"') else written
    assert read_cell(bare) == text


def test_twenty_thousand_rows_take_few_queries(alice: APIClient) -> None:
    def file(label: str) -> str:
        return "id_token,label\n" + "".join(f"{number:08x},{label}\n" for number in range(20_000))

    with CaptureQueriesContext(connection) as captured:
        assert counts(send(alice, file("a"))) == (20_000, 0, 0)
    # The token, the transaction, 4 looks for known ones, the rows, the unknown ones and the audit.
    assert len(captured) <= 11
    assert IdToken.objects.filter(canonical="000000FF").exists()
    with CaptureQueriesContext(connection) as captured:
        assert counts(send(alice, file("b"), "?mode=upsert")) == (0, 20_000, 0)
    assert len(captured) <= 11
    assert IdToken.objects.filter(label="b", updated_at__isnull=False).count() == 20_000
    with CaptureQueriesContext(connection) as captured:
        assert counts(send(alice, file("b"))) == (0, 0, 20_000)
    assert len(captured) <= 11


def test_a_token_that_somebody_registers_meanwhile_is_known(alice: APIClient, monkeypatch: Any) -> None:
    write, tries = token_import.TOKENS.write, []

    def late(rows: Any) -> None:
        tries.append(len(rows))
        if len(tries) == 1:
            raise IntegrityError("somebody was faster")
        write(rows)

    monkeypatch.setattr(token_import.TOKENS, "write", late)
    assert counts(send(alice, "id_token\nA\nB\n")) == (2, 0, 0)
    assert tries == [2, 2]


def test_an_administrator_imports_a_file(db: None, tmp_path: Path) -> None:
    path, out, err = tmp_path / "tokens.csv", io.StringIO(), io.StringIO()
    path.write_bytes("id_token;label\nA;Zoë\n".encode("utf-8-sig"))
    call_command("import_id_tokens", str(path), dry_run=True, stdout=out)
    assert "1 tokens would be added" in out.getvalue()
    assert stored() == []
    call_command("import_id_tokens", str(path), stdout=out)
    assert IdToken.objects.get().label == "Zoë"
    path.write_text("id_token;label\nA;Bob\n")
    with pytest.raises(CommandError, match="was not taken in"):
        call_command("import_id_tokens", str(path), stderr=err)
    assert "line 2 id_token: It is known already, with another label." in err.getvalue()
    call_command("import_id_tokens", str(path), upsert=True, stdout=out)
    assert IdToken.objects.get().label == "Bob"
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_id_tokens", str(tmp_path / "nothing"))


def test_times_count_to_the_millisecond_as_files_tell_them(alice: APIClient) -> None:
    at = datetime(2030, 1, 1, 0, 0, 0, 999, tzinfo=UTC)
    token("A", expires_at=at)
    assert counts(send(alice, "id_token,expires_at\nA,2030-01-01T01:00:00+01:00\n", "?mode=upsert")) == (
        0,
        0,
        1,
    )
    assert IdToken.objects.get().expires_at == at
    later = (at + timedelta(milliseconds=1)).isoformat()
    assert counts(send(alice, f"id_token,expires_at\nA,{later}\n", "?mode=upsert")) == (0, 1, 0)


def test_types_and_places_come_by_a_file_and_go_back_as_they_were_exported(alice: APIClient) -> None:
    text = (
        "id_token,type,evses,language,personal_message\n"
        "SAME,,,,\nSAME,central,CP-1 CP-2/1 3,de-CH,Grüezi\n48151,KeyCode,,,\n"
    )
    assert counts(send(alice, text)) == (3, 0, 0)
    assert counts(send(alice, text)) == (0, 0, 3)
    central = IdToken.objects.get(type="Central")
    assert (central.evses, central.language, central.personal_message) == (
        ["CP-1", "CP-2/1", 3],
        "de-CH",
        "Grüezi",
    )
    code = IdToken.objects.get(type="KeyCode")
    assert code.id_token == code.canonical != "48151"
    listed = alice.get(f"{API}/id-tokens/", headers={"Accept": "text/csv"})
    exported = b"".join(listed.streaming_content) if listed.streaming else listed.content
    assert counts(send(alice, exported)) == (0, 0, 3)
    edited = exported.replace(b"de-CH", b"fr").replace(b"CP-2/1", b"CP-2/4")
    assert counts(send(alice, edited, "?mode=upsert")) == (0, 1, 2)
    central.refresh_from_db()
    assert (central.language, central.evses) == ("fr", ["CP-1", "CP-2/4", 3])


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        ("A,Card,", "2.type"),
        ("12,KeyCode,", "2.id_token"),
        ("KEYCODE-AAAAAAAAAAAAAAAAAAAAAAAAAAAA,KeyCode,", "2.id_token"),
        ("A,,CP-1/0", "2.evses"),
        ('A,,"[1,"', "2.evses"),
    ],
)
def test_a_wrong_type_or_place_is_named(alice: APIClient, refusal: Refusal, row: str, cell: str) -> None:
    refusal(send(alice, f"id_token,type,evses\n{row}\n"), 422, "invalid_file", cell)
    assert not IdToken.objects.exists()
