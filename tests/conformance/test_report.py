"""The statement of conformance cannot say more than the tests have shown."""

import json
from pathlib import Path

import pytest

from tests.conformance import report
from tests.conformance.__main__ import main
from tests.conformance.report import Case, Gap, Row, document, matched


def row(id: str, kind: str = "testcase") -> Row:
    return Row(id, kind, "Core", "both", "M", "A title")


def case(name: str) -> Case:
    return Case(f"tests/conformance/v16/test_x.py::{name}", name)


@pytest.mark.parametrize(
    ("id", "prefix"),
    [
        ("TC_004_1_CSMS", "test_tc_004_1"),
        ("MSG-GetInstalledCertificateIds", "test_msg_get_installed_certificate_ids"),
        ("S16-05", "test_s16_05"),
        ("LIB-10", "test_lib_10"),
        ("T-042", "test_t_042"),
        ("Q-X2b", "test_quirk_x2b"),
        ("A-04", "test_attack_04"),
    ],
)
def test_a_row_names_its_tests(id: str, prefix: str):
    assert row(id).prefix == prefix


def test_the_longest_id_that_a_name_begins_with_is_meant():
    wanted = [row("Q-X2"), row("Q-X2b")]
    found = matched(wanted, [case("test_quirk_x2_minus_one"), case("test_quirk_x2b_zero")], {})
    assert [[test.name for test in tests] for tests in found.values()] == [
        ["test_quirk_x2_minus_one"],
        ["test_quirk_x2b_zero"],
    ]


@pytest.mark.parametrize(
    ("tests", "waived", "complaint"),
    [
        ([], {}, "TC_012_CSMS has neither a test nor a waiver"),
        ([case("test_tc_012_x"), case("test_tc_999_x")], {}, "test_tc_999_x bears no id of a row"),
        ([case("test_tc_0123_x")], {}, "TC_012_CSMS has neither a test nor a waiver"),
        ([case("test_tc_012_x")], {"TC_012_CSMS": "why"}, "TC_012_CSMS is waived, and has the test"),
        ([case("test_tc_012_x")], {"TC_9": "why"}, "TC_9 is waived, but there is no such row"),
    ],
)
def test_rows_and_tests_that_do_not_fit_are_told(tests: list[Case], waived: dict[str, str], complaint: str):
    with pytest.raises(Gap, match=complaint):
        matched([row("TC_012_CSMS")], tests, waived)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(report, "rows", lambda version: [row("TC_012_CSMS"), row("S16-01", "semantic")])
    monkeypatch.setattr(report, "cases", lambda version: [case("test_tc_012_remote_stop")])
    monkeypatch.setattr(report, "waivers", lambda version: {"S16-01": "because"})
    monkeypatch.setattr(report, "covered", lambda version: {})
    monkeypatch.setattr("tests.conformance.__main__.DOCUMENT", tmp_path / "conformance.md")
    monkeypatch.setattr("tests.conformance.__main__.DATA", tmp_path / "conformance.json")
    return tmp_path / "conformance.md"


@pytest.mark.parametrize("outcome", [None, "failed", "skipped"])
@pytest.mark.usefixtures("made_up")
def test_a_test_that_did_not_pass_is_no_evidence(outcome: str | None):
    test = case("test_tc_012_remote_stop")
    with pytest.raises(Gap, match="test_tc_012_remote_stop"):
        document("v16", "OCPP 1.6", {test.id: outcome} if outcome else {})


def test_the_document_counts_shows_tests_and_waivers_and_drift_is_noticed(
    made_up: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    outcomes = {case("test_tc_012_remote_stop").id: "passed"}
    monkeypatch.setattr("tests.conformance.__main__.last_outcomes", lambda: outcomes)
    assert main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert main([]) == 0
    text = made_up.read_text()
    assert "| Certification cases | 1 | 1 | 0 |" in text
    assert "| TC_012_CSMS | A title | M | `test_tc_012_remote_stop` |" in text
    assert "| S16-01 | A title | M | waived: because |" in text
    assert main(["--check"]) == 0
    made_up.write_text(text + "x")
    assert main(["--check"]) == 1
    assert main([]) == 0
    shown = made_up.with_suffix(".json")
    tested, waived, *of_later_versions = json.loads(shown.read_text())
    assert len(of_later_versions) == 2 * len(report.VERSIONS[1:])
    assert (tested["tests"], tested["waiver"]) == (["test_tc_012_remote_stop"], "")
    assert (waived["tests"], waived["waiver"]) == ([], "because")
    shown.write_text("[]")
    assert main(["--check"]) == 1
    assert "conformance.json: out of date" in capsys.readouterr().err
    outcomes.clear()
    assert main([]) == 1


@pytest.mark.parametrize("version", [folder for folder, _ in report.VERSIONS])
def test_rows_and_tests_of_every_version_fit(version: str):
    assert matched(
        report.rows(version), report.cases(version), report.waivers(version), report.covered(version)
    )


def test_what_is_not_yet_tested_is_not_stated():
    for version, _ in report.VERSIONS:
        assert "not yet" not in report.waivers(version).values()


def test_a_use_case_may_be_proven_by_the_tests_of_other_rows():
    wanted = [row("TC_B_01"), row("TC_B_02"), row("UC-2.0.1-B01")]
    tests = [case("test_tc_b_01_boot"), case("test_tc_b_02_pending")]
    found = matched(wanted, tests, {}, {"UC-2.0.1-B01": ["TC_B_01", "TC_B_02"]})
    assert [one.name for one in found["UC-2.0.1-B01"]] == [one.name for one in tests]
    for by in ({"UC-2.0.1-B01": ["TC_B_03"]}, {"UC-2.0.1-B99": ["TC_B_01"]}):
        with pytest.raises(Gap, match="cannot be proven by"):
            matched(wanted, tests, {"UC-2.0.1-B01": "not yet"}, by)


def test_a_version_that_is_added_has_a_section_of_its_own(made_up: Path):
    outcomes = {case("test_tc_012_remote_stop").id: "passed"}
    text = document("v16", "OCPP 1.6", outcomes, ("v201", "OCPP 2.0.1"))
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## OCPP 1.6", "## OCPP 2.0.1"]
