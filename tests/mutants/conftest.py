"""The faulty servers that the selected tests need meet their scenarios side by side: most of the time they wait."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor

import pytest

from tests.mutants.every import FAULTS
from tests.mutants.matrix import complaints

_PROCESSES = 6
"""Each takes a tenth of a processor."""


@pytest.fixture(scope="session")
def complaint(request: pytest.FixtureRequest) -> Iterator[Callable[[int], list[str]]]:
    """What is wrong about the verdicts on the faulty server of that number, beside others and then alone."""
    wanted = sorted(
        {
            item.callspec.params["number"]
            for item in request.session.items
            if isinstance(item, pytest.Function) and "complaint" in item.fixturenames
        },
        # The first to begin are those that wait long for silence.
        key=lambda number: -FAULTS[number].patience,
    )
    # Fresh processes: each takes an address of its own on the loopback network, by its number.
    with ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn")) as pool:
        met: dict[int, Future[list[str]]] = {number: pool.submit(complaints, number) for number in wanted}
        yield lambda number: met[number].result() and complaints(number)
