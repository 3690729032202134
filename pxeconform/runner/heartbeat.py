"""A heartbeat that notices when the tester itself stood still."""

from __future__ import annotations

import threading
import time

_BEAT = 0.05
_STALL = 0.25
"""A beat (s) that comes this late says that nothing else of this process ran in time either."""


class Heartbeat:
    """Beats while its context lasts. `stalls` are the spans (ns) whose time stamps and windows are worth nothing."""

    def __init__(self) -> None:
        self.stalls: list[tuple[int, int]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        before = time.time_ns()
        while not self._stop.wait(_BEAT):
            now = time.time_ns()
            if now - before > (_BEAT + _STALL) * 1e9:
                self.stalls.append((before, now))
            before = now
