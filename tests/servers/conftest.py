"""What the tests of this folder share: two namespaces, and the runs against the TFTP servers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

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
def certified(
    request: pytest.FixtureRequest, network: Network, tmp_path_factory: pytest.TempPathFactory
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
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        runs: dict[str, Future[Certified]] = {
            name: pool.submit(certify_program, PROGRAMS[name], folder / name) for name in wanted
        }
        yield lambda name: runs[name].result()
