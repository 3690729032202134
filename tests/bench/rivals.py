"""The same packets read by other Python libraries, each as its documentation has it: `rivals NAME CAPTURE`.

Every one counts DHCP messages and the TFTP packets by opcode, following each transfer over the port that the server
chose, and prints the counts as JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

_DHCP, _TFTP = (67, 68, 4011), 69
_READ = 1


def with_dpkt(path: Path) -> Counter[str]:
    """dpkt: reader, Ethernet down to UDP, its own TFTP and DHCP classes."""
    import dpkt

    found: Counter[str] = Counter()
    clients: set[tuple[bytes, int]] = set()
    with path.open("rb") as stream:
        for _, octets in dpkt.pcap.UniversalReader(stream):
            ip = dpkt.ethernet.Ethernet(octets).data
            if not isinstance(ip, dpkt.ip.IP) or not isinstance(ip.data, dpkt.udp.UDP):
                continue
            udp = ip.data
            if udp.sport in _DHCP or udp.dport in _DHCP:
                message = dpkt.dhcp.DHCP(udp.data)
                found[f"dhcp {next(value[0] for code, value in message.opts if code == 53)}"] += 1
                continue
            if udp.dport == _TFTP:
                clients.add((ip.src, udp.sport))
            elif (ip.src, udp.sport) not in clients and (ip.dst, udp.dport) not in clients:
                continue
            found[f"tftp {dpkt.tftp.TFTP(udp.data).opcode}"] += 1
    return found


def with_scapy(path: Path) -> Counter[str]:
    """Scapy: every packet dissected."""
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether  # noqa: F401  (binds the layers below)
    from scapy.layers.tftp import TFTP
    from scapy.utils import PcapReader

    found: Counter[str] = Counter()
    clients: set[tuple[str, int]] = set()
    with PcapReader(str(path)) as reader:
        for packet in reader:
            if UDP not in packet or IP not in packet:
                continue
            ip, udp = packet[IP], packet[UDP]
            if udp.sport in _DHCP or udp.dport in _DHCP:
                # Scapy itself takes ports 67 and 68 only for DHCP.
                message = packet if DHCP in packet else BOOTP(bytes(udp.payload))
                found[f"dhcp {dict(o for o in message[DHCP].options if isinstance(o, tuple))['message-type']}"] += 1
                continue
            if udp.dport == _TFTP:
                clients.add((ip.src, udp.sport))
            elif (ip.src, udp.sport) not in clients and (ip.dst, udp.dport) not in clients:
                continue
            tftp = udp.payload if isinstance(udp.payload, TFTP) else TFTP(bytes(udp.payload))
            found[f"tftp {tftp.op}"] += 1
    return found


def with_pyshark(path: Path) -> Counter[str]:
    """pyshark: tshark's dissection as Python objects."""
    import pyshark

    found: Counter[str] = Counter()
    with pyshark.FileCapture(str(path), keep_packets=False, custom_parameters=["-n"]) as capture:
        for packet in capture:
            if "DHCP" in packet:
                found[f"dhcp {int(packet.dhcp.option_dhcp)}"] += 1
            elif "TFTP" in packet:
                found[f"tftp {int(packet.tftp.opcode)}"] += 1
    return found


RIVALS = {"dpkt": with_dpkt, "scapy": with_scapy, "pyshark": with_pyshark}


def main() -> int:
    """The command line."""
    print(json.dumps(dict(sorted(RIVALS[sys.argv[1]](Path(sys.argv[2])).items()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
