"""Boot server discovery on port 4011: PXE 2.1 sections 2.2.1 (steps 5 and 6), 2.4.4, 2.4.5, 2.5.3."""

from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType
from pxeconform.registry.ports import Port
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario

OWN_ADDRESS = "own address"
"""All of these ask in the name of this machine's own address and hardware address, so they take turns."""

REPLY = tuple(
    f"PXE-21-DISC-{number}" for number in ("05", "06", "07", "08", "09", "10", "11", "15", "16", "17", "18", "26")
)


@scenario("PXE-21-DISC-01", *REPLY, turn=OWN_ADDRESS)
def request_from_any_port(play: Play) -> None:
    """A boot item is asked for from a port of the client's choice; port 68 is watched too."""
    item = play.item()
    play.guard("port-68", Port.DHCP_CLIENT)
    reply = play.client().ask(item)
    if reply is None:
        play.because(f"the target did not answer a request for {item}")
    elif reply.boot_file:
        play.read(reply.boot_file.decode("latin-1")).request().reply()


@scenario("PXE-21-DISC-05", turn=OWN_ADDRESS)
def request_from_port_68(play: Play) -> None:
    """The same from port 68, as iPXE does."""
    reply = play.client(port=Port.DHCP_CLIENT).ask(play.item())
    play.require(reply, "the target did not answer a request from port 68")


@scenario("PXE-21-DISC-05", turn=OWN_ADDRESS)
def request_from_port_4011(play: Play) -> None:
    """The same from port 4011, as EDK2 does; a reply to port 68 is watched for."""
    client = play.client(port=Port.PXE)
    play.guard("port-68", Port.DHCP_CLIENT)
    play.require(client.ask(play.item()), "the target did not answer a request from port 4011")


@scenario("PXE-21-DISC-02", turn=OWN_ADDRESS)
def inform(play: Play) -> None:
    """The same question as a DHCPINFORM."""
    play.guard("port-68", Port.DHCP_CLIENT)
    play.client().ask(play.item(), kind=MessageType.INFORM)


@scenario("PXE-21-DISC-13", turn=OWN_ADDRESS)
def type_that_is_not_served(play: Play) -> None:
    """A boot server type that the target does not have: another server may, so silence is owed."""
    unlisted = BootItem(play.unlisted_type())
    play.require(play.client().ask(play.item()), "the target is silent anyway")
    play.client().ask(unlisted, patiently=False)
    play.watch()


@scenario("PXE-21-DISC-22", turn=OWN_ADDRESS)
def other_vendor_classes(play: Play) -> None:
    """Clients that do not call themselves PXEClient, or call themselves nothing."""
    item = play.item()
    play.require(play.client().ask(item), "the target is silent anyway")
    for vendor_class in (b"", b"HTTPClient:Arch:00016:UNDI:003001", b"MSFT 5.0", b"pxeclient:Arch:00000:UNDI:002001"):
        play.client().ask(item, vendor_class=vendor_class, patiently=False)
    play.watch()
