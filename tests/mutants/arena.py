"""A run against a server within this process, on ports that the system chose."""

from __future__ import annotations

import functools
import hashlib
import os
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from pxeconform.protocol.certificates import DSA_1024_SHA1, Signer, new_signer
from pxeconform.registry.pxe_tags import CERTIFICATE_ID_DSA, CERTIFICATE_ID_RSA_MD5
from pxeconform.requirements.catalogue import RULES
from pxeconform.requirements.ledger import BootService, Claims, KnownFile, Target
from pxeconform.requirements.model import AnyRule, Verdict
from pxeconform.runner.engine import Plan, Run
from pxeconform.runner.folder import Results
from pxeconform.runner.scenario import Scenario, load, select
from pxeconform.server.config import ServerConfig, TftpSettings, with_ephemeral_ports
from pxeconform.server.demo import (
    EMPTY_FILE,
    EVEN_FILE,
    INSTALL_TYPE,
    LARGE_FILE,
    RESCUE_TYPE,
    TEXT_FILE,
    UPLOAD_PREFIX,
    demo_config,
    sample_credentials,
    sample_files,
)
from pxeconform.server.service import PxeServer

DATA = Path(__file__).parent.parent / "data"
BOOT_FILE = "install/pxe.0"
CREDENTIALS_FILE = f"{BOOT_FILE}.dsa.esw"
PATIENCE = 1.0
ALL = tuple(rule.requirement.id for rule in RULES)

_PROCESS = os.getpid()
HERE = f"127.{64 + (_PROCESS >> 16) % 64}.{_PROCESS >> 8 & 0xFF}.{_PROCESS & 0xFF}"
"""The tester's own address: ports 68 and 4011 of 127.0.0.1 may be another process's at the moment."""

Maker = Callable[[ServerConfig], PxeServer]


@functools.cache
def signer() -> Signer:
    """Whom the client's platform trusts."""
    return new_signer(DSA_1024_SHA1)


@functools.cache
def other_signer() -> Signer:
    """A key of the same kind that nobody trusts."""
    return new_signer(DSA_1024_SHA1, "somebody else")


@functools.cache
def sound_config() -> ServerConfig:
    """Two boot server types, credentials of two types; no port 67."""
    rsa = Signer.from_pem((DATA / "bis_rsa512_key.pem").read_bytes())
    files = sample_files()
    made, credentials = sample_credentials(files, (signer(), rsa))
    config = demo_config(with_credentials=False, mode="off", pool=None, files=files | made, credentials=credentials)
    # Short timers, so that what waits for them is played in seconds.
    return with_ephemeral_ports(replace(config, tftp=TftpSettings(first_timeout=0.2, tries=5, dally=1.0)))


@functools.cache
def sound_claims() -> Claims:
    """What is true of the sound server."""
    files = sample_files()
    return Claims(
        roles=("tftp", "bootserver", "bis"),
        files=tuple(
            KnownFile(name, len(files[name]), hashlib.sha256(files[name]).hexdigest())
            for name in (EVEN_FILE, BOOT_FILE, "install/x64.efi", TEXT_FILE, EMPTY_FILE, LARGE_FILE)
        ),
        netascii=True,
        text_file=TEXT_FILE,
        writable=UPLOAD_PREFIX,
        boot_services=(BootService(INSTALL_TYPE, (0, 1)), BootService(RESCUE_TYPE)),
        credential_types=(CERTIFICATE_ID_DSA, CERTIFICATE_ID_RSA_MD5),
        trusted_certificate=ssl.DER_cert_to_PEM_cert(signer().certificate),
    )


def without_credentials(config: ServerConfig) -> ServerConfig:
    """The same server, but it has none."""
    return replace(config, credentials={})


def claims_without_credentials() -> Claims:
    """And nobody says that it has."""
    return replace(sound_claims(), roles=("tftp", "bootserver"), credential_types=None, trusted_certificate=None)


@dataclass(frozen=True, slots=True)
class Match:
    """A finished run: its folder and what came of it."""

    folder: Path
    results: Results

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """By requirement."""
        return {verdict.requirement: verdict for verdict in self.results.verdicts}

    def convicted(self) -> set[str]:
        """The requirements that failed."""
        return {verdict.requirement for verdict in self.results.verdicts if verdict.verdict == "fail"}


def run(
    folder: Path,
    server: PxeServer,
    *,
    requirements: Iterable[str] = ALL,
    scenarios: tuple[Scenario, ...] | None = None,
    claims: Claims | None = None,
    judged: tuple[str, ...] = ALL,
    rules: tuple[AnyRule, ...] = RULES,
    confirm: int = 0,
    jobs: int = 8,
    patience: float = PATIENCE,
) -> Match:
    """Play what exercises the requirements against the server; judge by all rules."""
    with server:
        ports = server.ports
        target = Target("127.0.0.1", "embedded", ports.tftp, ports.pxe, ports.dhcp)
        results = play(
            folder, target, requirements, scenarios, sound_claims() if claims is None else claims, judged, rules,
            confirm, jobs, patience,
        )  # fmt: skip
    assert not server.failures, server.failures[0]
    return Match(folder, results)


def play(
    folder: Path,
    target: Target,
    requirements: Iterable[str],
    scenarios: tuple[Scenario, ...] | None,
    claims: Claims,
    judged: tuple[str, ...] = ALL,
    rules: tuple[AnyRule, ...] = RULES,
    confirm: int = 0,
    jobs: int = 8,
    patience: float = PATIENCE,
) -> Results:
    """The same against whatever is there."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = select(load(), requirements) if scenarios is None else scenarios
    plan = Plan(target, chosen, judged, claims, patience, jobs, confirm=confirm, try_writing=True, rules=rules)
    with patch("pxeconform.runner.session.local_address", return_value=HERE):
        return Run(plan, folder).play()
