"""The two namespaces that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.netns import Network, network_or_reason


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    with network_or_reason() as network:
        if isinstance(network, str):
            pytest.skip(network)
        yield network
