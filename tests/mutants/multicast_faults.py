"""Faults of the multicast option: RFC 2090."""

from __future__ import annotations

from dataclasses import replace

from pxeconform.registry.tftp_codes import Opcode
from tests.mutants.arena import PATIENCE, Maker
from tests.mutants.fault import Fault
from tests.mutants.multicast_servers import (
    GROUP,
    DataFromElsewhere,
    DeafToAck0,
    EndsWithTheMaster,
    ForgetsTheSilent,
    GroupsFirst,
    KeepsThoseThatLeft,
    LowerCaseOnly,
    ManyMasters,
    MovedByListeners,
    NoGroup,
    OneMasterForEver,
    OnePortForAllGroups,
    OnlyOnwards,
    SilentToListeners,
    WaitsForThePromoted,
    sending_to_groups,
    with_group,
)
from tests.mutants.option_servers import agreeing
from tests.mutants.servers import with_tftp

_GIVES_UP = 10.0
"""Seconds of patience without which nobody is convicted of keeping a silent master."""


def _fault(name: str, number: str, make: Maker, told: str, patience: float = PATIENCE) -> Fault:
    return Fault(name, f"TFTP-2090-MC-{number}", make, told, config=with_group, patience=patience)


FAULTS: tuple[Fault, ...] = (
    _fault("a group that is none", "01", sending_to_groups(NoGroup), "multicast=127.0.0.1,1758,1"),
    _fault("many masters", "02", sending_to_groups(ManyMasters), "beside the first"),
    _fault(
        "one master for ever", "03", sending_to_groups(OneMasterForEver), "no other client was made master", _GIVES_UP
    ),
    _fault("deaf to ACK 0 of a master", "05", sending_to_groups(DeafToAck0), "no DATA came after ACK 0"),
    _fault("data of groups from elsewhere", "06", sending_to_groups(DataFromElsewhere), "the OACK from port"),
    _fault("one port for all groups", "07", with_tftp(OnePortForAllGroups), "two files at once come from port"),
    _fault("only onwards in groups", "08", sending_to_groups(OnlyOnwards), "was followed by DATA"),
    _fault("ends with the master", "09", sending_to_groups(EndsWithTheMaster), "no waiting client was made master"),
    _fault("waits for the promoted", "11", sending_to_groups(WaitsForThePromoted), "was not passed over", _GIVES_UP),
    _fault("forgets the silent", "12", sending_to_groups(ForgetsTheSilent), "it was not made master again"),
    _fault("silent to listeners", "13", sending_to_groups(SilentToListeners), "it was not told"),
    _fault("moved by listeners", "13", sending_to_groups(MovedByListeners), "its ACK drew DATA 6"),
    _fault("keeps those that left", "15", sending_to_groups(KeepsThoseThatLeft), "a client that had left"),
    _fault("multicast in lower case only", "17", with_tftp(LowerCaseOnly), "in capitals it is not"),
    _fault("groups first", "18", with_tftp(GroupsFirst), "was answered with ERROR 0"),
    _fault(
        "multicast on a write",
        "19",
        agreeing(
            lambda _, agreed: replace(agreed, options=(*agreed.options, ("multicast", f"{GROUP},1758,1"))),
            of=Opcode.WRQ,
        ),
        "was acknowledged on a write",
    ),
)
