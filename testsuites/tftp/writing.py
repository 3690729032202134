"""Writing: RFC 1350 sections 2, 4, 5 and 6. Only names of the run's own, where the ICS file permits it."""

from pxeconform.protocol.tftp import Ack
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-OPEN-02", "TFTP-1350-BLK-02", "TFTP-1350-MODE-05")
def write_and_read_back(play: Play) -> None:
    """Three files, of which one ends with a whole block and one is empty; with all that a text may hold, and more."""
    every = bytes(range(256)) + b"\r\n\r\0\n\r\x1a\0"
    for size in (5300, 1024, 0):
        name = play.new_name()
        if play.write(name).put((every + play.random.randbytes(size))[:size]):
            play.read(name).fetch()


@scenario("TFTP-1350-RTX-03")
def repeated_blocks(play: Play) -> None:
    """The first two blocks are sent twice each; then the file is read back."""
    name = play.new_name()
    writing = play.write(name)
    writing.open()
    blocks = writing.blocks(play.random.randbytes(1300))
    for number in (1, 1, 2, 2, 3):
        writing.block(number, blocks[number - 1])
        if not writing.acknowledged(number):
            play.watch(play.pause)
    writing.ended = True
    play.read(name).fetch()


@scenario("TFTP-1350-RTX-04")
def lost_first_acknowledgment(play: Play) -> None:
    """ACK 0 is taken for lost: wait for it to come again, else ask again; then the file is written."""
    writing = play.write(play.new_name())
    writing.open()
    play.withhold("the first block")
    if writing.again(Ack(0)) is None:
        if writing.refused:
            play.because("the target ended the write with an ERROR before ACK 0 was asked for again")
        writing.request()
        writing.acknowledged_anywhere(0)
    writing.send_all(b"late\n")


@scenario("TFTP-1350-END-05")
def lost_last_acknowledgment(play: Play) -> None:
    """The last block is sent again, as if its acknowledgment had been lost."""
    writing = play.write(play.new_name())
    play.require(writing.put(b"short\n"), "the write broke off")
    # Not longer: how long a server stays is its own affair.
    play.watch(0.1)
    writing.block(1, b"short\n")
    writing.acknowledged(1)


@scenario("TFTP-1350-TID-10")
def block_of_a_stranger(play: Play) -> None:
    """A stranger sends the block that is due, before its owner does; then the file is read back."""
    name = play.new_name()
    writing = play.write(name)
    writing.open()
    if writing.peer == writing.server:
        play.because("the server answers from its request port: a stranger has no identifier to write to")
        return
    blocks = writing.blocks(play.random.randbytes(700))
    writing.block(1, bytes(512), through=play.endpoint("stranger"))
    play.watch(play.pause)
    if writing.send_all(b"".join(blocks)):
        play.read(name).fetch()


@scenario("TFTP-1350-TID-11")
def doubled_write_request(play: Play) -> None:
    """After a plain one the same write request twice from one port; one transfer is refused, the other one goes on."""
    plain = play.new_name()
    if play.write(plain).put(b"plain\n"):
        play.read(plain).fetch()
    name = play.new_name()
    writing = play.write(name)
    writing.request()
    writing.open()
    writing.next(play.pause)
    for surplus in writing.other_peers:
        writing.refuse(surplus)
    if writing.send_all(play.random.randbytes(700)):
        play.read(name).fetch()
