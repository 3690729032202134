"""Files that a server sends to a multicast group: the multicast option (RFC 2090) and MTFTP (PXE 2.1 section 2.4.10).

All clients of a group share the DATA packets. One of them, the master, acknowledges; the others listen, and whoever
came late gets what it missed when its turn comes. So blocks are counted by client in whatever order they come by.
"""

from __future__ import annotations

import socket

from pxeconform.capture.datagrams import Datagram
from pxeconform.protocol.tftp import Data, Options, option_value
from pxeconform.sessions.transfers import Event, Heard, Transfer

Endpoint = tuple[str, int]

_MOST_MEMBERS = 4096


class Groups:
    """Who listens to which group."""

    def __init__(self) -> None:
        self._members: dict[Endpoint, list[Transfer]] = {}

    def join(self, transfer: Transfer, options: Options) -> None:
        """An OACK with the option multicast tells a client its group; a later one may leave address and port out."""
        address, port, _ = (*(option_value(options, "multicast") or "").split(","), "", "")[:3]
        if transfer.group is None and is_group(address) and port.isdigit():
            self._add(transfer, (address, int(port)))

    def data(self, transfer: Transfer, datagram: Datagram, packet: Data, event: Event) -> None:
        """DATA for a group is for all its members; by MTFTP the packet itself is what tells the group."""
        if not is_group(datagram.destination):
            return
        if transfer.group is None:
            self._add(transfer, datagram.receiver)
        for member in self._members.get(datagram.receiver, ()):
            if member.server == datagram.source and not member.delivered:
                if member is not transfer:
                    member.events.append(event)
                take(member, datagram, packet)

    def _add(self, transfer: Transfer, group: Endpoint) -> None:
        members = self._members.setdefault(group, [])
        if len(members) < _MOST_MEMBERS:
            transfer.group = group
            members.append(transfer)


def take(transfer: Transfer, datagram: Datagram, packet: Data) -> None:
    """Count a block for one member; in order its octets are kept as of any transfer."""
    content = transfer.content
    heard = transfer.heard
    if heard is None:
        heard = transfer.heard = Heard(set(range(1, content.blocks + 1)))
    transfer.data_packets += 1
    if packet.block in heard.blocks or packet.block == 0:
        content.retransmitted += 1
        return
    in_order = packet.block == content.blocks + 1 == len(heard.blocks) + 1 and not content.cut
    heard.blocks.add(packet.block)
    transfer.progressed = datagram.time
    if packet.length < content.block_size:
        heard.last = packet.block
    if in_order:
        content.add(packet, whole=not datagram.cut)
        return
    # Octets cannot be put in order any more, but counted.
    content.cut = True
    content.octets += packet.length
    content.blocks = len(heard.blocks)
    content.highest = max(content.highest, packet.block)
    content.last_block = heard.last if heard.whole else None


def is_group(address: str) -> bool:
    """An IPv4 multicast address."""
    try:
        return 224 <= socket.inet_aton(address)[0] <= 239 and address.count(".") == 3
    except OSError:
        return False
