"""Transfer identifiers: RFC 1350 sections 2 and 4.

A transfer is known by two ports, one chosen by each side. What comes from any other port is a stranger's: it is told
so with ERROR 5, and the transfer does not notice.
"""

from __future__ import annotations

from typing import cast

from pxeconform.protocol.tftp import Data, Error
from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.requirements.model import (
    AnyRule,
    Fact,
    Kind,
    Level,
    Requirement,
    Role,
    Rule,
    Scope,
    broken,
    kept,
    unclear,
    unsupported,
)
from pxeconform.requirements.tftp.contents import same_contents
from pxeconform.requirements.tftp.occasions import (
    Intrusion,
    Reply,
    answered,
    describe,
    duplicated_requests,
    first_reply,
    foreign_acknowledgments,
    intrusions,
    last_asked,
    owner_went_on,
    parallel_reads,
    port_closed,
    replies,
    successive,
)
from pxeconform.requirements.tftp.sent import ANY_ERROR, sent_by_the_server
from pxeconform.requirements.view import SECOND, View
from pxeconform.sessions.transfers import Event, Sender, Transfer

_CHANCE = 30
"""Of so many random identifiers one may be the same as its neighbour."""
_LONG_WAIT = SECOND * 3 // 2
"""A server may give up a transfer that is not acknowledged for so long; most wait many times longer."""

# -- consequents ------------------------------------------------------------------------------------------------------


def goes_to_the_client_identifier(reply: Reply, _: View) -> Fact:
    """The reply's destination is the port that the request came from."""
    frames = (reply.transfer.request_frames[0], reply.frame)
    if reply.destination == reply.transfer.client:
        return kept("answered at the port that the request came from", *frames)
    return broken(
        f"requested from port {reply.transfer.client[1]}, answered to port {reply.destination[1]}",
        *frames,
    )


def comes_from_a_new_identifier(transfer: Transfer, view: View) -> Fact:
    """The reply does not come from the port that the request went to."""
    reply = cast("Event", first_reply(transfer))
    frames = (transfer.request_frames[0], reply.frame)
    if reply.source[1] != transfer.request_port:
        return kept("answered from a port of its own", *frames)
    observed = f"answered from port {transfer.request_port}, where requests go"
    return (
        unsupported(f"{observed}, as its ICS says", *frames)
        if view.ledger.claims.single_port
        else broken(observed, *frames)
    )


def identifiers_differ(pair: tuple[Transfer, Transfer], view: View) -> Fact:
    """The later transfer's identifier is not the earlier one's; that it is so once in many may be chance."""
    earlier, later = pair
    frames = (cast("Event", first_reply(earlier)).frame, cast("Event", first_reply(later)).frame)
    if earlier.server_port != later.server_port:
        return kept("another identifier for the next transfer", *frames)
    alike, all_pairs = view.memo(_alike)[0][earlier.server]
    if alike * _CHANCE < all_pairs:
        return kept("another identifier for the next transfer", *frames)
    return broken(f"two transfers in a row came from port {later.server_port}", *frames)


def _alike(view: View) -> list[dict[str, tuple[int, int]]]:
    """For each server: how many of its transfers in a row came from one port, and of how many."""
    counts: dict[str, tuple[int, int]] = {}
    for one, other in successive(view):
        alike, all_pairs = counts.get(one.server, (0, 0))
        counts[one.server] = alike + (one.server_port == other.server_port), all_pairs + 1
    return [counts]


def stranger_is_told(intrusion: Intrusion, view: View) -> Fact:
    """ERROR 5 goes to the stranger's port."""
    transfer, stray = intrusion.transfer, intrusion.stray
    answer = sent_by_the_server(transfer, view).after(intrusion.place, None, to=stray.source)
    if answer is not None:
        packet = answer.packet
        if isinstance(packet, Error) and packet.code == ErrorCode.UNKNOWN_TRANSFER_ID:
            return kept("ERROR 5 to the stranger", stray.frame, answer.frame)
        return broken(f"{describe(packet)} to the stranger", stray.frame, answer.frame)
    gap = view.unwatched(stray.source, stray.time, stray.time + view.window(transfer.server))
    if gap is not None:
        return unclear(f"nothing came to the stranger, but {gap}", stray.frame)
    return broken("nothing came to the stranger", stray.frame)


def transfer_goes_on(intrusion: Intrusion, view: View) -> Fact:
    """The owner gets its next block as if nothing had happened."""
    transfer, stray, owner = intrusion.transfer, intrusion.stray, cast("Event", intrusion.owner_went_on)
    sent = sent_by_the_server(transfer, view)
    event = sent.after(intrusion.place, _block_after(intrusion.pending), ANY_ERROR, to=transfer.client)
    if event is not None and isinstance(event.packet, Data):
        return kept("the owner's next block came", stray.frame, owner.frame, event.frame)
    if event is not None:
        return broken(f"the owner got {describe(event.packet)}", stray.frame, owner.frame, event.frame)
    again = sent.after(intrusion.place, intrusion.pending.packet, to=transfer.client)
    if again is not None and again.time <= owner.time:
        why = "the transfer outlived the stranger, but its server gave up before the owner went on"
        return unclear(why, stray.frame, owner.frame)
    closed = port_closed(transfer, owner.time, view)
    if closed is not None:
        return broken("the owner got no further block: the port is closed", stray.frame, owner.frame, closed)
    gap = view.unwatched(transfer.client, owner.time, owner.time + view.window(transfer.server))
    if gap is not None:
        return unclear(f"the owner got no further block, but {gap}", stray.frame, owner.frame)
    return broken("the owner got no further block", stray.frame, owner.frame)


def transfer_stands_still(intrusion: Intrusion, view: View) -> Fact:
    """The next block is not sent before the owner acknowledges the pending one."""
    transfer, stray, owner = intrusion.transfer, intrusion.stray, intrusion.owner_went_on
    end = owner.time if owner is not None else stray.time + view.window(transfer.server)
    expected = _block_after(intrusion.pending)
    event = sent_by_the_server(transfer, view).after(intrusion.place, expected)
    if event is not None and event.time < end:
        to = "the owner" if event.destination == transfer.client else "the stranger"
        return broken(
            f"block {expected} went to {to} on the stranger's acknowledgment",
            intrusion.pending.frame,
            stray.frame,
            event.frame,
        )
    gap = view.unwatched(transfer.client, stray.time, end)
    if gap is None and end - stray.time < min(view.window(transfer.server), SECOND):
        gap = "the owner went on too soon to tell"
    frames = (intrusion.pending.frame, stray.frame, *((owner.frame,) if owner is not None else ()))
    if gap is not None:
        return unclear(f"no block came on the stranger's acknowledgment, but {gap}", *frames)
    if owner is None:
        return kept("no block on the stranger's acknowledgment", *frames)
    return kept("no block before the owner's own acknowledgment", *frames)


def duplicate_does_no_harm(transfer: Transfer, view: View) -> Fact:
    """The transfer that the client kept to gives the file."""
    requests = transfer.request_frames[:2]
    if transfer.error is not None and transfer.error.sender is Sender.SERVER:
        return broken(
            f"the transfer that the client kept to ended with {describe(transfer.error.packet)}",
            *requests,
            transfer.error.frame,
        )
    return _contents(transfer, view, *requests)


def both_are_whole(pair: tuple[Transfer, Transfer], view: View) -> Fact:
    """A read gives its file although another one runs beside it."""
    transfer, other = pair
    if transfer.error is not None and transfer.error.sender is Sender.SERVER:
        return broken(
            f"the server ended one of two parallel transfers with {describe(transfer.error.packet)}",
            other.request_frames[0],
            transfer.request_frames[0],
            transfer.error.frame,
        )
    return _contents(transfer, view, other.request_frames[0], transfer.request_frames[0])


def _block_after(pending: Event) -> int:
    return (pending.packet.block + 1) & 0xFFFF if isinstance(pending.packet, Data) else 1


def _kept_waiting(transfer: Transfer, asked: Event) -> bool:
    """The server had repeated its last block, for longer than the slowest of clients, before it was acknowledged."""
    sent = [e for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Data) and e.time <= asked.time]
    copies = [e for e in sent if e.packet == sent[-1].packet]
    return len(copies) > 2 and asked.time - copies[0].time > _LONG_WAIT


def _contents(transfer: Transfer, view: View, *frames: int) -> Fact:
    """Compare what came with what the file holds (`can_be_compared` says that both are known)."""
    if not transfer.delivered:
        asked = last_asked(transfer)
        if _kept_waiting(transfer, asked):
            return unclear("the transfer is not whole, but its server was kept waiting", *frames, asked.frame)
        closed = port_closed(transfer, asked.time, view)
        if closed is not None:
            return broken("the transfer stopped before its end: the port is closed", *frames, asked.frame, closed)
        gap = view.unwatched(transfer.client, asked.time, asked.time + view.window(transfer.server))
        if gap is not None:
            return unclear(f"the transfer is not whole, but {gap}", *frames, asked.frame)
        return broken("the transfer stopped before its end", *frames, asked.frame)
    return same_contents(transfer, view, *frames)


# -- the table --------------------------------------------------------------------------------------------------------

_RFC1350 = "RFC 1350"


def _identifier(number: str, section: str, level: Level, text: str, clients: str = "") -> Requirement:
    return Requirement(f"TFTP-1350-TID-{number}", _RFC1350, section, level, Role.TFTP, text, clients=clients)


RULES: tuple[AnyRule, ...] = (
    Rule(
        _identifier(
            "01",
            "4",
            Level.MUST,
            "The reply to a request goes to the port that the request came from.",
            "All: nobody listens at another port.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=replies,
        then=goes_to_the_client_identifier,
        expected=("a reply whose destination port is the request's source port",),
        lacking="no request was answered at all",
    ),
    Rule(
        _identifier(
            "02",
            "4",
            Level.SHOULD,
            "The server answers from a port that it chose for this transfer, not from the port that takes requests.",
            "Firewalls that follow transfers expect it; single-port servers do it on purpose to pass simple ones.",
        ),
        Kind.SELF_EVIDENT,
        Scope.SESSION,
        when=answered,
        then=comes_from_a_new_identifier,
        expected=("a source port other than the request port",),
        lacking="no request was answered at all",
    ),
    Rule(
        _identifier(
            "03",
            "4",
            Level.SHOULD,
            "A server does not use the same identifier for two transfers in a row.",
            "A late packet of one transfer would be taken for the next one's.",
        ),
        Kind.SELF_EVIDENT,
        Scope.TRACE,
        when=successive,
        then=identifiers_differ,
        expected=("source ports that differ between neighbouring transfers",),
        lacking="two answered requests in a row would be needed, each from a port of the server's choice",
        assumes="nothing: each pair is judged by itself",
    ),
    Rule(
        _identifier(
            "05",
            "4",
            Level.SHOULD,
            "Whoever writes to a transfer from a port that is not the client's is told so with ERROR 5.",
            "None depends on it; without it a confused second client waits for its time-out.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=intrusions,
        then=stranger_is_told,
        expected=("ERROR 5 to the port that the stray datagram came from",),
        lacking="a file of at least two blocks, served from a port of the server's choice, would be needed",
    ),
    Rule(
        _identifier(
            "06",
            "2 and 4",
            Level.MUST,
            "A datagram from a wrong port does not end the transfer.",
            "All that share an address with another client, behind address translation for instance.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=owner_went_on,
        then=transfer_goes_on,
        expected=("the next block to the owner, once it has acknowledged the pending one",),
        lacking="a file of at least two blocks, served from a port of the server's choice, would be needed",
    ),
    Rule(
        _identifier(
            "07",
            "4",
            Level.MUST,
            "An acknowledgment from a wrong port does not move the transfer on.",
            "All: anybody who guesses a port could make a client lose blocks.",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=foreign_acknowledgments,
        then=transfer_stands_still,
        expected=(
            "no further block before the owner's own acknowledgment",
            "the pending block again, when its timer runs out",
        ),
        lacking="a file of at least two blocks, served from a port of the server's choice, would be needed",
    ),
    Rule(
        _identifier(
            "08",
            "4",
            Level.MUST,
            "A request that arrives twice does not spoil the transfer that the client keeps to.",
            "All on a network that repeats datagrams, and those that soon ask again (iPXE after 0.3 s).",
        ),
        Kind.OBLIGATION,
        Scope.SESSION,
        when=duplicated_requests,
        then=duplicate_does_no_harm,
        expected=(
            "two transfers from two ports, of which the one that is kept gives the file",
            "one transfer, because the repetition was recognised",
        ),
        lacking="a file whose contents are known would be needed (a digest, or a second download)",
    ),
    Rule(
        _identifier(
            "09",
            "4",
            Level.MUST,
            "Transfers to different ports run beside each other without touching.",
            "All that boot at the same time.",
        ),
        Kind.OBLIGATION,
        Scope.TRACE,
        when=parallel_reads,
        then=both_are_whole,
        expected=("each of the parallel reads gives its file",),
        lacking="a file of at least two blocks whose contents are known would be needed, read twice at the same time",
        assumes="nothing: each transfer is judged by its own contents",
    ),
)
