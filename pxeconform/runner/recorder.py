"""The evidence: every datagram that a scenario sent or got, as pcapng, each marked with its scenario.

Datagrams come from UDP sockets, so their IP and UDP headers are invented; the capture's interface says so by name.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from pxeconform.sessions.marks import mark

INTERFACE = "pxeconform: IP and UDP headers are synthetic"


class Recorder:
    """Writes one evidence file; safe to use from several threads, whole after every datagram."""

    def __init__(self, path: Path) -> None:
        logging.getLogger("scapy").setLevel(logging.ERROR)
        from scapy.utils import PcapNgWriter

        self.frames = 0
        self._lock = threading.Lock()
        # Not synchronous: flushed once a datagram below, after the block is complete.
        self._writer: Any = PcapNgWriter(str(path))

    def datagram(
        self,
        scenario: str,
        socket: str,
        source: tuple[str, int],
        destination: tuple[str, int],
        payload: bytes,
        time: int,
    ) -> int:
        """Record one UDP datagram; the time is in ns since the epoch. Gives the frame's number."""
        from scapy.layers.inet import IP, UDP
        from scapy.packet import Raw

        packet = IP(src=source[0], dst=destination[0], id=0) / UDP(sport=source[1], dport=destination[1]) / Raw(payload)
        return self._write(packet, scenario, socket, time)

    def unreachable(
        self,
        scenario: str,
        socket: str,
        reporter: str,
        code: tuple[int, int],
        source: tuple[str, int],
        destination: tuple[str, int],
        payload: bytes,
        time: int,
    ) -> int:
        """Record an ICMP error about a datagram that was sent from `source` to `destination`."""
        from scapy.layers.inet import ICMP, IP, UDP
        from scapy.packet import Raw

        quoted = IP(src=source[0], dst=destination[0], id=0) / UDP(sport=source[1], dport=destination[1])
        packet = IP(src=reporter, dst=source[0], id=0) / ICMP(type=code[0], code=code[1]) / quoted / Raw(payload[:64])
        return self._write(packet, scenario, socket, time)

    def close(self) -> None:
        """Finish the file. An evidence file without any datagram is still a capture."""
        with self._lock:
            if not self._writer.header_present:
                from scapy.layers.inet import IP

                self._writer.write_header(IP())
            self._writer.close()

    def _write(self, packet: Any, scenario: str, socket: str, time: int) -> int:
        from scapy.utils import EDecimal

        packet.time = EDecimal(time) / 1_000_000_000
        packet.comments = [mark(scenario, socket).encode()]
        packet.sniffed_on = INTERFACE
        with self._lock:
            self._writer.write(packet)
            self._writer.flush()
            self.frames += 1
            return self.frames
