"""A fact counts once its transaction has committed, in the writer and outside it, and what is rolled back never."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from django.db import IntegrityError, transaction
from prometheus_client import REGISTRY, generate_latest

from csms.core import counting
from csms.core.counting import FactCounter
from csms.core.writer import Writer
from tests.core.test_writer import Gate, keep

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = count()


@pytest.fixture
def writer() -> Iterator[Writer]:
    writer = Writer(batch_max=64, queue_max=1000, retry_seconds=0.05)
    yield writer
    writer.close(10)


@pytest.fixture
def facts() -> Iterator[FactCounter]:
    """A counter by two labels, gone after the test."""
    facts = FactCounter(f"test_facts_{next(NUMBER)}_total", "For a test.", kind=("a", "b"), how=("x",))
    yield facts
    REGISTRY.unregister(facts._counter)


@pytest.fixture
def words() -> Iterator[FactCounter]:
    """A counter by one label."""
    words = FactCounter(f"test_words_{next(NUMBER)}_total", "For a test.", word=("a", "b", "c"))
    yield words
    REGISTRY.unregister(words._counter)


def counted(facts: FactCounter) -> dict[tuple[str, ...], float]:
    """The series that are not 0."""
    return {values: child._value.get() for values, child in facts._series.items() if child._value.get()}


# --- in the writer ----------------------------------------------------------------------------------------------------


async def test_it_counts_after_the_commit(writer: Writer, facts: FactCounter) -> None:
    gate = Gate(writer)
    seen: list[dict[tuple[str, ...], float]] = []

    def unit() -> None:
        facts.add("a", "x")
        facts.add("a", "x", amount=2)
        seen.append(counted(facts))

    both = [asyncio.ensure_future(writer.run(unit)) for _ in range(2)]
    await gate.open()
    await asyncio.gather(*both)
    assert seen == [{}, {}]  # both were of one batch, which had not committed
    assert counted(facts) == {("a", "x"): 6}


async def test_a_batch_that_runs_again_counts_once_and_what_failed_counts_nothing(
    writer: Writer, facts: FactCounter
) -> None:
    runs: list[str] = []

    def unit(name: str, fails: bool) -> Callable[[], None]:
        def work() -> None:
            runs.append(name)
            facts.add("b" if fails else "a", "x")
            keep(name)()
            if fails:
                raise ValueError(name)

        return work

    gate = Gate(writer)
    units = [asyncio.ensure_future(writer.run(unit(name, name == "bad"))) for name in ("one", "bad", "two")]
    await gate.open()
    done = await asyncio.gather(*units, return_exceptions=True)
    assert [type(result) for result in done] == [type(None), ValueError, type(None)]
    assert runs.count("one") == 2  # it ran in the batch that failed, and then by itself
    assert counted(facts) == {("a", "x"): 2}


async def test_a_commit_that_fails_counts_nothing(writer: Writer, facts: FactCounter) -> None:
    def unit() -> None:
        facts.add("a", "x")
        keep("T")()  # the same token twice is refused by the database

    await writer.run(unit)
    with pytest.raises(IntegrityError):
        await writer.run(unit)
    assert counted(facts) == {("a", "x"): 1}


async def test_it_counts_when_the_commit_was_made_but_not_answered(
    writer: Writer, facts: FactCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from csms.core import writer as module

    broken = iter([True])
    real = module.transaction.atomic

    class Atomic:
        def __enter__(self) -> None:
            self.inner = real()
            self.inner.__enter__()

        def __exit__(self, *error: object) -> None:
            self.inner.__exit__(*error)  # type: ignore[arg-type]
            if next(broken, False):
                raise OperationalError("the answer was lost")

    monkeypatch.setattr(module.transaction, "atomic", Atomic)

    def unit() -> None:
        facts.add("a", "x")
        keep("T")()

    await writer.run(unit)
    assert counted(facts) == {("a", "x"): 1}


# --- outside it -------------------------------------------------------------------------------------------------------


def test_a_transaction_counts_when_it_commits_and_not_when_it_is_rolled_back(facts: FactCounter) -> None:
    def undone() -> None:
        with transaction.atomic():
            facts.add("b", "x")
            raise ValueError

    with transaction.atomic():
        facts.add("a", "x")
        with pytest.raises(ValueError):
            undone()
        assert counted(facts) == {}
    assert counted(facts) == {("a", "x"): 1}
    with pytest.raises(ValueError):
        undone()
    assert counted(facts) == {("a", "x"): 1}


def test_without_a_transaction_it_counts_at_once(words: FactCounter) -> None:
    words.add("a")
    words.add_each(("a", "b", "b", "nonsense"))
    assert counted(words) == {("a",): 2, ("b",): 2, ("other",): 1}


# --- labels -----------------------------------------------------------------------------------------------------------


def test_strange_values_are_other_and_none_of_them_is_remembered(
    facts: FactCounter, words: FactCounter
) -> None:
    for number in range(50):
        facts.add(f"strange {number}", "x")
        facts.add("a", f'"}} {number}\n')
        words.add(f"strange {number}")
        words.add_each((f"strange {number}", "a"))
        words.add_each(("b",) * (counting.FEW + 1 + number))
    assert counted(facts) == {("other", "x"): 50, ("a", "other"): 50}
    assert set(words._series) == {("a",), ("b",), ("c",), ("other",)}
    assert words._bundles == {}
    assert b"strange 7" not in generate_latest()


def test_what_comes_again_and_again_is_remembered_up_to_a_bound(
    words: FactCounter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BUNDLES_MAX", 2)
    for values in (("a",), ("a", "b"), ("b", "a"), ("a", "b")):
        words.add_each(values)
    assert set(words._bundles) == {("a",), ("a", "b")}
    assert counted(words) == {("a",): 4, ("b",): 3}


def test_a_counter_of_few_series_has_them_all_from_the_beginning(facts: FactCounter) -> None:
    assert set(facts._series) == {(kind, how) for kind in ("a", "b", "other") for how in ("x", "other")}


def test_a_table_that_grows_is_asked_when_a_fact_comes() -> None:
    table = {"a"}
    late = FactCounter(f"test_late_{next(NUMBER)}_total", "For a test.", word=lambda: table)
    assert late._series == {}
    late.add("b")
    table.add("b")
    late.add("b")
    assert counted(late) == {("other",): 1, ("b",): 1}
    REGISTRY.unregister(late._counter)
