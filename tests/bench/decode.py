"""How fast a capture is read, beside tshark on the same file: `make bench`.

Whole processes in turns, medians of their times. Absolute times say little on a shared machine, ratios do.
"""

from __future__ import annotations

import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLIENTS, BLOCKS, BLOCK_SIZE, ROUNDS = 50, 400, 1468, 3
_FIELDS = ("frame.number", "tftp.opcode", "tftp.block", "tftp.source_file", "dhcp.option.dhcp")


def main() -> int:
    """Generate, measure, print a table, write JSON beside it."""
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "storm.pcap"
        packets = write_storm(capture)
        commands = {
            "pxeconform analyze": [
                *(sys.executable, "-m", "pxeconform", "analyze", "--no-report"),
                *("--json", str(Path(folder) / "out.json"), str(capture)),
            ],
            "tshark -T fields": ["tshark", "-r", str(capture), "-T", "fields", *(f"-e{name}" for name in _FIELDS)],
            "cat": ["cat", str(capture)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                started = time.perf_counter()
                subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=600)
                times[name].append(time.perf_counter() - started)
        medians = {name: statistics.median(values) for name, values in times.items()}
        size = capture.stat().st_size
        transfers = json.loads((Path(folder) / "out.json").read_text())["transfers"]
    whole = [t for t in transfers if (t["outcome"], t["bytes"]) == ("complete", BLOCKS * BLOCK_SIZE + 7)]
    print(f"{packets} packets, {size / 1e6:.0f} MB, {len(whole)} of {CLIENTS} transfers complete")
    for name, seconds in medians.items():
        ratio = medians["tshark -T fields"] / seconds
        print(f"{name:20} {seconds:8.2f} s  {packets / seconds:12.0f} packets/s  {ratio:6.1f} x tshark")
    print(json.dumps({"packets": packets, "octets": size, "seconds": medians}))
    return 0 if len(whole) == CLIENTS else 1


def write_storm(path: Path) -> int:
    """Clients that read one file each, block by block in turns; gives the number of packets."""
    packets = 0
    with path.open("wb") as stream:
        stream.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))

        def write(client: int, to_server: bool, port: int, payload: bytes) -> None:
            nonlocal packets
            hosts = (b"\x0a\x4d\x01" + bytes((client + 1,)), b"\x0a\x4d\x00\x01")
            ports = (20000 + client, port)
            source, target = (0, 1) if to_server else (1, 0)
            udp = struct.pack("!HHHH", ports[source], ports[target], 8 + len(payload), 0) + payload
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, hosts[source], hosts[target])
            frame = b"\x02" * 12 + b"\x08\x00" + ip + udp
            stream.write(struct.pack("<IIII", 1_700_000_000, packets, len(frame), len(frame)) + frame)
            packets += 1

        for client in range(CLIENTS):
            write(client, True, 69, b"\0\1nbp.efi\0octet\0blksize\0" + str(BLOCK_SIZE).encode() + b"\0")
            write(client, False, 40000 + client, b"\0\6blksize\0" + str(BLOCK_SIZE).encode() + b"\0")
            write(client, True, 40000 + client, b"\0\4\0\0")
        for block in range(1, BLOCKS + 2):
            data = bytes(BLOCK_SIZE) if block <= BLOCKS else b"the end"
            for client in range(CLIENTS):
                write(client, False, 40000 + client, struct.pack("!HH", 3, block) + data)
                write(client, True, 40000 + client, struct.pack("!HH", 4, block))
    return packets


if __name__ == "__main__":
    sys.exit(main())
