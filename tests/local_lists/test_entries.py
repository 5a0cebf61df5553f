"""What two lists differ in."""

from datetime import UTC, datetime

from transactions.local_lists.entries import Entry, difference, read_entry

THEN = datetime(2030, 1, 1, tzinfo=UTC)
ALICE, BOB = Entry("ALICE", "Accepted"), Entry("BOB", "Accepted", "FLEET", THEN)


def test_lists_that_say_the_same_do_not_differ() -> None:
    assert not difference([ALICE, BOB], [BOB, ALICE])
    assert not difference([], [])


def test_tokens_are_compared_without_regard_to_case() -> None:
    assert not difference([ALICE], [Entry("alice", "Accepted")])


def test_each_fact_of_a_token_counts() -> None:
    for other in (
        Entry("BOB", "Blocked", "FLEET", THEN),
        Entry("BOB", "Accepted"),
        Entry("BOB", "Accepted", "FLEET"),
    ):
        delta = difference([BOB], [other])
        assert (delta.removed, delta.changed, delta.added) == ((), (other,), ())


def test_removals_come_first_then_changes_then_additions() -> None:
    blocked = Entry("ALICE", "Blocked")
    delta = difference([ALICE, BOB], [blocked, Entry("EVE", "Accepted")])
    every = [{"id_token": "BOB"}, blocked.as_json(), {"id_token": "EVE", "status": "Accepted"}]
    assert delta.as_json() == every


def test_an_entry_comes_back_from_the_parameters_of_a_command() -> None:
    assert [read_entry(entry.as_json()) for entry in (ALICE, BOB)] == [ALICE, BOB]
