"""Retransmission: RFC 1350 sections 2 and 6, RFC 1123 section 4.2.3.2."""

from pxeconform.protocol.tftp import Ack
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-RTX-01", "TFTP-1350-RTX-02", "TFTP-1123-TMO-01", "TFTP-1123-TMO-02", waiting=True)
def never_acknowledged(play: Play) -> None:
    """The first block is never acknowledged; listen until the server gives up."""
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    play.withhold("every acknowledgment")
    copies = reading.copies(first)
    if copies < 5:
        again = f"came again {copies - 1} times only" if copies > 1 else "never came again"
        play.because(f"the first block {again}")


@scenario("TFTP-1350-END-04")
def last_acknowledgment_lost(play: Play) -> None:
    """The last block is acknowledged only when it came again."""
    reading = play.read(play.file(blocks=1).name)
    last = reading.finish_but_one(reading.open())
    play.require(last, "the file did not come to its end")
    play.withhold("the acknowledgment of the last block")
    if last is not None:
        if reading.again(last) is None:
            play.because("the last block did not come again")
        reading.finish(last)


@scenario("TFTP-1350-RTX-02", "TFTP-1350-END-04", waiting=True)
def last_block_never_acknowledged(play: Play) -> None:
    """The same with the last block."""
    _spare_the_others(play)
    reading = play.read(play.file().name)
    last = reading.finish_but_one(reading.open())
    play.require(last, "the file did not come to its end")
    play.withhold("the acknowledgment of the last block")
    if last is not None and reading.copies(last) == 1:
        play.because("the last block never came again")


@scenario("TFTP-1350-RTX-02", waiting=True)
def options_never_confirmed(play: Play) -> None:
    """The same with the acknowledgment of options."""
    _spare_the_others(play)
    reading = play.read(play.file().name, tsize=0, blksize=1024)
    oack = reading.request().reply()
    play.require(reading.agreed, "the server acknowledges neither tsize nor blksize")
    play.withhold("ACK 0")
    if reading.copies(oack) == 1:
        play.because("the OACK never came again")


@scenario("TFTP-1350-RTX-02", waiting=True)
def write_never_begun(play: Play) -> None:
    """The same with ACK 0 of a write, which need not come again."""
    _spare_the_others(play)
    writing = play.write(play.new_name())
    writing.open()
    play.withhold("the first block")
    if writing.copies(Ack(0)) == 1:
        play.because("ACK 0 never came again")


def _spare_the_others(play: Play) -> None:
    alone = "the target serves one transfer at a time: it would keep everybody waiting while it tries again"
    play.require(not play.facts.one_at_a_time, alone)
