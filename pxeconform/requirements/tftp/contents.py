"""What a file holds, as far as a trace and its ledger know, and whether that is what came."""

from __future__ import annotations

from typing import cast

from pxeconform.protocol.tftp import Ack, Data, option_number
from pxeconform.requirements.model import Fact, broken, kept
from pxeconform.requirements.view import View
from pxeconform.sessions.transfers import Sender, Transfer


def known_size(transfer: Transfer, view: View) -> int | None:
    """Octets of the file: claimed, else said in the OACK, else counted in another whole download of it."""
    claimed = _claimed_size(transfer, view)
    if claimed is not None:
        return claimed
    told = option_number(transfer.acknowledged, "tsize")
    if told is not None and transfer.direction == "read":
        return told
    return _counted_size(transfer, view)


def surely_known_size(transfer: Transfer, view: View) -> int | None:
    """The same without what the OACK says, which may be wrong."""
    claimed = _claimed_size(transfer, view)
    return _counted_size(transfer, view) if claimed is None else claimed


def _claimed_size(transfer: Transfer, view: View) -> int | None:
    return next((f.size for f in view.ledger.claims.files if f.name == transfer.file and f.size is not None), None)


def _counted_size(transfer: Transfer, view: View) -> int | None:
    return next((t.content.octets for t in _downloads(view).get(transfer.file, ()) if t is not transfer), None)


def octets_of(name: str, view: View) -> bytes | None:
    """A file as a whole download in octet mode gave it."""
    for transfer in _downloads(view).get(name, ()):
        if len(transfer.content.head) == transfer.content.octets:
            return bytes(transfer.content.head)
    return None


def _downloads(view: View) -> dict[str, list[Transfer]]:
    return view.memo(_find_downloads)


def _find_downloads(view: View) -> dict[str, list[Transfer]]:
    found: dict[str, list[Transfer]] = {}
    for transfer in view.transfers:
        whole = transfer.direction == "read" and transfer.delivered and not transfer.content.cut
        if whole and transfer.request.mode == "octet":
            found.setdefault(transfer.file, []).append(transfer)
    return found


def same_contents(transfer: Transfer, view: View, *frames: int) -> Fact:
    """A whole download is compared with what is known of its file."""
    ends = [e.frame for e in transfer.of(Sender.SERVER) if isinstance(e.packet, Data)][-1:]
    ends += [e.frame for e in transfer.of(Sender.CLIENT) if isinstance(e.packet, Ack)][-1:]
    digest, source = cast("tuple[str, str]", view.reference_digest(transfer))
    if transfer.content.sha256 == digest:
        return kept(f"the contents are right (digest {source})", *frames, *ends)
    return broken(f"the contents differ from what is known of {transfer.file} (digest {source})", *frames, *ends)
