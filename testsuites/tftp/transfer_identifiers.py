"""Transfer identifiers: RFC 1350 section 4. Read it beside this file."""

from pxeconform.registry.ports import Port
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-TID-01", "TFTP-1350-TID-02")
def reply_port(play: Play) -> None:
    """A request from an arbitrary port; its neighbours listen for replies that go astray."""
    reading = play.read(play.file().name)
    port = reading.endpoint.address[1]
    for neighbour in {port - 1, port + 1, int(Port.TFTP), play.target.tftp_port}:
        play.guard(f"port-{neighbour}", neighbour)
    reading.request().reply()


@scenario("TFTP-1350-TID-03")
def successive_transfers(play: Play) -> None:
    """Twenty short transfers, one after the other."""
    name = play.file().name
    for _ in range(20):
        reading = play.read(name)
        reading.open()
        reading.end()
    if reading.peer == reading.server:
        play.because("the server answers from its request port: it chooses no identifiers")


@scenario("TFTP-1350-TID-05", "TFTP-1350-TID-06", "TFTP-1350-TID-07")
def foreign_acknowledgment(play: Play) -> None:
    """A stranger acknowledges the first block, before its owner does."""
    reading = play.read(play.file(blocks=2).name)
    stranger = play.endpoint("stranger")
    first = reading.open_long(blocks=2)
    if reading.peer == reading.server:
        play.because("the server answers from its request port: a stranger has no identifier to write to")
        return
    reading.acknowledge(first.block, through=stranger)
    play.watch(play.pause)
    reading.finish(first)


@scenario("TFTP-1350-TID-05", "TFTP-1350-TID-06")
def foreign_acknowledgment_out_of_order(play: Play) -> None:
    """A stranger acknowledges a block that was never sent; the owner's transfer does not notice."""
    reading = play.read(play.file(blocks=2).name)
    stranger = play.endpoint("stranger")
    first = reading.open_long(blocks=2)
    if reading.peer == reading.server:
        play.because("the server answers from its request port: a stranger has no identifier to write to")
        return
    reading.acknowledge(first.block + 1000, through=stranger)
    play.watch(play.pause)
    reading.finish(first)


@scenario("TFTP-1350-TID-08")
def duplicate_request(play: Play) -> None:
    """The same request twice from one port, at once and late; a second transfer is refused, the first one goes on."""
    name = play.file(blocks=2).name
    play.read(name).fetch()
    for late in (False, True):
        reading = play.read(name)
        if not late:
            reading.request()
        first = reading.open()
        if late:
            reading.request()
        reading.next(play.pause)
        for surplus in reading.other_peers:
            reading.refuse(surplus)
        reading.finish(first)


@scenario("TFTP-1350-TID-09")
def parallel_transfers(play: Play) -> None:
    """Two files are read at the same time, block by block in turns."""
    names = [file.name for file in play.files(2, blocks=2)]
    for name in dict.fromkeys(names):
        play.read(name).fetch()
    readings = [play.read(name) for name in names]
    blocks = [reading.open_long(blocks=2) for reading in readings]
    running = list(zip(readings, blocks, strict=True))
    while running:
        running = [(r, b) for r, at in running if (b := r.step(at)) is not None]
