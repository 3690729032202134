"""dnsmasq as proxyDHCP and boot server with a menu on port 4011."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import lab
from tests.servers.netns import Network

pytestmark = pytest.mark.servers

REQUESTS = {f"PXE-21-DISC-{n}" for n in ("01", "02", "05", "06", "07", "08", "09", "10", "11", "13")}
DISCOVERY = REQUESTS | {f"PXE-21-DISC-{n}" for n in ("15", "16", "17", "18", "22", "26")}
# dnsmasq 2.92 sends every boot server reply to port 68, whatever port asked; the versions before it do not.
BREAKS_WITH_2_92 = {"PXE-21-DISC-05"}
OPTIONS = ("--profile", "pxe", "--patience", "2")

CLAIMS = f"""
[target]
name = "dnsmasq, said to have credentials"
roles = ["proxydhcp", "bootserver", "tftp", "bis"]
[pxe]
boot_servers = [{{type = {lab.BIOS_TYPES[0]}}}, {{type = {lab.BIOS_TYPES[1]}}}, {{type = {lab.UEFI_TYPE}}}]
[bis]
credential_types = [41, 42]
"""


@pytest.fixture(scope="module", autouse=True)
def server(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("dnsmasq")
    folder.chmod(0o755)
    with lab.dnsmasq_proxy(network, lab.serve_files(folder / "root", lab.BOOT_FILES), folder / "log"):
        yield


def expected_failures() -> set[str]:
    version = tuple(map(int, lab.dnsmasq_version().split(".")[:2]))
    return BREAKS_WITH_2_92 if version >= (2, 92) else set()


def test_findings_without_an_ics_file(network: Network, tmp_path: Path) -> None:
    run = lab.certify(network, tmp_path / "run", *OPTIONS)
    assert run.of("fail") == expected_failures()
    assert DISCOVERY - expected_failures() <= run.of("pass")
    # Nobody claims credentials and dnsmasq is silent when asked for them: that is no pass, and no violation.
    credentials = {requirement for requirement in run.verdicts if "-BIS-" in requirement}
    assert run.of("not_supported") == credentials - {"PXE-21-BIS-11"}
    assert run.verdicts["PXE-21-BIS-11"] == "pass"
    assert run.exit_code == (1 if expected_failures() else 0), run.said


def test_replies_come_to_whatever_port_asked(network: Network, tmp_path: Path) -> None:
    run = lab.certify(network, tmp_path / "run", *OPTIONS, "-k", "PXE-21-DISC-05")
    asked = {row[0] for row in run.evidence("udp.srcport", only="udp.dstport == 4011")}
    assert {"68", "4011"} <= asked
    assert any(int(port) > 10000 for port in asked)
    observed = run.verdict("PXE-21-DISC-05")["observed"]
    if not expected_failures():
        assert "from port 68, answered there" in observed
        assert "from port 4011, answered there" in observed


def test_claimed_credentials_that_are_not_there(network: Network, tmp_path: Path) -> None:
    ics = tmp_path / "dnsmasq.toml"
    ics.write_text(CLAIMS)
    run = lab.certify(network, tmp_path / "run", *OPTIONS, "--ics", ics)
    assert run.of("fail") == {"PXE-21-BIS-01"} | expected_failures()
    assert run.exit_code == 1, run.said
    verdict = run.verdict("PXE-21-BIS-01")
    assert verdict["level"] == "MUST"
    assert "no answer" in verdict["observed"]
    assert verdict["evidence"]["frames"]


def test_three_runs_agree(network: Network, tmp_path: Path) -> None:
    runs = [lab.certify(network, tmp_path / jobs, *OPTIONS, "--jobs", jobs) for jobs in ("1", "8")]
    runs.append(lab.certify(network, tmp_path / "again", *OPTIONS))
    assert runs[0].verdicts == runs[1].verdicts == runs[2].verdicts


def test_tshark_reads_the_evidence(network: Network, tmp_path: Path) -> None:
    run = lab.certify(network, tmp_path / "run", *OPTIONS, "-k", "request-from-port-68")
    rows = run.evidence("frame.comment", "dhcp.option.dhcp", only="udp.port == 4011 and dhcp")
    assert ["scenario=bootserver/request-from-port-68 socket=port-68", "5"] in rows
