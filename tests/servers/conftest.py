"""What the tests of this folder share: two namespaces, and the runs against the TFTP servers."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pxeconform.runner.scenario import load
from tests.servers.certifying import Certified, certify_program
from tests.servers.netns import Network, network_or_reason
from tests.servers.programs import PROGRAMS


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    with network_or_reason() as network:
        if isinstance(network, str):
            pytest.skip(network)
        yield network


@pytest.fixture(scope="session")
def quarter(
    request: pytest.FixtureRequest, network: Network, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], list[Certified]]]:
    """A quarter of the scenarios, chosen by a seed, against tftpd-hpa: one at a time, and together."""
    folder = tmp_path_factory.mktemp("quarter")
    folder.chmod(0o755)
    names = sorted(one.id for one in load() if one.id.startswith("tftp/"))
    chosen = " or ".join(name.partition("/")[2] for name in random.Random(1).sample(names, len(names) // 4))
    # More than the 8 s of tftpd-hpa's longest gap: what comes just as patience ends may be heard or not.
    options = ("--patience", "10", "-k", chosen, "--jobs")
    with ThreadPoolExecutor() as pool:
        runs = [
            pool.submit(certify_program, PROGRAMS["tftpd-hpa"], folder / jobs, *options, jobs)
            for jobs in ("1", "32")
            if any("quarter" in getattr(item, "fixturenames", ()) for item in request.session.items)
        ]
        yield lambda: [run.result() for run in runs]


@pytest.fixture(scope="session")
def certified(
    request: pytest.FixtureRequest,
    network: Network,
    quarter: Callable[[], list[Certified]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str], Certified]]:
    """The run against a server, by its name. All that the selected tests need are played side by side: most of a run's
    time is waiting, and each server has a network of its own."""
    wanted = {
        item.callspec.params["server"]: None
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "server" in item.callspec.params
    }
    folder = tmp_path_factory.mktemp("servers")
    folder.chmod(0o755)
    with ThreadPoolExecutor(max(6, 2 * (os.cpu_count() or 1))) as pool:
        runs: dict[str, Future[Certified]] = {
            name: pool.submit(certify_program, PROGRAMS[name], folder / name) for name in wanted
        }
        yield lambda name: runs[name].result()
