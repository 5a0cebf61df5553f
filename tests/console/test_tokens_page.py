"""The id tokens in the console: found, exported, changed, blocked with a reason, deleted, imported, and admitted."""

import io
import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from console.views import token_import
from csms.core.audit.models import AuditEntry
from csms.core.audit.selectors import done_to
from tests.console.cast import HOSTILE, make_charge_point
from tests.console.fleet import make_transaction
from transactions.local_lists.models import LocalList, LocalListEntry
from transactions.models import IdToken, UnknownToken
from transactions.token_files import read_tokens

LIST = "/sys/tokens"


def a_token(text: str = "CARD", **values: object) -> IdToken:
    return IdToken.objects.create(**{"id_token": text, "created_at": timezone.now()} | values)


def text(client: Client, path: str, status: int = 200, **more: object) -> str:
    answer = client.get(path, **more)
    assert answer.status_code == status, path
    return answer.content.decode()


def words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def listed(page: str) -> list[str]:
    return re.findall(r'<td class="card-cell"><a[^>]*><bdi>([^<]*)</bdi>', page)


def upload(content: str | bytes, **values: str) -> dict[str, object]:
    data = content if isinstance(content, bytes) else content.encode()
    return {"file": SimpleUploadedFile("tokens.csv", data, "text/csv"), **values}


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_is_filtered_by_state_group_and_text_and_sorted(bob: Client) -> None:
    now, day = timezone.now(), timedelta(days=1)
    a_token("GOOD", parent="fleet", label=HOSTILE)
    a_token("LATE", expires_at=now - day, parent="FLEET")
    a_token("SOON", expires_at=now + day, updated_at=now)
    a_token("BLOCKED", blocked=True)
    page = text(bob, LIST)
    assert listed(page) == ["BLOCKED", "GOOD", "LATE", "SOON"]
    assert "<script>document" not in page
    assert listed(text(bob, f"{LIST}?group=Fleet")) == ["GOOD", "LATE"]
    assert listed(text(bob, f"{LIST}?state=ends")) == ["SOON"]
    assert listed(text(bob, f"{LIST}?state=good&q=o")) == ["GOOD", "SOON"]
    assert listed(text(bob, f"{LIST}?sort=-expires")) == ["SOON", "LATE", "BLOCKED", "GOOD"]
    assert listed(text(bob, f"{LIST}?sort=-changed"))[0] == "SOON"
    assert "No token matches" in text(bob, f"{LIST}?q=nonsense")


def test_an_empty_house_says_what_to_do(bob: Client) -> None:
    page = text(bob, LIST)
    assert "No token is known yet" in page
    assert "every token that began a transaction is registered" in page


def test_what_is_exported_can_be_changed_and_imported_again(alice: Client) -> None:
    a_token("CARD", label="=1+1", blocked=True, expires_at=timezone.now(), max_active=2, parent="FLEET")
    a_token("OTHER", label='Eve, "the" driver')
    answer = alice.get(f"{LIST}?export=csv")
    assert "attachment" in answer["Content-Disposition"]
    content = b"".join(answer).decode()
    assert len(read_tokens(io.StringIO(content, newline=""))) == 2
    looked = alice.post(f"{LIST}/import/look", upload(content))
    assert looked.status_code == 200
    assert "Every token of the file is known, and as the file says" in looked.content.decode()
    answer = alice.get(f"{LIST}?export=csv&state=blocked")
    assert b"OTHER" not in b"".join(answer)


@pytest.mark.parametrize("count", [1, 30])
def test_the_queries_do_not_grow(
    alice: Client, count: int, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    charge_point, now = make_charge_point(), timezone.now()
    token = a_token("FIRST")
    for number in range(count):
        a_token(f"CARD{number}")
        UnknownToken.objects.create(
            id_token=f"U{number}", charge_point=charge_point, first_at=now, last_at=now
        )
        make_transaction(charge_point, number + 1, id_token="FIRST", token_key=token.canonical)
    alice.get(LIST)
    with django_assert_num_queries(
        5 if count == 1 else 6
    ):  # who looks, 2 of the list, the unknown; their count
        alice.get(LIST)
    with django_assert_num_queries(8):  # who looks, the token, was it used, 2 of transactions, lists, history
        alice.get(f"{LIST}/{token.pk}")


# --- one token --------------------------------------------------------------------------------------------------------


def test_a_token_s_page_has_its_transactions_lists_and_history(bob: Client) -> None:
    token = a_token("CARD", label=HOSTILE, parent=HOSTILE)
    charge_point = make_charge_point()
    make_transaction(charge_point, 4711, id_token="card", token_key=token.canonical)
    make_transaction(charge_point, 4712, id_token="ELSE")
    local_list = LocalList.objects.create(charge_point=charge_point)
    LocalListEntry.objects.create(local_list=local_list, id_token="Card", key="CARD", status="Accepted")
    page = text(bob, f"{LIST}/{token.pk}")
    assert "4711" in page
    assert "4712" not in page
    lists = page[page.index("On the lists of charge points") :]
    assert "CP16" in lists
    assert "<script>document" not in page
    empty = words(text(bob, f"{LIST}/{a_token('NEW').pk}"))
    assert "It was never used." in empty
    assert "On none" in empty
    assert bob.get(f"{LIST}/99999").status_code == 404


def test_an_operator_changes_it(alice: Client) -> None:
    token = a_token("CARD", expires_at=timezone.now().replace(second=30, microsecond=5))
    kept = token.expires_at
    form = {"label": "Eve", "parent": "FLEET", "max_active": "0"}
    form["expires_at"] = kept.strftime("%Y-%m-%dT%H:%M")
    answer = alice.post(f"{LIST}/{token.pk}/change", form, follow=True)
    assert "CARD was changed." in answer.content.decode()
    token.refresh_from_db()
    assert (token.label, token.parent, token.max_active, token.expires_at) == ("Eve", "FLEET", 0, kept)
    assert "was so already" in alice.post(f"{LIST}/{token.pk}/change", form, follow=True).content.decode()
    answer = alice.post(f"{LIST}/{token.pk}/change", form | {"parent": "a\u200bb", "label": "x" * 101})
    assert answer.status_code == 422
    [entry] = done_to("id_token", "CARD")
    assert (entry.by, set(entry.details["to"])) == ("alice", {"label", "parent", "max_active"})


def test_an_operator_blocks_it_with_a_reason_and_unblocks_it(alice: Client) -> None:
    token = a_token()
    page = alice.post(
        f"{LIST}/{token.pk}/block", {"blocked": "yes", "reason": " lost ", "back": "token"}, follow=True
    )
    assert page.redirect_chain == [(f"{LIST}/{token.pk}", 302)]
    assert "lost" in page.content.decode()
    token.refresh_from_db()
    assert token.blocked
    assert done_to("id_token", "CARD").get().reason == "lost"
    alice.post(f"{LIST}/{token.pk}/block", {"blocked": "no"})
    token.refresh_from_db()
    assert not token.blocked


def test_only_one_that_was_never_used_is_deleted_and_only_when_that_is_meant(alice: Client) -> None:
    token, used = a_token("CARD"), a_token("USED")
    make_transaction(make_charge_point(), 1, id_token="used", token_key=used.canonical)
    assert "/delete" not in text(alice, f"{LIST}/{used.pk}")
    answer = alice.post(f"{LIST}/{used.pk}/delete", {"confirmed": "yes"}, follow=True)
    assert "block it instead" in answer.content.decode()
    assert "Delete it?" in alice.post(f"{LIST}/{token.pk}/delete").content.decode()
    assert IdToken.objects.count() == 2
    alice.post(f"{LIST}/{token.pk}/delete", {"confirmed": "yes"})
    assert list(IdToken.objects.all()) == [used]


def test_an_unknown_one_is_registered_from_where_it_is_seen(alice: Client) -> None:
    now = timezone.now()
    UnknownToken.objects.create(
        id_token=HOSTILE[:20], charge_point=make_charge_point(), first_at=now, last_at=now, count=3
    )
    page = text(alice, LIST)
    assert "3 transactions" in page
    assert "<script>document" not in page
    alice.post(f"{LIST}/add", {"id_token": HOSTILE[:20], "label": "Eve"})
    assert not UnknownToken.objects.exists()
    assert IdToken.objects.get().label == "Eve"


def test_who_may_only_look_sees_no_button_and_is_refused(bob: Client) -> None:
    token, now = a_token(), timezone.now()
    UnknownToken.objects.create(id_token="U", charge_point=make_charge_point(), first_at=now, last_at=now)
    page = text(bob, LIST) + text(bob, f"{LIST}/{token.pk}")
    assert not re.search(r"sys/tokens/(add|import|\d+/(change|block|delete))", page)
    for act in ("change", "block", "delete"):
        refused = bob.post(f"{LIST}/{token.pk}/{act}", {"confirmed": "yes", "label": "x"})
        assert refused.status_code == 403
        assert "Ask an administrator for the role Operator" in refused.content.decode()
    assert bob.get(f"{LIST}/import").status_code == 403
    for act in ("look", "take"):
        assert bob.post(f"{LIST}/import/{act}", upload("id_token\nX\n")).status_code == 403
    assert list(IdToken.objects.values_list("id_token", "blocked", "label")) == [("CARD", False, "")]
    assert not AuditEntry.objects.exists()


# --- files ------------------------------------------------------------------------------------------------------------


def carried(page: str) -> str:
    import html

    found = re.search(r'name="carried" value="([^"]*)"', page)
    assert found is not None
    return html.unescape(found[1])


def test_a_file_is_shown_before_it_is_taken_in(alice: Client) -> None:
    a_token("CARD", label="Eve")
    content = f"id_token,label\r\nCARD,{HOSTILE}\r\nNEW,Dan\r\n"
    page = alice.post(f"{LIST}/import/look", upload(content, upsert="on")).content.decode()
    said = words(page)
    assert "Added 1 Changed 1 As they are 0" in said
    assert "CARD label Eve &lt;script&gt;" in said
    assert "NEW (Dan)" in re.sub(r"\s+", " ", said).replace("( ", "(").replace(" )", ")")
    assert "<script>document" not in page
    assert IdToken.objects.count() == 1
    assert not AuditEntry.objects.exists()
    answer = alice.post(f"{LIST}/import/take", {"carried": carried(page), "upsert": "on"}, follow=True)
    assert "1 tokens were added and 1 changed" in words(answer.content.decode())
    assert set(IdToken.objects.values_list("id_token", "label")) == {("CARD", HOSTILE), ("NEW", "Dan")}
    assert AuditEntry.objects.get().by == "alice"


def test_what_is_wrong_is_told_line_by_line_and_nothing_is_taken(alice: Client) -> None:
    a_token("CARD", label="Eve")
    for step in ("look", "take"):
        answer = alice.post(
            f"{LIST}/import/{step}", upload("id_token,label,blocked\nCARD,Dan,\nNEW,x,perhaps\n\tBAD,,\n")
        )
        assert answer.status_code == 422
        page = words(answer.content.decode())
        assert "2 things are wrong with the file" in page
        assert "3 blocked It is true, false or empty." in page
    answer = alice.post(f"{LIST}/import/look", upload("id_token,label\nCARD,Dan\n"))
    assert "It is known already, with another label." in words(answer.content.decode())
    assert IdToken.objects.get().label == "Eve"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id_token\n\xff\n", "CSV UTF-8"),
        (b"", "empty"),
        (None, "Choose a file"),
        (b"id_token,label\n\n", "The file has no tokens"),
    ],
    ids=["not UTF-8", "empty", "none", "only a heading"],
)
def test_a_file_that_cannot_be_read_says_why(alice: Client, content: bytes | None, said: str) -> None:
    answer = alice.post(f"{LIST}/import/look", {} if content is None else upload(content))
    assert answer.status_code == 422
    assert said in words(answer.content.decode())


def test_a_large_file_is_chosen_again(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_import, "CARRIED_MAX", 10)
    page = alice.post(f"{LIST}/import/look", upload("id_token\nNEW1\nNEW2\n")).content.decode()
    assert 'name="carried"' not in page[page.index("What the file would do") :].split("</form>")[0]
    alice.post(f"{LIST}/import/take", upload("id_token\nNEW1\nNEW2\n"))
    assert IdToken.objects.count() == 2


def test_the_page_of_the_import_says_what_a_file_looks_like(alice: Client) -> None:
    page = text(alice, f"{LIST}/import")
    assert "id_token,type,label,parent,blocked,expires_at,max_active,evses,language,personal_message" in page
    assert len(read_tokens(io.StringIO(re.search(r"<pre[^>]*>([^<]*)</pre>", page)[1]))) == 1  # type: ignore[index]
