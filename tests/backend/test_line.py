"""Messages of one connection keep their order while one of them waits for a verdict."""

import asyncio
from typing import Any

from chargers.line import Line


class Writer:
    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        self.dropped: list[str] = []
        self.lines: set[Line] = set()
        self.line = Line(self.lines)

    def put(self, name: str, verdict: Any = None, *, call: bool = True) -> None:
        async def hand_over(said: Any) -> None:
            await asyncio.sleep(0)
            self.got.append((name, said))

        self.line.put(hand_over, verdict, dropped=(lambda: self.dropped.append(name)) if call else None)

    async def settled(self) -> None:
        while self.line:
            await asyncio.sleep(0)


async def says(word: str, when: asyncio.Event) -> str:
    await when.wait()
    return word


async def test_what_comes_behind_a_question_waits_and_each_gets_its_own_verdict() -> None:
    writer, first, second = Writer(), asyncio.Event(), asyncio.Event()
    writer.put("authorize", says("Accepted", first))
    writer.put("status")
    writer.put("start", says("Blocked", second))
    writer.put("meter", "known at once")
    assert writer.line
    assert writer.lines == {writer.line}
    second.set()  # answered earlier, and handed over later all the same
    for _ in range(20):
        await asyncio.sleep(0)
    assert writer.got == []
    first.set()
    await writer.settled()
    assert writer.got == [
        ("authorize", "Accepted"),
        ("status", None),
        ("start", "Blocked"),
        ("meter", "known at once"),
    ]
    assert writer.lines == set()


async def test_a_line_begins_anew_after_it_was_worked_off() -> None:
    writer, now = Writer(), asyncio.Event()
    now.set()
    for number in range(3):
        writer.put(str(number), says("yes", now))
        await writer.settled()
    assert [name for name, _ in writer.got] == ["0", "1", "2"]


async def test_a_question_that_breaks_lets_what_is_known_here_decide() -> None:
    async def breaks() -> None:
        raise RuntimeError("a mistake of ours")

    writer = Writer()
    writer.put("authorize", breaks())
    writer.put("status")
    await writer.settled()
    assert writer.got == [("authorize", None), ("status", None)]


async def test_a_line_that_is_cut_drops_calls_and_hands_over_the_rest() -> None:
    writer, never = Writer(), asyncio.Event()
    writer.put("start", says("Accepted", never))
    writer.put("answer to a command", call=False)
    writer.put("meter")
    await asyncio.sleep(0)
    await writer.line.cut()
    assert writer.got == [("answer to a command", None)]
    assert writer.dropped == ["start", "meter"]
    writer.put("boot", says("Accepted", never))  # it was just being read
    await writer.settled()
    assert writer.dropped[-1] == "boot"


async def test_what_ends_a_connection_comes_last() -> None:
    writer, when = Writer(), asyncio.Event()
    writer.line.end(lambda: writer.got.append(("end", None)))
    assert writer.got == [("end", None)]
    writer.put("start", says("Accepted", when))
    writer.line.end(lambda: writer.got.append(("end", None)))
    when.set()
    await writer.settled()
    assert writer.got[1:] == [("start", "Accepted"), ("end", None)]
