"""Blocks and the end of a file: RFC 1350 sections 2, 5 and 6."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario(
    "TFTP-1350-TID-04", "TFTP-1350-BLK-03", "TFTP-1350-END-01", "TFTP-1350-END-06", "TFTP-1350-RTX-01", waiting=True
)
def acknowledgment_withheld(play: Play) -> None:
    """The first block is acknowledged when it came again; after the last one, three of the server's timeouts."""
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    play.withhold("the acknowledgment of block 1")
    timer = reading.again(first)
    reading.finish(first)
    play.watch(3 * timer + 0.1 if timer else play.silence_wait)
    if timer is None:
        play.because("the server never sent its first block again: its timer is not known")


@scenario("TFTP-1350-END-02")
def whole_blocks(play: Play) -> None:
    """A file whose size is a multiple of the block size."""
    fits = play.file(fits=lambda size: size > 0 and size % 512 == 0, wanted="of a multiple of 512 octets")
    play.read(fits.name).fetch()
    play.watch(play.pause)


@scenario("TFTP-1350-END-03")
def empty_file(play: Play) -> None:
    """A file without octets."""
    empty = play.file(fits=lambda size: size == 0, wanted="of no octets")
    reading = play.read(empty.name)
    reading.request().reply()
    reading.acknowledge(1)
    reading.ended = True
    reading.next(play.pause)


@scenario("TFTP-1350-ISO-01", negative=True)
def after_an_abort(play: Play) -> None:
    """A text is broken off, a missing file is asked for, and then another file is read."""
    # Played alone: beside others the next one to read would be somebody else.
    first, second = (file.name for file in play.files(2))
    other = play.facts.claims.text_file or second
    wanted = second if first == other else first
    play.require(wanted != other, "two files would be needed (--file NAME)")
    play.read(wanted).fetch()
    for mode in ("netascii", "octet"):
        broken_off = play.read(other)
        broken_off.request(mode).reply()
        broken_off.end()
        play.read(play.missing_name()).request().reply()
        play.read(wanted).fetch()
