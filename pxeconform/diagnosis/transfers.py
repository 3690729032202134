"""What is wrong with a TFTP transfer by itself, whoever it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pxeconform.diagnosis.model import Diagnosis, Rule, Symptom, diagnoses
from pxeconform.protocol.tftp import DEFAULT_BLOCK_SIZE, LAST_BLOCK_NUMBER, Ack, Data, Error, Oack, Request
from pxeconform.registry.screen_codes import CAUSE_CODES, INTEL_CODES
from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.sessions.evidence import refused_options
from pxeconform.sessions.http import Fetch
from pxeconform.sessions.steps import http_trouble
from pxeconform.sessions.transfers import Event, Outcome, Sender, Transfer

_UNREACHABLE, _UNREACHABLE_IPV6 = 3, 1
_SOFT = frozenset({(3, 0), (3, 1), (3, 5)})
"""Net and host unreachable and source route failed: no reason to give up yet (RFC 1122 section 4.2.3.9)."""

_UNREACHABLE_WORDS = {
    (3, 0): "net unreachable",
    (3, 1): "host unreachable",
    (3, 3): "port unreachable",
    **dict.fromkeys(((3, 9), (3, 10), (3, 13), (1, 1)), "unreachable, administratively prohibited"),
    (1, 0): "no route to destination",
    (1, 3): "address unreachable",
    (1, 4): "port unreachable",
}
"""By type and code (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1, RFC 4443 section 3.1)."""

_FIREWALL = "A firewall forbids it: let port 69 through there, and what the server sends from other ports."
_ROUTE = "Correct the next-server address, or give the router that says so a route to it, and the server one back."
_UNREACHABLE_ADVICE = {
    **dict.fromkeys(((3, 9), (3, 10), (3, 13), (1, 1)), _FIREWALL),
    **dict.fromkeys(((3, 0), (3, 1), (1, 0), (1, 3)), _ROUTE),
}
_LARGEST_UNFRAGMENTED = 1468
"""Octets of a block that still fit into one Ethernet frame: 1500 less IP, UDP and TFTP headers."""

_FEW = 3
_NOISE = 0.01
"""Repeated blocks that say nothing: fewer than a few, or less than one in a hundred."""

_NEAR_WRAP = 2


@dataclass(frozen=True, slots=True)
class TransferCase:
    """A transfer with how it ended, knowing what its client did next."""

    transfer: Transfer
    outcome: Outcome
    again: tuple[int, ...] = ()
    """First frames of later requests for the same file: some clients take a new port for each try."""

    @property
    def ended_by_server(self) -> Error | None:
        """The ERROR of the server that ended it."""
        error = self.transfer.error
        if error is None or error.sender is not Sender.SERVER or not isinstance(error.packet, Error):
            return None
        return error.packet

    @property
    def refused_again(self) -> bool:
        """An ERROR is the first answer, and the client goes on asking for the file."""
        return self.outcome is Outcome.REFUSED and bool(self.again)

    @property
    def stalled(self) -> bool:
        """It just stopped."""
        return self.outcome is Outcome.STALLED


def _last_of(transfer: Transfer, sender: Sender) -> Event | None:
    return next((event for event in reversed(transfer.events) if event.sender is sender), None)


def _unreachable(case: TransferCase) -> Symptom | None:
    transfer = case.transfer
    kind = _UNREACHABLE_IPV6 if ":" in transfer.server else _UNREACHABLE
    errors = [d for d in transfer.unreachable if d.code is not None and d.code[0] == kind]
    of_request = [d for d in errors if d.destination_port == transfer.request_port]
    if transfer.answered or not of_request:
        return None
    what = _UNREACHABLE_WORDS.get(of_request[0].code or (0, 0), "unreachable")
    text = f"{of_request[0].reporter} answers the request for {transfer.file} with ICMP {what}"
    codes = CAUSE_CODES["tftp-unreachable"]
    soft = all(d.code in _SOFT for d in of_request)
    return Symptom(
        text,
        (*transfer.request_frames, *(d.frame for d in of_request)),
        # EDK2 goes on waiting after these.
        codes=replace(codes, edk2=CAUSE_CODES["tftp-silent"].edk2) if soft else codes,
        advice=_UNREACHABLE_ADVICE.get(of_request[0].code or (0, 0)),
    )


def _error(case: TransferCase, *codes: int) -> Symptom | None:
    packet = case.ended_by_server
    if packet is None or packet.code not in codes or _data_port(case) is not None:
        return None
    transfer = case.transfer
    event = transfer.error
    said = f": {packet.text!r}" if packet.text else ""
    frames = (*transfer.request_frames, *((event.frame,) if event is not None else ()))
    return Symptom(f"{transfer.server} answers the request for {transfer.file} with ERROR {packet.code}{said}", frames)


def _not_found(case: TransferCase) -> Symptom | None:
    return _error(case, ErrorCode.FILE_NOT_FOUND)


def _access(case: TransferCase) -> Symptom | None:
    return _error(case, ErrorCode.ACCESS_VIOLATION)


def _other_error(case: TransferCase) -> Symptom | None:
    packet = case.ended_by_server
    if (
        packet is None
        or _wrap(case) is not None
        or packet.code in (ErrorCode.FILE_NOT_FOUND, ErrorCode.ACCESS_VIOLATION)
    ):
        return None
    symptom = _error(case, packet.code)
    intel = f"PXE-T{packet.code:02d}"
    if symptom is None or intel not in INTEL_CODES:
        return symptom
    return Symptom(symptom.summary, symptom.frames, codes=replace(CAUSE_CODES["tftp-error"], intel=intel))


def _client_error(case: TransferCase) -> Symptom | None:
    error = case.transfer.error
    if case.outcome is not Outcome.ABORTED_BY_CLIENT or error is None or refused_options(case.transfer):
        return None
    if _wrap(case) is not None:
        return None
    packet = error.packet
    said = f"{packet.code} {packet.text!r}" if isinstance(packet, Error) else ""
    return Symptom(f"the client ended the transfer of {case.transfer.file} with ERROR {said}", (error.frame,))


def _options(case: TransferCase) -> Symptom | None:
    transfer = case.transfer
    if case.outcome is not Outcome.ABORTED_BY_CLIENT or not refused_options(transfer) or transfer.error is None:
        return None
    oack = [event.frame for event in transfer.of(Sender.SERVER) if isinstance(event.packet, Oack)]
    frames = (*transfer.request_frames, *oack, transfer.error.frame)
    if transfer.told_size == 0:
        text = f"{transfer.server} says that {transfer.file} has 0 octets, and the client wants no empty file"
        codes = replace(CAUSE_CODES["tftp-option-refused"], edk2=CAUSE_CODES["tftp-unreachable"].edk2)
        advice = "The file on the server is empty: put the boot file there again, and look for a full disk."
        return Symptom(text, frames, codes=codes, advice=advice)
    text = f"the client rejects the options that {transfer.server} acknowledged for {transfer.file}"
    return Symptom(text, frames)


def _silent(case: TransferCase) -> Symptom | None:
    transfer = case.transfer
    if not case.stalled or _unreachable(case) is not None or any(True for _ in transfer.of(Sender.SERVER)):
        return None
    tries = len(transfer.request_frames)
    text = f"{tries} requests for {transfer.file} to {transfer.server} brought no answer"
    return Symptom(text, tuple(transfer.request_frames), "likely")


def _data_port(case: TransferCase) -> Symptom | None:
    """Replies from the new port are in the trace, yet the client repeats its request as if it saw none."""
    transfer = case.transfer
    reply = next(iter(transfer.of(Sender.SERVER)), None)
    deaf = case.stalled or case.refused_again
    if not deaf or reply is None or transfer.last_acked >= 0 or reply.source[1] == transfer.request_port:
        return None
    if any(isinstance(event.packet, Ack | Error) for event in transfer.of(Sender.CLIENT)):
        return None
    repeated = [e.frame for e in transfer.of(Sender.CLIENT) if isinstance(e.packet, Request) and e.time > reply.time]
    again = (*repeated, *case.again)
    if not again:
        return None
    text = (
        f"{transfer.server} answers from port {reply.source[1]}, and the client repeats its request for {transfer.file}"
    )
    return Symptom(text, (*transfer.request_frames, reply.frame), "likely")


def _wrap(case: TransferCase) -> Symptom | None:
    content = case.transfer.content
    near = abs(content.highest - LAST_BLOCK_NUMBER) <= _NEAR_WRAP
    if case.outcome is Outcome.COMPLETE or case.outcome is Outcome.INCOMPLETE_CAPTURE or not near:
        return None
    return Symptom(f"the transfer of {case.transfer.file} ends where the block number wraps", _ends(case), "likely")


def _fragments(case: TransferCase) -> Symptom | None:
    transfer = case.transfer
    if not case.stalled or transfer.block_size <= _LARGEST_UNFRAGMENTED or transfer.last_acked > 0:
        return None
    if transfer.last_acked < 0:
        return None
    text = f"blocks of {transfer.block_size} octets need IP fragments, and the first never reaches the client"
    # A block that is not in the capture either may have lost its fragments before, or was never sent.
    return Symptom(text, _ends(case), "likely" if transfer.data_packets else "possible")


def _black_hole(case: TransferCase) -> Symptom | None:
    """Requests, OACK and ACK pass; the first DATA of full size is sent again and again, and never acknowledged."""
    transfer = case.transfer
    if not case.stalled or transfer.last_acked > 0 or transfer.block_size <= DEFAULT_BLOCK_SIZE:
        return None
    if _fragments(case) is not None:
        return None
    full = [
        e for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Data) and e.packet.length == transfer.block_size
    ]
    alive = [e for e in transfer.of(Sender.CLIENT) if full and e.time > full[0].time]
    if len(full) < 2 or not alive:
        return None
    text = f"blocks of {transfer.block_size} octets are sent again and again and never acknowledged, small packets pass"
    return Symptom(text, tuple(event.frame for event in (*full, *alive)), "likely")


def _vanished(case: TransferCase) -> Symptom | None:
    """The server goes on repeating, the client says nothing any more."""
    transfer = case.transfer
    if not case.stalled or transfer.last_acked < 0 or not transfer.data_packets:
        return None
    last = _last_of(transfer, Sender.CLIENT)
    after = [e for e in transfer.of(Sender.SERVER) if last is not None and e.time > last.time]
    blocks = [e.packet.block for e in after if isinstance(e.packet, Data)]
    closed = [
        d for d in transfer.unreachable if last is not None and d.time >= last.time and d.source == transfer.server
    ]
    repeats = len(blocks) - len(set(blocks))
    if repeats < 1 and not closed:
        return None
    text = f"the client says nothing after block {max(transfer.last_acked, 0)} of {transfer.file}, the server goes on"
    return Symptom(text, (*_ends(case), *(e.frame for e in after), *(d.frame for d in closed)), "likely")


def _vanished_at_once(case: TransferCase) -> bool:
    """All repetitions came after the client fell silent: they are no sign of loss before."""
    transfer = case.transfer
    last = _last_of(transfer, Sender.CLIENT)
    after = [e for e in transfer.of(Sender.SERVER) if last is not None and e.time > last.time]
    return _vanished(case) is not None and transfer.content.retransmitted <= len(after)


def _stalled(case: TransferCase) -> Symptom | None:
    transfer = case.transfer
    if not case.stalled or not any(True for _ in transfer.of(Sender.SERVER)):
        return None
    for other in (_data_port, _wrap, _fragments, _black_hole, _vanished):
        if other(case) is not None:
            return None
    last = _last_of(transfer, Sender.SERVER)
    if transfer.group is not None and transfer.last_acked < 1 and transfer.content.highest:
        text = f"{transfer.server} sends {transfer.file} to the group {transfer.group[0]}, and no block is acknowledged"
        advice = "Let multicast through to the client (IGMP snooping, a querier, routers), or turn the option off."
        return Symptom(text, _ends(case), "likely", advice=advice)
    text = f"{transfer.server} sends nothing more after block {transfer.content.highest} of {transfer.file}"
    frames = (*_ends(case), *((last.frame,) if last is not None else ()))
    closed = [
        d for d in transfer.unreachable if last is not None and d.time >= last.time and d.source != transfer.server
    ]
    if not closed:
        return Symptom(text, frames)
    text += f", and {closed[0].reporter} says by ICMP that nothing listens there any more"
    codes = replace(CAUSE_CODES["tftp-stalled"], edk2=CAUSE_CODES["tftp-unreachable"].edk2)
    return Symptom(text, (*frames, *(d.frame for d in closed)), codes=codes)


def _loss(case: TransferCase) -> Symptom | None:
    transfer = case.transfer
    again, blocks = transfer.content.retransmitted, transfer.content.blocks
    if transfer.group is not None and transfer.last_acked < 1:
        # Nothing that goes to the group arrives: that is no loss, but a way that is closed.
        return None
    if again < _FEW or again < blocks * _NOISE or _black_hole(case) is not None or _vanished_at_once(case):
        return None
    seconds = (transfer.ended - transfer.started) / 1e9
    text = f"{again} of {blocks} blocks of {transfer.file} had to be sent again; it took {seconds:.1f} s"
    return Symptom(text, _ends(case))


def _cut(case: TransferCase) -> Symptom | None:
    if case.outcome is not Outcome.INCOMPLETE_CAPTURE:
        return None
    if case.transfer.headless:
        return Symptom("the capture begins in the middle of a transfer: which file it is cannot be told", _ends(case))
    return Symptom(f"the capture ends within the transfer of {case.transfer.file}", _ends(case))


def _ends(case: TransferCase) -> tuple[int, ...]:
    events = case.transfer.events
    return (events[0].frame, events[-1].frame)


_PORT = "udp.port == {port}"

TRANSFER_RULES: tuple[Rule[TransferCase], ...] = (
    Rule(
        "tftp-unreachable",
        "fatal",
        _unreachable,
        "Start the TFTP service on {server}, let port 69 through its firewall, or correct the next-server address.",
        "icmp.type == 3 && ip.addr == {client}",
    ),
    Rule(
        "tftp-file-not-found",
        "fatal",
        _not_found,
        "Compare the boot file's name in the DHCP configuration with the server's folder: case, path, spelling.",
        "tftp && ip.addr == {client}",
    ),
    Rule(
        "tftp-access-violation",
        "fatal",
        _access,
        "Make the file readable for the TFTP service, and check its chroot and the path (leading slash, ..).",
        "tftp && ip.addr == {client}",
    ),
    Rule(
        "tftp-error",
        "fatal",
        _other_error,
        "Read the server's message and its log at that time.",
        "tftp.opcode == 5 && ip.addr == {client}",
    ),
    Rule(
        "tftp-option-refused",
        "fatal",
        _options,
        "Look at the OACK: it must answer only what was asked, with no larger values. Turn TFTP options off to try.",
        "tftp && ip.addr == {client}",
    ),
    Rule(
        "tftp-error",
        "fatal",
        _client_error,
        "The client gave up by itself: look at its screen, and at the packet just before.",
        "tftp.opcode == 5 && ip.addr == {client}",
    ),
    Rule(
        "tftp-silent",
        "fatal",
        _silent,
        "Check that a TFTP service listens on {server} port 69 and that no firewall drops requests or replies.",
        f"ip.addr == {{client}} && {_PORT}",
    ),
    Rule(
        "tftp-data-port-blocked",
        "fatal",
        _data_port,
        "Let replies from any port of {server} through (firewalls need a TFTP helper), or use a single port.",
        f"ip.addr == {{client}} && {_PORT}",
    ),
    Rule(
        "block-wrap-disagreement",
        "fatal",
        _wrap,
        "Raise blksize or make the file smaller than 65535 blocks; client and server disagree on what follows 65535.",
        f"tftp && {_PORT}",
    ),
    Rule(
        "fragments-lost",
        "fatal",
        _fragments,
        "Keep blksize at 1468 or below, or find what drops IP fragments on the way.",
        "ip.flags.mf == 1 || ip.frag_offset > 0",
    ),
    Rule(
        "mtu-black-hole",
        "fatal",
        _black_hole,
        "Lower blksize (512 to try), and look for a tunnel or a link of smaller MTU between {server} and the client.",
        f"tftp && {_PORT}",
    ),
    Rule(
        "client-vanished",
        "fatal",
        _vanished,
        "Look at the client: power, cable, a crash, a user's key; the server did its part.",
        f"tftp && {_PORT}",
    ),
    Rule(
        "tftp-stalled",
        "fatal",
        _stalled,
        "Look at the TFTP service on {server} and at its log at that time; then at the path from it to the client.",
        f"tftp && {_PORT}",
    ),
    Rule(
        "packet-loss",
        "warning",
        _loss,
        "Look for loss on the path (duplex, cable, overload); servers that wait a second for each lost block are slow.",
        f"tftp && {_PORT}",
    ),
    Rule(
        "capture-incomplete",
        "info",
        _cut,
        "Capture again: from before the client starts until it has stopped for a minute.",
        f"tftp && {_PORT}",
    ),
)


def diagnose_transfer(case: TransferCase, *, harmless: bool = False) -> tuple[Diagnosis, ...]:
    """What is wrong with a transfer, worst first.

    `harmless` says that the boot went well without it: loaders look for files that need not be there.
    """
    transfer = case.transfer
    names = {"client": transfer.client[0], "server": transfer.server, "port": str(transfer.client[1])}
    found = diagnoses(TRANSFER_RULES, case, names)
    return tuple(replace(d, severity="info") if harmless and d.severity == "fatal" else d for d in found)


_HTTP_ADVICE = "Ask for the same address with another HTTP client from that subnet, and read the web server's log."


def diagnose_fetch(fetch: Fetch, outcome: Outcome) -> tuple[Diagnosis, ...]:
    """What is wrong with an HTTP request by itself."""
    if outcome not in (Outcome.REFUSED, Outcome.STALLED):
        return ()
    rule: Rule[Fetch] = Rule(
        "http-error",
        "fatal",
        lambda each: Symptom(http_trouble(each), tuple(each.frames)),
        _HTTP_ADVICE,
        "tcp.port == {port} && ip.addr == {client}",
    )
    names = {"client": fetch.client, "port": str(fetch.client_port)}
    return tuple(diagnoses([rule], fetch, names))
