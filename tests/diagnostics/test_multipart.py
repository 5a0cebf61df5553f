"""Multipart bodies, cut anywhere, give the file that is in them or say why not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargers.diagnostics.multipart import FirstFile, Malformed, boundary_of

B = b"--xyz"
FORM = (
    b'preamble\r\n--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\nnothing\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="d.zip"\r\nContent-Type: application/zip\r\n\r\n'
    b"%s\r\n--xyz--\r\nepilogue"
)


def read(body: bytes, cuts: list[int] | None = None) -> tuple[FirstFile, bytes]:
    form = FirstFile(b"xyz")
    edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts or ())})
    content = b"".join(form.feed(body[a:b]) for a, b in zip(edges, edges[1:], strict=False))
    return form, content


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=20))
def test_wherever_it_is_cut_the_file_comes_out(content: bytes, cuts: list[int]) -> None:
    if b"\r\n--xyz" in content:
        return
    form, found = read(FORM % content, cuts)
    assert found == content
    assert (form.whole, form.name, form.content_type) == (True, "d.zip", "application/zip")


@given(st.binary(max_size=400), st.lists(st.integers(0, 1000), max_size=10))
def test_nonsense_never_does_worse_than_malformed(body: bytes, cuts: list[int]) -> None:
    for text in (
        body,
        b"--xyz\r\n" + body,
        b"--xyz\r\nContent-Disposition: " + body + b"\r\n\r\nx\r\n--xyz--",
    ):
        try:
            read(text, cuts)
        except Malformed:
            pass


def test_content_that_looks_nearly_like_a_boundary_is_content() -> None:
    for content in (b"\r\n--xy", b"\r\n-", b"\r", b"\r\n", b"--xyz", b"\r\r\n--xy\r\n", b""):
        assert read(FORM % content, list(range(400)))[1] == content


def test_a_part_without_any_head_counts_as_the_file() -> None:
    form, content = read(b"--xyz\r\n\r\ncontent\r\n--xyz--")
    assert (form.whole, content) == (True, b"content")


@pytest.mark.parametrize(
    "body", [(FORM % b"half")[:-20], b"", b"--xyz--", b"no boundary", b'--xyz\r\nA: b; filename="c"\r\n\r\n']
)
def test_half_a_form_is_not_whole(body: bytes) -> None:
    assert not read(body)[0].whole


def test_a_head_without_end_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(b"--xyz\r\n" + b"A" * 20_000)


def test_only_the_first_file_counts_and_nothing_is_held_back() -> None:
    form = FirstFile(b"xyz")
    assert form.feed(FORM % b"one") == b"one"
    assert form.feed(FORM % b"two") == b""
    assert form._held == b""


FIELD = b'--xyz\r\nContent-Disposition: form-data; name="n"\r\n\r\n%s\r\n'


@pytest.mark.parametrize("flood", [FIELD % b"" * 2000, FIELD % (b"x" * 99_000), b"preamble" * 12_000])
def test_a_flood_of_anything_but_a_file_is_malformed(flood: bytes) -> None:
    with pytest.raises(Malformed, match="too much beside"):
        read(flood, list(range(0, 10**6, 1000)))


def test_files_may_be_long_and_what_follows_them_too() -> None:
    form, content = read(
        FIELD % b"note" + FORM % (b"x" * 500_000) + b"x" * 500_000, list(range(0, 10**6, 5000))
    )
    assert (form.whole, len(content)) == (True, 500_000)


def test_boundaries() -> None:
    assert boundary_of("application/octet-stream") is None
    assert boundary_of("") is None
    assert boundary_of("multipart/form-data; boundary=xyz") == b"xyz"
    assert boundary_of('Multipart/Form-Data; boundary="a b"') == b"a b"
    for wrong in (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/x; boundary={'x' * 71}",
    ):
        with pytest.raises(Malformed):
            boundary_of(wrong)
