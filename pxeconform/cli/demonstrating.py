"""`demo`: both jobs on what comes with the package."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pxeconform.cli.output import consoles

if TYPE_CHECKING:
    from pxeconform.protocol.certificates import Signer
    from pxeconform.requirements.ledger import Claims

_SAMPLE = "uefi-proxy-boots.pcap"


def samples() -> Path:
    """The folder of the sample captures: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "captures"
    return inside if inside.is_dir() else package.parent / "captures"


def demo_command(out: Path | None) -> int:
    """Certify the embedded server, then analyze a sample capture."""
    from pxeconform.api import default_folder

    console = consoles(None)
    folder = out or default_folder("demo")
    console.rule("pxeconform run, against the embedded server")
    code = _run(folder / "run")
    console.rule("pxeconform analyze, on a sample capture")
    from pxeconform.cli.analyzing import analyze_command

    analysis_code = analyze_command(
        [str(samples() / _SAMPLE)],
        client=None,
        hash_contents=True,
        strict=False,
        report=True,
        out=folder / "analysis",
        json_to=None,
    )
    console.rule()
    console.print(
        f"Everything lies in {folder}: evidence.pcapng, results.json and results.html of the run;", soft_wrap=True
    )
    console.print("analysis.json, tables (CSV, Parquet) and report.html of the capture.", soft_wrap=True)
    return code or analysis_code


_PATIENCE = 6.0
_GROUP = "239.255.0.1"
"""For the multicast option; what a server on the loopback network sends there does not leave the machine."""


def _run(folder: Path) -> int:
    """Start the embedded server, certify it, stop it."""
    from pxeconform.api import Prepared, make
    from pxeconform.cli.running import play_and_report
    from pxeconform.protocol.certificates import DSA_1024_SHA1, RSA_2048_SHA256, new_signer
    from pxeconform.requirements.ledger import Target
    from pxeconform.runner.engine import Plan
    from pxeconform.runner.scenario import load
    from pxeconform.runner.selection import choose
    from pxeconform.server.config import TftpSettings, with_ephemeral_ports
    from pxeconform.server.demo import demo_config, sample_credentials, sample_files
    from pxeconform.server.service import PxeServer

    make(folder)
    files, signers = sample_files(), (new_signer(DSA_1024_SHA1), new_signer(RSA_2048_SHA256))
    made, credentials = sample_credentials(files, signers)
    # Short timers: a demonstration that waits a minute for a server to give up is a long one.
    timers = TftpSettings(first_timeout=0.3, tries=6, dally=2.0, multicast_group=_GROUP)
    config = with_ephemeral_ports(demo_config(files=files | made, credentials=credentials, tftp=timers))
    selection = choose(load())
    with PxeServer(config) as server:
        ports = server.ports
        plan = Plan(
            target=Target("127.0.0.1", "the embedded server", ports.tftp, ports.pxe, ports.dhcp),
            scenarios=selection.scenarios,
            requirements=selection.requirements,
            claims=_claims(files, signers),
            patience=_PATIENCE,
            seed=1,
        )
        return play_and_report(Prepared(plan, selection, folder), consoles(None))


def _claims(files: Mapping[str, bytes], signers: Sequence[Signer]) -> Claims:
    """What an ICS file would say of the demonstration's server; the first signer is the one to trust."""
    from pxeconform.requirements.ledger import BootService, Claims, KnownFile
    from pxeconform.server.demo import TEXT_FILE, UPLOAD_PREFIX, demo_services

    layers: dict[int, int] = {}
    for service in demo_services():
        layers[service.type] = len(service.files)
    return Claims(
        roles=("tftp", "bootserver", "bis"),
        files=tuple(KnownFile(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in files.items()),
        tftp_options=("blksize", "timeout", "tsize", "windowsize", "multicast"),
        netascii=True,
        text_file=TEXT_FILE,
        writable=UPLOAD_PREFIX,
        overwrite=False,
        boot_services=tuple(BootService(kind, tuple(range(count))) for kind, count in layers.items()),
        credential_types=tuple(signer.certificate_id for signer in signers),
        trusted_certificate=ssl.DER_cert_to_PEM_cert(signers[0].certificate),
    )
