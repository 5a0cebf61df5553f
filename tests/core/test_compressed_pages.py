"""Pages are compressed for whoever takes that, and nothing else is."""

import gzip

import pytest
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import Client, RequestFactory

from csms.compressed_pages import CompressedPages

LONG = b"<p>Good morning</p>" * 1000


def through(answer: HttpResponseBase, encoding: str = "gzip, deflate, br") -> HttpResponseBase:
    return CompressedPages(lambda _: answer)(RequestFactory().get("/", headers={"accept-encoding": encoding}))


def test_a_page_goes_compressed_to_whoever_takes_that() -> None:
    answer = through(HttpResponse(LONG))
    assert isinstance(answer, HttpResponse)
    assert (answer["Content-Encoding"], answer["Vary"]) == ("gzip", "Accept-Encoding")
    assert answer["Content-Length"] == str(len(answer.content))
    assert len(answer.content) < len(LONG) / 10
    assert gzip.decompress(answer.content) == LONG


def test_a_page_goes_as_it_is_to_whoever_does_not() -> None:
    answer = through(HttpResponse(LONG), "br")
    assert isinstance(answer, HttpResponse)
    assert (answer.content, answer["Vary"], "Content-Encoding" in answer) == (LONG, "Accept-Encoding", False)


def test_the_length_of_a_page_tells_nothing_exact() -> None:
    lengths = {through(HttpResponse(LONG))["Content-Length"] for _ in range(50)}
    assert len(lengths) > 5


@pytest.mark.parametrize(
    "answer",
    [
        HttpResponse(LONG, content_type="application/json"),
        HttpResponse(LONG, content_type="text/csv"),
        HttpResponse(LONG, content_type=""),
        StreamingHttpResponse([LONG], content_type="text/event-stream"),
        StreamingHttpResponse([LONG]),
    ],
    ids=["json", "csv", "nothing said", "events", "streamed"],
)
def test_what_programs_read_and_what_is_streamed_goes_as_it_is(answer: HttpResponseBase) -> None:
    assert "Content-Encoding" not in through(answer)


@pytest.mark.django_db
def test_the_pages_of_the_house_are_compressed_and_its_api_is_not(client: Client) -> None:
    taking = {"accept-encoding": "gzip"}
    page = client.get("/sign-in", headers=taking)
    assert page["Content-Encoding"] == "gzip"
    assert b"csrfmiddlewaretoken" in gzip.decompress(page.content)
    assert "Content-Encoding" not in client.get("/api/v1/schema/?format=json", headers=taking)
    assert "Content-Encoding" not in client.get("/metrics", headers=taking)
