"""A client with Boot Integrity Services, as far as the wire is concerned: `bis_client CLIENT SERVER MAC`.

It asks the boot server for its program and then for the program's credentials (PXE 2.1 sections 2.4.7 and 2.4.8), and
downloads both with busybox. Nothing is verified: what the client makes of it is not seen on the wire.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from uuid import UUID

from pxeconform.protocol import dhcp
from pxeconform.protocol.layers import PXEBootItem, PXECredentialTypes, PXEEnd, PXEVendorOptions, dhcp_packet
from pxeconform.registry.dhcp_options import Option

_UUID = UUID("11223344-5566-7788-99aa-bbccddeeff00")
_TYPE = 32769
_ANY_DSA = 41
_WAITS = (1.0, 2.0, 3.0, 4.0)
"""Seconds after each try (PXE 2.1 figure 2-2)."""


def main() -> int:
    """Both questions and both downloads; 1 when there is no answer."""
    client, server, mac = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind((client, 4011))
        for credentials, file in ((False, b""), (True, b"pxelinux.0")):
            found = _ask(endpoint, server, bytes.fromhex(mac.replace(":", "")), credentials, file)
            if not found:
                return 1
            _fetch(server, found)
    return 0


def _ask(endpoint: socket.socket, server: str, mac: bytes, credentials: bool, file: bytes) -> str:
    """The file that the boot server names; empty when it is silent."""
    tags: list[object] = [PXEBootItem(type=_TYPE, credentials=credentials, layer=0)]
    tags += [PXECredentialTypes(types=[_ANY_DSA])] if credentials else []
    question = dhcp_packet(
        op=1,
        xid=0x77000000 + credentials,
        chaddr=mac,
        ciaddr=endpoint.getsockname()[0],
        file=file,
        message_type=3,
        pxe_client_architecture=0,
        pxe_client_network_interface=(1, 2, 1),
        pxe_client_machine_identifier=_UUID,
        more={
            Option.CLASS_IDENTIFIER: b"PXEClient:Arch:00000:UNDI:002001",
            Option.VENDOR_SPECIFIC: bytes(PXEVendorOptions(tags=[*tags, PXEEnd()])),
        },
    )
    for wait in _WAITS:
        endpoint.sendto(bytes(question), (server, 4011))
        endpoint.settimeout(wait)
        try:
            reply = dhcp.parse(endpoint.recv(2048))
        except TimeoutError:
            continue
        if reply is not None:
            return reply.boot_file.decode()
    return ""


def _fetch(server: str, file: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        argv = ["busybox", "tftp", "-g", "-b", "1432", "-r", file, "-l", str(Path(folder) / "got"), server]
        subprocess.run(argv, check=False, timeout=30)


if __name__ == "__main__":
    sys.exit(main())
