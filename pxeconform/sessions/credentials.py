"""Step 8: whether the credentials that a client fetched can have satisfied it."""

from __future__ import annotations

from pxeconform.sessions.evidence import STARTING, Evidence
from pxeconform.sessions.transfers import Transfer


def fault_of(found: Evidence, transfer: Transfer) -> str | None:
    """Why the credentials cannot have been accepted (EFI 1.10 section 15.5); `None` where nothing speaks against them.

    What the program did that they vouch for decides first: if it ran, they were.
    """
    download = found.download
    ended = max(transfer.ended, download.ended) if download is not None else transfer.ended
    if any(other.started > ended and other.file != transfer.file for other in found.others):
        return None
    later = found.abandoned
    if later is not None and not later.same_program:
        return None
    head = bytes(transfer.content.head)
    if len(head) == transfer.content.octets and not transfer.content.cut:
        from pxeconform.protocol.credentials import verify_credentials

        program = bytes(download.content.head) if download is not None else b""
        known = download is not None and download.delivered and len(program) == download.content.octets
        failed = verify_credentials(head, program if known else None).failed
        if failed:
            return f"{transfer.file} does not stand the test of {failed[0].step.label}: {failed[0].reason}"
    if later is not None and 0 <= later.time - ended <= STARTING:
        return f"{later.how} follows at once on the credentials"
    return None
