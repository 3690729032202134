"""Real TFTP servers, each certified as a whole, and the reviewed expectation for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pxeconform.registry.measured import violators
from pxeconform.requirements.catalogue import find
from tests.servers import lab, table, together
from tests.servers.certifying import EXPECTED, OPTIONS, Certified, expected
from tests.servers.findings import LEGAL, NOT_TRIED, REFUTED, REPRODUCED, findings
from tests.servers.netns import Network
from tests.servers.programs import PROGRAMS, serve

pytestmark = pytest.mark.servers

Runs = Callable[[str], Certified]
QUICK = ("tftpd-hpa", "dnsmasq", "py3tftp")
"""These are done in a minute and a half, and are part of `make test`."""
each_server = pytest.mark.parametrize(
    "server", [name if name in QUICK else pytest.param(name, marks=pytest.mark.farm) for name in PROGRAMS]
)


@each_server
def test_the_violations_are_the_reviewed_ones(server: str, certified: Runs) -> None:
    run = certified(server)
    reviewed = expected(run.program)
    found = {requirement: run.run.verdict(requirement)["observed"] for requirement in run.run.of("fail")}
    assert found.keys() - reviewed.keys() == set(), {r: found[r] for r in found.keys() - reviewed.keys()}
    missing = {r for r, deviation in reviewed.items() if not deviation.sometimes} - found.keys()
    assert missing == set(), {r: run.run.verdict(r) for r in missing}


@each_server
def test_each_violation_shows_its_packets(server: str, certified: Runs) -> None:
    run = certified(server)
    for requirement, deviation in expected(run.program).items():
        if deviation.sometimes and requirement not in run.run.of("fail"):
            continue
        cited = run.cited(requirement)
        missing = [frame for frame in deviation.frames if not any(one.startswith(frame) for one in cited)]
        assert not missing, f"{requirement} cites {cited}, and not {missing}"


@each_server
def test_nothing_broke_and_nothing_was_a_matter_of_luck(server: str, certified: Runs) -> None:
    run = certified(server).run
    sometimes = {r for r, deviation in expected(PROGRAMS[server]).items() if deviation.sometimes}
    lucky = run.of("error") | (run.of("flaky") - sometimes)
    assert {r: run.verdict(r) for r in lucky} == {}
    must = {r for r in run.of("fail") if str(run.verdict(r)["level"]).startswith("MUST")}
    assert run.exit_code == (1 if must else 0), run.said


@pytest.mark.parametrize("path", sorted(EXPECTED.glob("*.toml")), ids=lambda path: str(path.stem))
def test_every_expectation_was_reviewed(path: Path) -> None:
    """Each names a requirement that exists, its section, packets, and a sentence that says why it is a deviation."""
    for requirement, deviation in expected(PROGRAMS[path.stem]).items():
        rule = find(requirement)
        assert rule is not None, f"{requirement} is no requirement"
        assert deviation.section == f"{rule.requirement.document} §{rule.requirement.section}"
        assert deviation.frames
        assert len(deviation.why.split()) >= 8, f"{requirement}: {deviation.why}"
        assert deviation.why.rstrip().endswith(".")


def test_every_server_has_an_expectation() -> None:
    assert {path.stem for path in EXPECTED.glob("*.toml")} == set(PROGRAMS)


def test_the_page_tells_what_the_files_say() -> None:
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def test_explain_tells_what_the_files_say() -> None:
    assert table.TABLE.read_text(encoding="utf-8") == table.rows()
    assert {row.server for row in violators("TFTP-1350-SEC-01")} == {"py3tftp 1.3.0"}


def test_what_was_known_before_is_in_the_files_or_refuted() -> None:
    for finding in findings():
        assert finding.came in (REPRODUCED, LEGAL, REFUTED, NOT_TRIED)
        assert finding.requirements or finding.note, finding.said
        assert bool(finding.requirements) or finding.came != REPRODUCED, finding.said
        for server in finding.servers:
            violated = finding.requirements if finding.came == REPRODUCED else ()
            reviewed = expected(PROGRAMS[server]).keys()
            assert set(finding.requirements) & reviewed == set(violated), f"{server}: {finding.said}"


class TestTftpdHpa:
    """What holds for a run as such is shown on one server."""

    HPA = PROGRAMS["tftpd-hpa"]

    @pytest.fixture
    def hpa(self, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
        """The server runs while the tests of this class do; gives its ICS file."""
        folder = tmp_path_factory.mktemp("hpa")
        ics = folder / "ics.toml"
        ics.write_text(self.HPA.ics())
        with lab.start(self.HPA, network, serve(folder), folder / "log"):
            yield ics

    @pytest.mark.parametrize("server", ["tftpd-hpa"])
    def test_most_is_exercised(self, server: str, certified: Runs) -> None:
        run = certified(server).run
        judged = run.of("pass") | run.of("fail")
        assert len(judged) >= 0.75 * len(run.verdicts), run.said

    @pytest.mark.parametrize("server", ["tftpd-hpa"])
    def test_the_run_takes_as_long_as_its_longest_wait(self, server: str, certified: Runs) -> None:
        run = certified(server).run
        assert together.took(run) <= together.allowed(run) + together.stalled(run)

    def test_the_same_alone_and_together(self, quarter: Callable[[], list[Certified]]) -> None:
        alone, beside = (one.run.verdicts for one in quarter())
        assert alone == beside

    def test_evidence_is_marked(self, network: Network, hpa: Path, tmp_path: Path) -> None:
        run = lab.certify(network, tmp_path / "run", *OPTIONS, "--ics", hpa, "-k", "foreign-acknowledgment")
        rows = run.evidence("frame.number", "frame.comment", "tftp.opcode")
        strays = [row for row in rows if row[1] == "scenario=tftp/foreign-acknowledgment socket=stranger"]
        assert strays
        cited = set(map(str, run.verdict("TFTP-1350-TID-05")["evidence"]["frames"]))
        assert cited & {row[0] for row in strays}

    def test_without_a_file_little_can_be_said(self, network: Network, hpa: Path, tmp_path: Path) -> None:
        run = lab.certify(network, tmp_path / "run", *OPTIONS, "--patience", "2", "-k", "TFTP-1350-TID")
        assert {"TFTP-1350-TID-01", "TFTP-1350-TID-02"} <= run.of("pass")
        assert run.of("fail") == set()
        assert "--file" in run.verdict("TFTP-1350-TID-05")["reason"]
