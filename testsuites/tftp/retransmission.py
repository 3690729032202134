"""Retransmission: RFC 1350 sections 2 and 6, RFC 1123 section 4.2.3.2."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-RTX-01", "TFTP-1350-RTX-02", "TFTP-1123-TMO-01", "TFTP-1123-TMO-02", waiting=True)
def never_acknowledged(play: Play) -> None:
    """The first block is never acknowledged; listen until the server gives up."""
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    play.withhold("every acknowledgment")
    if reading.copies(first) == 1:
        play.because("the first block never came again")


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
