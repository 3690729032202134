"""Real TFTP servers, and a reviewed expectation for each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import lab
from tests.servers.netns import Network

pytestmark = pytest.mark.servers

IDENTIFIERS = {f"TFTP-1350-TID-{n}" for n in ("01", "02", "03", "05", "06", "07", "08", "09")}
ALL = IDENTIFIERS | {"TFTP-1123-SAS-01"}
ODD = f"odd.bin:{hashlib.sha256(lab.FILES['odd.bin']).hexdigest()}"
OPTIONS = ("--profile", "tftp", "--file", ODD, "--file", "even.bin", "--patience", "3")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tftp")
    folder.chmod(0o755)
    return lab.serve_files(folder / "root", lab.FILES)


@pytest.fixture(scope="class")
def hpa(network: Network, served: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with lab.tftpd_hpa(network, served, tmp_path_factory.mktemp("log") / "hpa"):
        yield


class TestTftpdHpa:
    def test_findings(self, network: Network, hpa: None, tmp_path: Path) -> None:
        run = lab.certify(network, tmp_path / "run", *OPTIONS)
        # tftpd-hpa reads a transfer's socket with the client's address connected: a stranger's datagram never reaches
        # it, so no ERROR 5 is sent (RFC 1350 section 4 wants one; a SHOULD, and none depends on it).
        assert run.of("fail") == {"TFTP-1350-TID-05"}
        assert run.of("pass") == ALL - {"TFTP-1350-TID-05"}
        assert run.exit_code == 0, run.said
        verdict = run.verdict("TFTP-1350-TID-05")
        assert verdict["observed"] == "nothing came to the stranger (2 times)"
        assert "repeated 1 of 1 times" in verdict["reason"]

    def test_the_same_alone_and_together(self, network: Network, hpa: None, tmp_path: Path) -> None:
        runs = [lab.certify(network, tmp_path / jobs, *OPTIONS, "--jobs", jobs) for jobs in ("1", "8", "16")]
        assert runs[0].verdicts == runs[1].verdicts == runs[2].verdicts

    def test_evidence_is_marked(self, network: Network, hpa: None, tmp_path: Path) -> None:
        run = lab.certify(network, tmp_path / "run", *OPTIONS, "-k", "foreign-acknowledgment")
        rows = run.evidence("frame.number", "frame.comment", "tftp.opcode")
        strays = [row for row in rows if row[1] == "scenario=tftp/foreign-acknowledgment socket=stranger"]
        assert strays
        cited = set(map(str, run.verdict("TFTP-1350-TID-05")["evidence"]["frames"]))
        assert cited & {row[0] for row in strays}

    def test_without_a_file_little_can_be_said(self, network: Network, hpa: None, tmp_path: Path) -> None:
        run = lab.certify(network, tmp_path / "run", "--profile", "tftp", "--patience", "2")
        assert run.of("pass") == {"TFTP-1350-TID-01", "TFTP-1350-TID-02"}
        assert run.of("not_exercised") == ALL - run.of("pass")
        assert "--file" in run.verdict("TFTP-1350-TID-05")["reason"]


def test_dnsmasq(network: Network, served: Path, tmp_path: Path) -> None:
    with lab.dnsmasq_tftp(network, served, tmp_path / "log"):
        run = lab.certify(network, tmp_path / "run", *OPTIONS)
    # dnsmasq tells strangers ERROR 5 and sends one block for two acknowledgments.
    assert run.of("pass") == ALL
    assert run.exit_code == 0, run.said
