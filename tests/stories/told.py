"""The stories. A sentence stands beside what proves it: frames with fields as tshark reads them, and what we say.

`python -m tests.stories.told` writes `docs/stories.md`; a test compares it, so neither can drift from the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "stories.md"

Fields = Mapping[str, str]
"""tshark's name of a field to its value; several values of one field are joined by commas, "" is its absence."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence. `shown`: frame to fields. `said`: a path into the capture's analysis to the value there.

    `gone`: display filters that no frame of the capture meets.
    """

    text: str
    shown: Mapping[int, Fields] = field(default_factory=dict)
    said: Mapping[str, object] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A capture from somebody else's repository."""

    capture: str
    title: str
    origin: str
    sentences: tuple[Sentence, ...]


_TYPE, _CLASS, _ARCH = "dhcp.option.dhcp", "dhcp.option.vendor_class_id", "dhcp.option.client_system_architecture"
_YOURS, _SERVER_ID, _SECS = "dhcp.ip.your", "dhcp.option.dhcp_server_id", "dhcp.secs"
_FROM, _TO, _SPORT, _DPORT = "ip.src", "ip.dst", "udp.srcport", "udp.dstport"
_BIOS = "PXEClient:Arch:00000:UNDI:002001"

STORIES = (
    Story(
        "danderson__netboot/dhcp.pcap",
        "Two offers, and the capture loses sight of the client",
        "danderson/netboot, `dhcp4/testdata/dhcp.pcap`",
        (
            Sentence(
                "A BIOS client (architecture 0) broadcasts a DISCOVER, and says that it has been trying for 8 seconds.",
                {1: {_TYPE: "1", _CLASS: _BIOS, _ARCH: "0", _SECS: "8"}},
                {"boots.0.arch": 0, "boots.0.steps.0.frames": [1]},
            ),
            Sentence(
                "So earlier DISCOVERs are lost or were sent before the capture began: a port that forwards late would "
                "look like this.",
                {1: {_SECS: "8"}},
                {"boots.0.diagnosis.1.cause": "late-link", "boots.0.diagnosis.1.frames": [1, 2]},
            ),
            Sentence(
                "192.168.16.10 answers as proxy: its offer has no address, its class is PXEClient, and its option 43 "
                "lists itself as boot server of type 32768.",
                {
                    2: {
                        _TYPE: "2",
                        _YOURS: "0.0.0.0",
                        _CLASS: "PXEClient",
                        _SERVER_ID: "192.168.16.10",
                        "dhcp.option.vendor.pxeclient.boot_servers.type": "32768",
                        "dhcp.option.vendor.pxeclient.boot_servers.ip": "192.168.16.10",
                    }
                },
                {
                    "boots.0.offers.0.kind": "proxydhcp",
                    "boots.0.offers.0.frame": 2,
                    "boots.0.offers.0.leads_to": "discovery",
                    "boots.0.proxy_server": "192.168.16.10",
                },
            ),
            Sentence(
                "192.168.16.1 offers the address 192.168.16.12, and nothing to boot.",
                {3: {_TYPE: "2", _YOURS: "192.168.16.12", _SERVER_ID: "192.168.16.1", "dhcp.file": ""}},
                {"boots.0.offers.1.kind": "dhcp", "boots.0.offers.1.boot_file": None, "boots.0.steps.1.frames": [2, 3]},
            ),
            Sentence(
                "Together they are a complete invitation, but nothing more of this client follows: the last packet "
                "comes 25 days later, and is another client's.",
                {4: {_TYPE: "3", "dhcp.hw.mac_addr": "00:24:d7:ba:0b:20", _SECS: "0"}},
                {"boots.0.client_mac": "d0:50:99:4e:05:57", "boots.0.steps.2.status": "not_captured"},
                ("frame.number > 4",),
            ),
            Sentence(
                "Nobody can tell from this why, and the analysis does not try: the capture is incomplete, it was the "
                "client's turn to send a REQUEST.",
                {},
                {
                    "boots.0.outcome": "incomplete",
                    "boots.0.diagnosis.0.cause": "capture-incomplete",
                    "boots.0.stall.waiting_for": "client",
                    "boots.0.stall.since": 3,
                },
            ),
        ),
    ),
    Story(
        "danderson__netboot/usec.pcap",
        "A boot server is found on port 4011, and the capture ends with the download's first request",
        "danderson/netboot, `pcap/testdata/usec.pcap`",
        (
            Sentence(
                "The same client asks again, with the seconds field at 8.",
                {1: {_TYPE: "1", _CLASS: _BIOS, _SECS: "8", "dhcp.hw.mac_addr": "d0:50:99:4e:05:57"}},
                {"boots.0.steps.0.frames": [1], "boots.0.client_mac": "d0:50:99:4e:05:57"},
            ),
            Sentence(
                "The proxy 192.168.16.10 answers at once, the DHCP server 192.168.16.1 only after 2.9 seconds.",
                {
                    2: {_TYPE: "2", _YOURS: "0.0.0.0", _SERVER_ID: "192.168.16.10"},
                    3: {_TYPE: "2", _YOURS: "192.168.16.12", "frame.time_relative": "2.886690000"},
                },
                {"boots.0.steps.1.frames": [2, 3], "boots.0.steps.2.status": "done"},
            ),
            Sentence(
                "The client requests 192.168.16.12 and gets it.",
                {
                    4: {_TYPE: "3", "dhcp.option.requested_ip_address": "192.168.16.12", _SERVER_ID: "192.168.16.1"},
                    5: {_TYPE: "5", _YOURS: "192.168.16.12", _FROM: "192.168.16.1"},
                },
                {"boots.0.steps.3.frames": [4, 5], "boots.0.client_ip": "192.168.16.12"},
            ),
            Sentence(
                "As the proxy's list told it, it asks 192.168.16.10 on port 4011 for the boot item of type 32768, "
                "layer 0.",
                {
                    6: {
                        _FROM: "192.168.16.12",
                        _TO: "192.168.16.10",
                        _DPORT: "4011",
                        _TYPE: "3",
                        "dhcp.option.vendor.pxeclient.boot_item.type": "32768",
                    }
                },
                {
                    "boots.0.steps.4.frames": [6],
                    "boots.0.steps.4.detail.type": 32768,
                    "boots.0.steps.4.detail.layer": 0,
                },
            ),
            Sentence(
                "The boot server names the file `boot`.",
                {7: {_FROM: "192.168.16.10", _SPORT: "4011", _TYPE: "5", "dhcp.file": "boot"}},
                {"boots.0.steps.5.frames": [7], "boots.0.boot_file": "boot", "boots.0.boot_server": "192.168.16.10"},
            ),
            Sentence(
                "The client first asks for the file's size, and then for the file in blocks of 1456 octets.",
                {
                    8: {"tftp.opcode": "1", "tftp.source_file": "boot", "tftp.option.name": "tsize"},
                    9: {
                        "tftp.opcode": "1",
                        "tftp.source_file": "boot",
                        "tftp.option.name": "blksize",
                        "tftp.option.value": "1456",
                    },
                },
                {
                    "boots.0.steps.6.frames": [8, 9],
                    "transfers.0.options_requested": {"tsize": "0"},
                    "transfers.1.options_requested": {"blksize": "1456"},
                },
            ),
            Sentence(
                "There the capture ends: no answer of the TFTP server is in it, and the boot is called incomplete, "
                "not failed.",
                {},
                {
                    "boots.0.outcome": "incomplete",
                    "boots.0.diagnosis.0.cause": "capture-incomplete",
                    "boots.0.steps.6.status": "not_captured",
                },
                ("frame.number > 9", "tftp.opcode == 6 or tftp.opcode == 3 or tftp.opcode == 5"),
            ),
        ),
    ),
    Story(
        "tianocore__user-attachments/BZ-17-PXE_IP4_Diff_Subnet.pcapng",
        "A client that declines its address without asking anybody",
        "tianocore, attachment of EDK2's bug 17",
        (
            Sentence(
                "A UEFI client (x64, architecture 7) asks for an address.",
                {3: {_TYPE: "1", _ARCH: "7", _CLASS: "PXEClient:Arch:00007:UNDI:003016"}},
                {"boots.0.arch": 7, "boots.0.steps.0.frames": [3]},
            ),
            Sentence(
                "192.168.0.1 offers 192.168.2.0 with the mask 255.255.0.0; the class PXEClient and no boot file send "
                "the client to its port 4011.",
                {
                    4: {
                        _TYPE: "2",
                        _YOURS: "192.168.2.0",
                        "dhcp.option.subnet_mask": "255.255.0.0",
                        _SERVER_ID: "192.168.0.1",
                        "dhcp.file": "",
                    }
                },
                {
                    "boots.0.offers.0.frame": 4,
                    "boots.0.offers.0.kind": "combined",
                    "boots.0.offers.0.leads_to": "proxy",
                },
            ),
            Sentence(
                "After three seconds the client requests that address, and the server grants it.",
                {
                    9: {_TYPE: "3", "dhcp.option.requested_ip_address": "192.168.2.0"},
                    10: {_TYPE: "5", _YOURS: "192.168.2.0", _FROM: "192.168.0.1"},
                },
                {"boots.0.steps.2.frames": [4], "boots.0.client_ip": "192.168.2.0"},
            ),
            Sentence(
                "A third of a millisecond later the client declines it.",
                {11: {_TYPE: "4", "frame.time_delta": "0.000307000"}},
                {"boots.0.steps.3.status": "failed", "boots.0.steps.3.frames": [9, 10, 11]},
            ),
            Sentence(
                "Nobody was asked by ARP whether he has 192.168.2.0, so no station can have answered: the address "
                "itself does not please the client (its last octet is 0, which a mask of 16 bits allows).",
                {},
                {"boots.0.diagnosis.0.confidence": "likely", "boots.0.diagnosis.0.frames": [10, 11]},
                ("arp.dst.proto_ipv4 == 192.168.2.0", "arp.src.proto_ipv4 == 192.168.2.0"),
            ),
            Sentence(
                "The cause is called `address-conflict`; it was the client's turn to ask for another address, and for "
                "the 4.6 seconds that follow it did not.",
                {26: {_FROM: "192.168.0.1"}},
                {
                    "boots.0.outcome": "failed",
                    "boots.0.diagnosis.0.cause": "address-conflict",
                    "boots.0.stall.waiting_for": "client",
                    "boots.0.stall.since": 11,
                },
                ("frame.number > 11 and dhcp",),
            ),
        ),
    ),
    Story(
        "tianocore__user-attachments/BZ-387-PXE-UEFI.pcapng",
        "Everything is in the offer, and the client asks port 4011 all the same",
        "tianocore, attachment of EDK2's bug 387",
        (
            Sentence(
                "A virtual machine with OVMF (architecture 7) asks.",
                {1: {_TYPE: "1", _ARCH: "7", "dhcp.hw.mac_addr": "52:54:00:83:ec:bc"}},
                {"boots.0.firmware": "edk2", "boots.0.steps.0.frames": [1]},
            ),
            Sentence(
                "The server offers an address, a boot file and its own name as PXEClient.",
                {
                    2: {
                        _TYPE: "2",
                        _YOURS: "192.168.122.63",
                        "dhcp.option.bootfile_name": "ipxe/ipxe-x86-64.efi",
                        _CLASS: "PXEClient",
                    }
                },
                {"boots.0.offers.0.kind": "combined", "boots.0.boot_file": "ipxe/ipxe-x86-64.efi"},
            ),
            Sentence(
                "The address is requested four seconds later, and granted.",
                {
                    3: {_TYPE: "3", "frame.time_relative": "3.966861601"},
                    4: {_TYPE: "5", _YOURS: "192.168.122.63"},
                },
                {"boots.0.client_ip": "192.168.122.63", "boots.0.dhcp_server": "192.168.122.250"},
            ),
            Sentence(
                "By its class the server has announced itself as proxy, so EDK2 asks its port 4011: four times within "
                "six seconds, from port 4011, without a boot item.",
                {
                    frame: {_TYPE: "3", _TO: "192.168.122.250", _SPORT: "4011", _DPORT: "4011", _YOURS: "0.0.0.0"}
                    for frame in (5, 6, 7, 8)
                },
                {"boots.0.steps.3.detail.proxy_request.frames": [5, 6, 7, 8]},
                ("dhcp.option.vendor.pxeclient.boot_item",),
            ),
            Sentence(
                "Nothing comes back, not even an ICMP error, and no read request for the file is ever sent.",
                {},
                {"boots.0.steps.3.detail.proxy_request.answered": False, "boots.0.steps.6.status": "not_reached"},
                ("icmp", "tftp", "udp.srcport == 4011 and ip.src == 192.168.122.250"),
            ),
            Sentence(
                "The cause is `proxy-silent`: such a client shows PXE-E16. Let the server answer on port 4011, or let "
                "it leave option 60 out of its offer.",
                {},
                {
                    "boots.0.outcome": "failed",
                    "boots.0.diagnosis.0.cause": "proxy-silent",
                    "boots.0.diagnosis.0.codes.edk2": "PXE-E16",
                    "boots.0.diagnosis.0.frames": [5, 6, 7, 8],
                    "boots.0.stall.waiting_for": "server",
                    "boots.0.stall.since": 8,
                },
            ),
        ),
    ),
    Story(
        "tianocore__user-attachments/BZ-433-captur.pcap",
        "A machine that takes its own address away",
        "tianocore, attachment of EDK2's bug 433",
        (
            Sentence(
                "A UEFI client asks for an address over DHCPv6, and for the URL of a boot file; its class says "
                "architecture 7.",
                {3: {"dhcpv6.msgtype": "1", "dhcpv6.xid": "0x8c552d", "dhcpv6.iaid": "7ff3f7ff"}},
                {"boots.0.family": "ipv6", "boots.0.arch": 7, "boots.0.steps.0.frames": [3]},
            ),
            Sentence(
                "It is offered fd12:3456:789a:1::aaaa and a boot file.",
                {4: {"dhcpv6.msgtype": "2", "dhcpv6.iaaddr.ip": "fd12:3456:789a:1::aaaa"}},
                {
                    "boots.0.steps.1.frames": [4],
                    "boots.0.boot_file": "ipxe.efi",
                },
            ),
            Sentence(
                "Before it requests that, another part of the same firmware asks for an address under another "
                "association (IAID), and does not ask for a boot file.",
                {7: {"dhcpv6.msgtype": "1", "dhcpv6.xid": "0x8d552d", "dhcpv6.iaid": "3ff5fdff"}},
            ),
            Sentence(
                "That part is offered the very same address, requests it and gets it.",
                {
                    8: {"dhcpv6.msgtype": "2", "dhcpv6.iaaddr.ip": "fd12:3456:789a:1::aaaa"},
                    9: {"dhcpv6.msgtype": "3", "dhcpv6.iaid": "3ff5fdff"},
                    10: {"dhcpv6.msgtype": "7", "dhcpv6.iaaddr.ip": "fd12:3456:789a:1::aaaa"},
                },
            ),
            Sentence(
                "Four seconds later the boot requests it too, and is refused: the address is in use, and there are no "
                "others.",
                {
                    12: {"dhcpv6.msgtype": "3", "dhcpv6.xid": "0x8f552d", "dhcpv6.iaid": "7ff3f7ff"},
                    13: {"dhcpv6.msgtype": "7", "dhcpv6.status_msg": "address in use,no addresses available"},
                },
                {"boots.0.steps.3.status": "failed"},
            ),
            Sentence(
                "The client repeats its REQUEST three times, and gets the same answer each time.",
                {
                    frame: {"dhcpv6.msgtype": kind, "dhcpv6.xid": "0x8f552d"}
                    for frame, kind in ((16, "3"), (17, "7"), (18, "3"), (21, "7"), (22, "3"), (23, "7"))
                },
                {"boots.0.steps.3.frames": [12, 13, 16, 17, 18, 21, 22, 23]},
                ("frame.number > 23",),
            ),
            Sentence(
                "The cause is `dhcp-nak`, which over IPv6 is a status in a REPLY; there is one boot here and not two.",
                {},
                {
                    "boots.0.outcome": "failed",
                    "boots.0.diagnosis.0.cause": "dhcp-nak",
                    "boots.1": None,
                    "boots.0.diagnosis.0.frames": [12, 13, 16, 17, 18, 21, 22, 23],
                },
            ),
        ),
    ),
    Story(
        "tianocore__user-attachments/BZ-435-edk2-stateless-bug.pcap",
        "A network that gives no addresses by DHCPv6",
        "tianocore, attachment of EDK2's bug 435",
        (
            Sentence(
                "The interface takes its address from a router's advertisement, and asks by DHCPv6 for other "
                "settings only, which is no boot.",
                {
                    2: {"icmpv6.type": "134"},
                    5: {"dhcpv6.msgtype": "11"},
                    6: {"dhcpv6.msgtype": "7"},
                },
                {"boots.1": None},
            ),
            Sentence(
                "A minute later the boot begins, and asks for an address as if there had been no advertisement.",
                {11: {"dhcpv6.msgtype": "1", "frame.time_relative": "59.907778000"}},
                {"boots.0.arch": 7, "boots.0.firmware": "edk2"},
            ),
            Sentence(
                "The server answers at once, without any address.",
                {12: {"dhcpv6.msgtype": "2", "dhcpv6.iaaddr.ip": ""}},
                {"boots.0.steps.1.status": "failed"},
            ),
            Sentence(
                "Five seconds later both do it again.",
                {13: {"dhcpv6.msgtype": "1"}, 14: {"dhcpv6.msgtype": "2", "dhcpv6.iaaddr.ip": ""}},
                {"boots.0.steps.0.frames": [11, 13], "boots.0.steps.1.frames": [12, 14]},
                ("frame.number > 14 and dhcpv6",),
            ),
            Sentence(
                "The cause is `no-dhcp-offer`: the answers are empty. Such a client needs DHCPv6 with addresses.",
                {},
                {
                    "boots.0.outcome": "failed",
                    "boots.0.diagnosis.0.cause": "no-dhcp-offer",
                    "boots.0.diagnosis.0.frames": [11, 12, 13, 14],
                },
            ),
        ),
    ),
)

_HEAD = """# Boots of other people's captures

Six captures that others have published, told by what `pxeconform analyze` says of them. Every sentence is tested: its
frames and fields with tshark, and what the analysis makes of it. `python -m tests.stories.told` writes this page from
the table that the tests read too. The captures themselves are not in this repository, but in those that are named.
"""


def page() -> str:
    """The page in Markdown."""
    parts = [_HEAD]
    for story in STORIES:
        parts.append(f"## {story.title}\n\n{story.origin}\n")
        parts.append("\n".join(f"- {_told(sentence)}" for sentence in story.sentences) + "\n")
    return "\n".join(parts)


def _told(sentence: Sentence) -> str:
    frames = set(sentence.shown)
    for path, value in sentence.said.items():
        if path.split(".")[-1] in ("frame", "frames", "since"):
            frames |= set(value) if isinstance(value, list) else {value} if isinstance(value, int) else set()
    if not frames:
        return sentence.text
    word = "frame" if len(frames) == 1 else "frames"
    return f"{sentence.text} ({word} {', '.join(map(str, sorted(frames)))})"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
