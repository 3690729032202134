"""The second opinion: the same datagrams as `read`, but tshark decodes them, driven through pyshark.

tshark (a program of its own, Debian package of the same name) opens the container, goes through link layers and
tunnels, and puts fragments together; we only write down, row for row, which fields it saw. pyshark drives the program;
its XML and JSON are left aside for tshark's plain table of fields, which is a hundred times faster to read.
"""

from __future__ import annotations

import asyncio
import heapq
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pxeconform.capture.datagrams import CaptureError, CaptureInfo, Datagram, Kind
from pxeconform.capture.streams import STANDARD_INPUT, open_stream
from pxeconform.capture.window import REORDERED

if TYPE_CHECKING:
    from pyshark import FileCapture

Row = dict[str, list[str]]
"""One frame: the fields that were asked for, each with its values from the outermost layer to the innermost."""

_AGGREGATOR = "\x1f"
"""Separates the values of a field; tshark shows control characters of packets as escape sequences."""
_COPY = 1 << 20
_COPIED = 1_000_000
"""Nanoseconds within which a fragment of a packet that is whole is a copy."""


def names_of(table: dict[str, str]) -> tuple[str, ...]:
    """Full names of fields from a table of protocol to the names within it."""
    return tuple(f"{protocol}.{name}" for protocol, names in table.items() for name in names.split())


_MOST_REMEMBERED = 1 << 16


_FIELDS = names_of(
    {
        "frame": "number time_epoch protocols len cap_len encap_type comment",
        "eth": "src dst",
        "ieee8021ah": "csrc cdst",
        "sll": "src.eth",
        "vlan": "id",
        "ip": "src dst id proto flags.mf frag_offset fragment.count",
        "ipv6": "src dst fraghdr.ident fraghdr.more fraghdr.offset fragment.count",
        "udp": "srcport dstport length checksum payload",
        "tcp": "srcport dstport flags len payload",
        "icmp": "type code",
        "icmpv6": "type code nd.ns.target_address nd.na.target_address",
        "arp": "opcode src.proto_ipv4 dst.proto_ipv4 src.hw_mac",
    }
)

_LINKS = {1: "EN10MB", 4: "PPP", 7: "RAW", 15: "NULL", 25: "LINUX_SLL", 129: "IPV4", 130: "IPV6", 210: "LINUX_SLL2"}
"""wiretap's numbers of link types, by the names that the native engine gives them."""


class TsharkError(Exception):
    """tshark is missing or does not work; the message is one sentence for the user."""


class _Lines:
    """What pyshark calls an output parser: here all whole lines of what was read are one packet."""

    async def get_packets_from_stream(
        self, stream: asyncio.StreamReader, existing: bytes, *, got_first_packet: bool = True
    ) -> tuple[list[bytes] | None, bytes]:
        """The next lines, and the octets of the one that is not yet whole."""
        octets = await stream.read(_COPY)
        if not octets:
            raise EOFError
        *lines, rest = (existing + octets).split(b"\n")
        return lines, rest


def _capture(path: Path, names: Sequence[str], select: str, nowhere: str) -> FileCapture:
    """pyshark's capture, which prints a table of fields and remembers how its process ended."""
    import pyshark

    command = [find(), "-n", "-r", str(path), *(("-Y", select) if select else ()), "-T", "fields"]
    command += ["-E", "separator=/t", "-E", f"aggregator={_AGGREGATOR}", *(part for n in names for part in ("-e", n))]

    class Fields(pyshark.FileCapture):  # type: ignore[misc]
        ended = 0

        async def _get_tshark_process(self, **_: Any) -> asyncio.subprocess.Process:
            pipe = subprocess.PIPE
            process = await asyncio.create_subprocess_exec(
                *command, stdout=pipe, stderr=pipe, env=_environment(nowhere)
            )
            self._create_stderr_handling_task(process.stderr)
            self._created_new_process(command, process)
            return process

        def _setup_tshark_output_parser(self) -> _Lines:
            return _Lines()

        async def _cleanup_subprocess(self, process: asyncio.subprocess.Process) -> None:
            if not self._eof_reached and process.returncode is None:
                process.kill()
            await process.wait()
            self.ended = (process.returncode or 0) if self._eof_reached else 0
            await asyncio.gather(*self._stderr_handling_tasks)
            self._running_processes.discard(process)

    return Fields(str(path), keep_packets=False, eventloop=asyncio.new_event_loop())


def find() -> str:
    """Where tshark is. Raises `TsharkError`."""
    found = shutil.which("tshark")
    if found is None:
        raise TsharkError(
            "tshark was not found on this machine; the second opinion needs it (Debian: apt install tshark)"
        )
    return found


def dissection(path: str | Path, frame: int) -> list[str]:
    """tshark's dissection of one frame in full, as lines of text that still hold what the packet holds.

    Frames before it are dissected too, for what they tell about it. Raises `TsharkError`, `CaptureError`.
    """
    command = [find(), "-n", "-c", str(frame), "-Y", f"frame.number=={frame}", "-V", "-r"]
    info = CaptureInfo(str(path))
    with _plain(path, info) as plain, tempfile.TemporaryDirectory(prefix="pxeconform-") as nowhere:
        done = subprocess.run([*command, str(plain)], env=_environment(nowhere), capture_output=True, check=False)
        complaint = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2].replace(str(plain), str(path))
    if done.returncode and not done.stdout:
        raise CaptureError(f"{path}: tshark cannot read it: {complaint.removeprefix('tshark: ')}")
    return done.stdout.decode("utf-8", "replace").rstrip().split("\n")


def _environment(nowhere: str) -> dict[str, str]:
    """Nobody's preferences: what tshark says must not depend on who asks. `nowhere` is an empty folder."""
    return {**os.environ, "WIRESHARK_CONFIG_DIR": nowhere, "TZ": "UTC"}


def rows(path: str | Path, names: Iterable[str], select: str = "", info: CaptureInfo | None = None) -> Iterator[Row]:
    """tshark's fields of each frame that a display filter selects, in the order of the file.

    `info` takes the complaint of tshark about a capture that it could not read to the end. Raises `TsharkError` where
    there is no tshark, `CaptureError` when it can make nothing of the input.
    """
    info = info if info is not None else CaptureInfo(str(path))
    names = list(names)
    with _plain(path, info) as plain, tempfile.TemporaryDirectory(prefix="pxeconform-") as nowhere:
        capture = _capture(plain, names, select, nowhere)
        seen = False
        try:
            for lines in capture:
                for line in lines:
                    values = line.decode("utf-8", "replace").split("\t")
                    if len(values) == len(names):
                        seen = True
                        yield {name: _values(value) for name, value in zip(names, values, strict=True)}
        finally:
            capture.eventloop.run_until_complete(capture.close_async())
            capture.eventloop.close()
        if capture.ended:
            complaint = " ".join(str(capture._last_error_line or f"it ended with {capture.ended}").split())
            complaint = complaint.replace(str(plain), str(path)).removeprefix("tshark: ")
            if not seen and not select:
                raise CaptureError(f"{path}: tshark cannot read it: {complaint}")
            info.complete = False
            info.warn(f"tshark: {complaint}")


def _values(text: str) -> list[str]:
    return text.split(_AGGREGATOR) if text else []


@contextmanager
def _plain(path: str | Path, info: CaptureInfo) -> Generator[Path]:
    """The capture as a plain file, which tshark is given: packed ones and standard input are unpacked into one."""
    with open_stream(path, info) as stream:
        if isinstance(getattr(stream, "raw", None), io.FileIO):
            yield Path(path)
            return
        with tempfile.NamedTemporaryFile(prefix="pxeconform-", suffix=".capture") as file:
            shutil.copyfileobj(stream, file, _COPY)
            file.flush()
            yield Path(file.name)


def read(
    path: str | Path,
    info: CaptureInfo | None = None,
    *,
    also: Iterable[str] = (),
    heed: Callable[[Row, Datagram], None] = lambda row, datagram: None,
) -> Iterator[Datagram]:
    """The datagrams of a capture as tshark decodes it; otherwise like `capture.read.read`.

    `also` names more fields; `heed` is given every frame's row with the datagram that was made of it.
    """
    info = info if info is not None else CaptureInfo(str(path))
    info.format = _format(path)
    fragments: dict[tuple[str, ...], int] = {}
    links: set[str] = set()
    for row in rows(path, [*_FIELDS, *also], info=info):
        _note(info, row, links)
        _fragment(row, fragments)
        datagram = _datagram(row)
        if datagram is not None:
            heed(row, datagram)
            yield datagram
    if info.snapped:
        info.warn(f"{info.snapped} frames were cut by the snap length")
    missing = sum(time >= 0 for time in fragments.values())
    if missing:
        info.warn(f"of {missing} IP packets some fragments are missing")


def in_order(datagrams: Iterable[Datagram]) -> Iterator[Datagram]:
    """Small disorder put right, as our own reader does it; what is farther off stays where the file has it."""
    waiting: list[tuple[int, int, Datagram]] = []
    for number, datagram in enumerate(datagrams):
        heapq.heappush(waiting, (datagram.time, number, datagram))
        if len(waiting) > REORDERED:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _format(path: str | Path) -> str:
    if str(path) == STANDARD_INPUT:
        return "unknown"
    with open_stream(path) as stream:
        magic = stream.read(4)
    return {b"\x0a\x0d\x0d\x0a": "pcapng"}.get(magic, "pcap")


def _note(info: CaptureInfo, row: Row, links: set[str]) -> None:
    info.packets += 1
    if not row["frame.encap_type"]:
        # tshark counts pcapng blocks of other kinds (custom ones, logs) as frames.
        return
    time = _time(row)
    info.first_time = time if info.first_time is None else min(info.first_time, time)
    info.last_time = time if info.last_time is None else max(info.last_time, time)
    info.snapped += int(row["frame.cap_len"][0]) < int(row["frame.len"][0])
    number = int(row["frame.encap_type"][0])
    name = _LINKS.get(number, f"wiretap link type {number}")
    if name not in links:
        links.add(name)
        info.link_types.append(name)


def _time(row: Row) -> int:
    seconds, _, fraction = (row["frame.time_epoch"] or ["0"])[0].partition(".")
    # Times before 1970 are what a broken capture holds.
    return max(int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0")[:9]), 0)


def _fragment(row: Row, seen: dict[tuple[str, ...], int]) -> None:
    """Keep count of the packets of which fragments are missing: since when they wait, or `~` when they were whole."""
    # What an ICMP error quotes is not waited for.
    outside = row["frame.protocols"][0].partition(":icmp")[0].split(":").count("ip") if row["frame.protocols"] else 0
    places = list(zip(row["ip.flags.mf"], row["ip.frag_offset"], strict=False))[:outside]
    layer = next((n for n, (more, offset) in enumerate(places) if more == "1" or offset != "0"), None)
    if layer is not None and layer < min(len(row[f"ip.{name}"]) for name in ("src", "dst", "proto", "id")):
        key = tuple(row[f"ip.{name}"][layer] for name in ("src", "dst", "proto", "id"))
        whole = bool(row["ip.fragment.count"])
    elif row["ipv6.fraghdr.ident"]:
        key = (row["ipv6.src"][-1], row["ipv6.dst"][-1], "", row["ipv6.fraghdr.ident"][-1])
        whole = bool(row["ipv6.fragment.count"]) or not (
            "1" in row["ipv6.fraghdr.more"] or any(offset != "0" for offset in row["ipv6.fraghdr.offset"])
        )
    else:
        return
    time = _time(row)
    if whole:
        if len(seen) > _MOST_REMEMBERED:
            for old in [each for each, moment in seen.items() if moment < 0]:
                del seen[old]
        seen[key] = ~time
    elif not (seen.get(key, 0) < 0 and time - ~seen[key] <= _COPIED):
        # What a mirror port gives a second time belongs to the packet that is whole already.
        seen[key] = time


def _datagram(row: Row) -> Datagram | None:
    """The innermost datagram: along the chain of layers, the last network layer and what it carries."""
    place = {"ip": -1, "ipv6": -1, "udp": -1}
    networks: list[tuple[str, str]] = []
    """Source and destination of the layers on the way in, but not of what an ICMP error quotes."""
    source = destination = ""
    identification = 0
    reporter: str | None = None
    code: tuple[int, int] | None = None
    kind: Kind | None = None
    try:
        for layer in row["frame.protocols"][0].split(":"):
            if layer in ("ip", "ipv6"):
                place[layer] += 1
                source, destination = row[f"{layer}.src"][place[layer]], row[f"{layer}.dst"][place[layer]]
                identification = _identification(row, layer, place[layer])
                kind = None
                networks += [(source, destination)] if code is None else []
            elif layer in ("icmp", "icmpv6"):
                if code is not None:
                    # Nobody answers an ICMP error with one.
                    return None
                if row["icmpv6.nd.ns.target_address"] or row["icmpv6.nd.na.target_address"]:
                    return _neighbour(row, source, destination, networks)
                reporter, code = source, (int(row[f"{layer}.type"][0]), int(row[f"{layer}.code"][0]))
                kind = None
            elif layer == "udp":
                place["udp"] += 1
                kind = Kind.UDP if code is None else Kind.ICMP_ERROR
            elif layer == "tcp":
                kind = Kind.TCP if code is None else None
            elif layer == "arp":
                return _arp(row)
        if kind is None:
            return None
        outer = networks[0] if len(networks) > 1 else None
        if kind is Kind.TCP:
            return replace(_segment(row, source, destination, outer), identification=identification)
        length = max(int(row["udp.length"][place["udp"]]) - 8, 0)
        if len(row["udp.checksum"]) <= place["udp"]:
            # The capture ends inside the header.
            return None
        # Every layer but the last carries something; the last may be empty and is then without this field.
        carries = len(row["udp.payload"]) == place["udp"] + 1
        # What IP carries behind the end of the datagram is shown too.
        payload = bytes.fromhex(row["udp.payload"][-1])[:length] if carries else b""
        if len(payload) < length and row["frame.cap_len"] == row["frame.len"]:
            # Nothing was cut, so the header claims more than there is.
            length = len(payload)
        ports = int(row["udp.srcport"][place["udp"]]), int(row["udp.dstport"][place["udp"]])
    except IndexError:
        # The capture or the packet ends inside one of the headers.
        return None
    return Datagram(
        int(row["frame.number"][0]),
        _time(row),
        source,
        destination,
        *ports,
        payload,
        len(payload) if kind is Kind.ICMP_ERROR else length,
        kind,
        reporter,
        code,
        *_macs(row),
        comment="\n".join(row["frame.comment"]),
        identification=identification if kind is Kind.UDP else 0,
        checksum=int(row["udp.checksum"][place["udp"]], 0) if kind is Kind.UDP else None,
        outer=outer,
        vlan=_vlan(row),
    )


def _identification(row: Row, layer: str, place: int) -> int:
    if layer == "ip":
        return int(row["ip.id"][place], 0)
    return int(row["ipv6.fraghdr.ident"][-1], 0) if row["ipv6.fraghdr.ident"] else 0


def _segment(row: Row, source: str, destination: str, outer: tuple[str, str] | None) -> Datagram:
    return Datagram(
        int(row["frame.number"][0]),
        _time(row),
        source,
        destination,
        int(row["tcp.srcport"][0]),
        int(row["tcp.dstport"][0]),
        bytes.fromhex(row["tcp.payload"][0]) if row["tcp.payload"] else b"",
        int(row["tcp.len"][0]),
        Kind.TCP,
        code=(int(row["tcp.flags"][0], 0) & 0xFF, 0),
        source_mac=_macs(row)[0],
        destination_mac=_macs(row)[1],
        comment="\n".join(row["frame.comment"]),
        outer=outer,
        vlan=_vlan(row),
    )


def _neighbour(row: Row, source: str, destination: str, networks: Sequence[tuple[str, str]]) -> Datagram:
    """Neighbour discovery in the words of ARP."""
    asked, told = row["icmpv6.nd.ns.target_address"], row["icmpv6.nd.na.target_address"]
    return Datagram(
        int(row["frame.number"][0]),
        _time(row),
        source if asked else told[0],
        asked[0] if asked else destination,
        kind=Kind.ARP,
        code=(1 if asked else 2, 0),
        source_mac=_macs(row)[0],
        destination_mac=_macs(row)[1],
        comment="\n".join(row["frame.comment"]),
        outer=networks[0] if len(networks) > 1 else None,
        vlan=_vlan(row),
    )


def _arp(row: Row) -> Datagram | None:
    if not (row["arp.src.proto_ipv4"] and row["arp.dst.proto_ipv4"] and row["arp.src.hw_mac"]):
        return None
    return Datagram(
        int(row["frame.number"][0]),
        _time(row),
        row["arp.src.proto_ipv4"][0],
        row["arp.dst.proto_ipv4"][0],
        kind=Kind.ARP,
        code=(int(row["arp.opcode"][0]), 0),
        source_mac=_octets(row["arp.src.hw_mac"][0]),
        destination_mac=_macs(row)[1],
        comment="\n".join(row["frame.comment"]),
        vlan=_vlan(row),
    )


def _vlan(row: Row) -> int | None:
    return int(row["vlan.id"][-1]) if row["vlan.id"] else None


def _macs(row: Row) -> tuple[bytes, bytes]:
    if not row["eth.src"]:
        return (_octets(row["sll.src.eth"][-1]) if row["sll.src.eth"] else b""), b""
    layers = row["frame.protocols"][0].split(":")
    if "ieee8021ah" in layers and "eth" not in layers[layers.index("ieee8021ah") :]:
        # A frame in a frame: tshark has the inner addresses under another name.
        return _octets(row["ieee8021ah.csrc"][-1]), _octets(row["ieee8021ah.cdst"][-1])
    return _octets(row["eth.src"][-1]), _octets(row["eth.dst"][-1])


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
