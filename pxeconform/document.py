"""Plain data for `analysis.json`: one function for each kind of record, with the names that scripts rely on.

Times are ns since the epoch, durations seconds, frames count from 1 in the file. What is not known is `None`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pxeconform.capture.datagrams import CaptureInfo
from pxeconform.diagnosis.lenses.model import Reading
from pxeconform.diagnosis.model import Diagnosis
from pxeconform.diagnosis.speed import advise
from pxeconform.diagnosis.stall import Stall
from pxeconform.extraction import Extracted
from pxeconform.protocol.dhcp import Message
from pxeconform.protocol.tftp import Error, Options
from pxeconform.registry.dhcp_options import Option
from pxeconform.sessions.boots import Boot
from pxeconform.sessions.dhcp import DhcpEvent
from pxeconform.sessions.dhcp6 import Dhcp6Event
from pxeconform.sessions.http import Fetch
from pxeconform.sessions.nbp import Image
from pxeconform.sessions.offers import Offer, host_of, text
from pxeconform.sessions.pace import measure
from pxeconform.sessions.steps import Step
from pxeconform.sessions.transfers import Outcome, Transfer

Record = dict[str, object]


def capture(info: CaptureInfo) -> Record:
    """A capture file."""
    return {
        "path": info.path,
        "format": info.format,
        "link_types": list(info.link_types),
        "packets": info.packets,
        "first_time": info.first_time,
        "last_time": info.last_time,
        "complete": info.complete,
        "warnings": list(info.warnings),
    }


def boot(
    identifier: str,
    path: str,
    parent: str | None,
    found: Boot,
    stall: Stall | None,
    causes: Sequence[Diagnosis],
    readings: Sequence[Reading] | None = None,
) -> Record:
    """A boot with its nine steps, and with how a lens takes what its client was sent."""
    record = _boot(identifier, path, parent, found, stall, causes)
    return record if readings is None else {**record, "lens": [_reading(reading) for reading in readings]}


def _reading(found: Reading) -> Record:
    return {
        "lens": found.lens,
        "frame": found.frame,
        "kind": found.kind,
        "verdict": found.verdict,
        "reason": found.reason,
        "sort": found.sort,
        "then": found.then,
        "source": found.source,
        "confidence": found.confidence,
        "can_meet": found.meets,
    }


def _boot(
    identifier: str, path: str, parent: str | None, found: Boot, stall: Stall | None, causes: Sequence[Diagnosis]
) -> Record:
    return {
        "id": identifier,
        "capture": path,
        "client_mac": found.client_mac,
        "uuid": found.uuid,
        "arch": found.arch,
        "arch_name": found.arch_name,
        "firmware": found.firmware.value,
        "firmware_signs": list(found.recognition.signs),
        "firmware_confidence": found.recognition.confidence if found.recognition.signs else None,
        "vendor_class": found.vendor_class,
        "family": found.family,
        "parent": parent,
        "client_ip": found.client_ip,
        "dhcp_server": found.dhcp_server,
        "proxy_server": found.proxy_server,
        "boot_server": found.boot_server,
        "boot_file": found.boot_file,
        "started": found.started,
        "ended": found.ended,
        "outcome": found.outcome.value,
        "steps": [_step(step) for step in found.steps],
        "offers": [_offer(offer) for offer in found.offers],
        "nbp": _nbp(found),
        "stall": _stall(stall) if stall is not None else None,
        "diagnosis": [_diagnosis(cause) for cause in causes],
    }


def _stall(stall: Stall) -> Record:
    return {"waiting_for": stall.waiting_for, "owed": stall.owed, "since": stall.since, "waited": stall.waited}


def _step(step: Step) -> Record:
    return {
        "step": step.number,
        "name": step.name,
        "status": step.status.value,
        "started": step.started,
        "ended": step.ended,
        "frames": list(step.frames),
        "detail": dict(step.detail),
    }


def _offer(offer: Offer) -> Record:
    message = offer.event.message
    return {
        "frame": offer.frame,
        "time": offer.time,
        "server": offer.server,
        "kind": offer.kind.value,
        "selected": offer.selected,
        "address": offer.address,
        "next_server": offer.next_server,
        "boot_file": offer.boot_file or None,
        "leads_to": offer.lead.value,
        "pxe": _pxe(message),
    }


def _nbp(found: Boot) -> Record | None:
    if found.nbp is None:
        return None
    return {
        "file": found.nbp.file,
        "bytes": found.nbp.octets,
        "sha256": found.nbp.sha256,
        "format": found.nbp.image.format.value,
        "machine": found.nbp.image.machine,
        "matches_arch": found.nbp.matches_arch,
        **_image(found.nbp.image),
    }


def _image(image: Image) -> Record:
    return {"subsystem": image.subsystem, "signed": image.signed, "linux_kernel": image.kernel}


def _diagnosis(found: Diagnosis) -> Record:
    return {
        "cause": found.cause,
        "severity": found.severity,
        "codes": {"intel": found.codes.intel, "edk2": found.codes.edk2, "ipxe": found.codes.ipxe},
        "summary": found.summary,
        "advice": found.advice,
        "display_filter": found.display_filter,
        "confidence": found.confidence,
        "frames": list(found.frames),
    }


def transfer(
    identifier: str,
    path: str,
    owner: str | None,
    found: Transfer | Fetch,
    outcome: Outcome,
    causes: Sequence[Diagnosis],
    extracted: Extracted | None = None,
) -> Record:
    """A TFTP transfer, or a file fetched over HTTP: that one has no blocks."""
    head = {"id": identifier, "capture": path, "boot": owner}
    body = _fetch(found) if isinstance(found, Fetch) else _tftp(found)
    record = {
        **head,
        **body,
        "outcome": outcome.value,
        "diagnosis": [_diagnosis(cause) for cause in causes],
    }
    if isinstance(found, Transfer):
        record["pace"] = _pace(found)
        record["speed_advice"] = _speed(found) if outcome is Outcome.COMPLETE else None
    if extracted is not None:
        record["extracted"] = _extracted(extracted)
    return record


def _pace(found: Transfer) -> Record | None:
    pace = measure(found)
    if pace is None:
        return None
    return {
        "round_trip": pace.round_trip,
        "server_delay": pace.server_delay,
        "client_delay": pace.client_delay,
        "longest_pause": pace.longest_pause,
        "pause_after_frame": pace.pause_after,
        "effective_window": pace.window,
    }


def _speed(found: Transfer) -> Record | None:
    advice = advise(found)
    if advice is None:
        return None
    return {"text": advice.text, "blksize": advice.blksize, "windowsize": advice.windowsize, "seconds": advice.seconds}


def _extracted(found: Extracted) -> Record:
    image = found.image
    return {
        "path": found.path,
        "bytes": found.octets,
        "sha256": found.sha256,
        "format": image.format.value,
        "machine": image.machine,
        **_image(image),
    }


def _tftp(found: Transfer) -> Record:
    error = found.error.packet if found.error is not None else None
    frames = [event.frame for event in found.events]
    content = found.content
    return {
        "protocol": found.protocol,
        "direction": found.direction,
        "client": found.client[0],
        "client_port": found.client[1],
        "server": found.server,
        "server_port": found.server_port,
        "request_port": found.request_port,
        "file": None if found.headless else found.file,
        "mode": None if found.headless else found.request.mode,
        "options_requested": _options(found.request.options),
        "options_acknowledged": _options(found.acknowledged),
        "blksize": found.block_size,
        "windowsize": found.window_size,
        "bytes": content.octets,
        "blocks": content.blocks - content.begins,
        "first_frame": min(frames),
        "last_frame": max(frames),
        **_times(found.started, found.ended, content.octets),
        "data_packets": found.data_packets,
        "retransmitted_blocks": found.content.retransmitted,
        "duplicate_acks": found.duplicate_acks,
        "lost_blocks": content.missing,
        "group": f"{found.group[0]}:{found.group[1]}" if found.group is not None else None,
        "error_code": error.code if isinstance(error, Error) else None,
        "error_message": error.text if isinstance(error, Error) else None,
        "sha256": content.sha256,
    }


def _fetch(found: Fetch) -> Record:
    bad = found.status is not None and found.status >= 400
    return {
        "protocol": "http",
        "direction": "read",
        "client": found.client,
        "client_port": found.client_port,
        "server": found.server,
        "server_port": found.server_port,
        "request_port": found.server_port,
        "file": found.path,
        "mode": found.method,
        "options_requested": {},
        "options_acknowledged": {},
        "blksize": None,
        "windowsize": None,
        "bytes": found.octets,
        "blocks": None,
        "first_frame": found.first_frame,
        "last_frame": found.last_frame,
        **_times(found.started, found.ended, found.octets),
        "data_packets": None,
        "retransmitted_blocks": None,
        "duplicate_acks": None,
        "lost_blocks": None,
        "error_code": found.status if bad else None,
        "error_message": None,
        "sha256": None,
    }


def _times(started: int, ended: int, octets: int) -> Record:
    duration = (ended - started) / 1e9
    return {
        "started": started,
        "ended": ended,
        "duration": duration,
        "throughput": octets / duration if duration > 0 else None,
    }


def _options(options: Options) -> Mapping[str, str]:
    return {name.lower(): value for name, value in options}


def dhcp(path: str, event: DhcpEvent | Dhcp6Event) -> Record:
    """A DHCP or BOOTP message."""
    if isinstance(event, Dhcp6Event):
        return _dhcp6(path, event)
    message = event.message
    value = message.class_identifier
    user_class, architectures, uuid = message.get(Option.USER_CLASS), message.architectures, message.uuid
    return {
        "capture": path,
        "frame": event.frame,
        "time": event.time,
        "type": message.type_name,
        "op": message.op,
        "xid": message.xid,
        "chaddr": message.mac,
        "src": event.source[0],
        "sport": event.source[1],
        "dst": event.destination[0],
        "dport": event.destination[1],
        "ciaddr": message.ciaddr,
        "yiaddr": message.yiaddr,
        "siaddr": message.siaddr,
        "giaddr": message.giaddr,
        "server_id": message.server_identifier,
        "vendor_class": text(value) if value is not None else None,
        "arch": architectures[0] if architectures else None,
        "architectures": list(architectures),
        "uuid": str(uuid) if uuid is not None else None,
        "user_class": text(user_class) if user_class is not None else None,
        "boot_file": text(message.boot_file) or None,
        "pxe": _pxe(message),
    }


def _dhcp6(path: str, event: Dhcp6Event) -> Record:
    """A DHCPv6 message under the same names; addresses that it has no place for are `::`."""
    message = event.message
    url = text(message.boot_file_url)
    user_class = message.user_class
    return {
        "capture": path,
        "frame": event.frame,
        "time": event.time,
        "type": message.type.name.replace("_", "-"),
        "op": 1 if message.from_client else 2,
        "xid": message.xid,
        "chaddr": event.client.hex(":"),
        "src": event.source[0],
        "sport": event.source[1],
        "dst": event.destination[0],
        "dport": event.destination[1],
        "ciaddr": "::",
        "yiaddr": next(iter(message.addresses), "::"),
        "siaddr": host_of(url) or "::",
        "giaddr": message.relay or "::",
        "server_id": None,
        "vendor_class": text(message.vendor_class) if message.vendor_class is not None else None,
        "arch": message.architectures[0] if message.architectures else None,
        "architectures": list(message.architectures),
        "uuid": str(message.uuid) if message.uuid is not None else None,
        "user_class": text(user_class) if user_class is not None else None,
        "boot_file": url or None,
        "pxe": None,
    }


def _pxe(message: Message) -> Record | None:
    """Option 43 as PXE tags; octets that have no better form are hexadecimal."""
    tags = message.vendor_options
    if tags is None:
        return None
    control, prompt, item = tags.discovery_control, tags.menu_prompt, tags.boot_item
    types = tags.credential_types
    return {
        "tags": [{"tag": tag, "value": value.hex()} for tag, value in tags.tags],
        "discovery_control": int(control) if control is not None else None,
        "multicast_address": tags.multicast_address,
        "boot_servers": [{"type": entry.type, "addresses": list(entry.addresses)} for entry in tags.boot_servers],
        "menu": [{"type": entry.type, "text": text(entry.description)} for entry in tags.boot_menu],
        "prompt": {"timeout": prompt.timeout, "text": text(prompt.text)} if prompt is not None else None,
        "boot_item": {"type": item.type, "layer": item.layer} if item is not None else None,
        "credential_types": list(types) if types is not None else None,
        "problems": list(tags.problems),
    }
