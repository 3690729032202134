"""Malformed and misplaced datagrams: RFC 1350 sections 2 and 5. After each, somebody else asks for a file."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-MAL-01", negative=True)
def unterminated_requests(play: Play) -> None:
    """A request without its last NUL; one without a mode; one that ends in its file name."""
    name = play.file().name.encode()
    for request in (b"\0\1" + name + b"\0octet", b"\0\1" + name + b"\0", b"\0\1" + name, b"\0\2pxeconform-x\0octet"):
        play.knock(request)
        if not play.is_alive():
            return
    play.watch()


@scenario("TFTP-1350-MAL-02", negative=True)
def empty_name(play: Play) -> None:
    """A request for a file without a name."""
    play.read("").request().answer()
    play.is_alive()


@scenario("TFTP-1350-MAL-03", negative=True)
def runts(play: Play) -> None:
    """Datagrams of no, one, two and three octets, to the request port and to a transfer that is under way."""
    for octets in (b"", b"\0", b"\0\1", b"\0\1a", b"\0\3\0"):
        play.knock(octets)
        if not play.is_alive():
            return
    _send_to_a_transfer(play, b"", b"\0", b"\0\4", b"\0\4\0")
    play.watch()


def _send_to_a_transfer(play: Play, *datagrams: bytes) -> None:
    """By its own client; whether the transfer outlives it does not matter, the server does."""
    reading = play.read(play.file().name)
    reading.open()
    for octets in datagrams:
        reading.send(octets)
    play.is_alive()


@scenario("TFTP-1350-MAL-04", negative=True)
def no_requests(play: Play) -> None:
    """DATA and acknowledgments where requests go."""
    for octets in (b"\0\4\0\1", b"\0\4\0\0", b"\0\3\0\1data", b"\0\6blksize\x001024\0"):
        play.knock(octets)
        if not play.is_alive():
            return
    play.watch()


@scenario("TFTP-1350-TID-06", negative=True)
def garbage_to_a_transfer(play: Play) -> None:
    """What is no packet, from a stranger to a transfer that is under way; its owner goes on."""
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    if reading.peer == reading.server:
        play.because("the server answers from its request port: a stranger has no identifier to write to")
        return
    stranger = play.endpoint("stranger")
    for octets in (b"", b"\0", b"\0\4", b"\0\4\0", b"\0\x09garbage", b"\xff" * 600):
        reading.send(octets, through=stranger)
    play.watch(play.pause)
    reading.finish(first)
    play.is_alive()


@scenario("TFTP-1350-ERR-03", negative=True)
def unknown_opcode(play: Play) -> None:
    """Operations that do not exist, as requests and in a transfer that is under way."""
    request = play.file().name.encode() + b"\0octet\0"
    # Two of them are those of a request to whoever reads but one of their octets.
    for octets in (b"\0\x09" + request, b"\0\0" + request, b"\xff\xff\0\0", b"\1\0" + request, b"\1\1" + request):
        play.knock(octets)
        if not play.is_alive():
            return
    _send_to_a_transfer(play, b"\0\x09garbage", b"\xff" * 600)
    play.watch()


@scenario("TFTP-1350-MAL-05", negative=True)
def odd_names(play: Play) -> None:
    """Names that are very long, lead to a folder, or are no text; after each, somebody else asks for a file."""
    long = "x" * 480
    for name in ("/", "./", long, long * 3, "%s%n%x\x01\x1b[2J", "\xff\xfe\x80", "folder/" * 60, "con\\..\\nul "):
        play.read_secretly(name)
        if not play.is_alive():
            return
