"""The Sorcerer's Apprentice: RFC 1123 section 4.2.3.1."""

from pxeconform.protocol.tftp import Data
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1123-SAS-01")
def duplicate_acknowledgment(play: Play) -> None:
    """The first block is acknowledged twice; how many copies of the second one come?"""
    reading = play.read(play.file(blocks=3).name)
    first = reading.open_long(blocks=3)
    reading.acknowledge(first.block)
    reading.acknowledge(first.block)
    second = reading.block(first.block + 1)
    play.require(second, "the second block never came")
    play.watch(0.5)
    if second is not None and reading.finish(second) and second.length < reading.block_size:
        play.because(f"{reading.name} has only two blocks: name a file of at least three (--file NAME)")


@scenario("TFTP-1123-SAS-02")
def every_acknowledgment_twice(play: Play) -> None:
    """Fifty blocks are acknowledged twice each."""
    reading = play.read(play.file(blocks=50).name)
    block: Data | None = reading.open_long(blocks=50)
    for _ in range(49):
        if block is None or block.length < reading.block_size:
            play.because(f"{reading.name} has too few blocks: name a file of at least 50 (--file NAME)")
            return
        reading.acknowledge(block.block)
        reading.acknowledge(block.block)
        block = reading.block(block.block + 1)
    play.watch(0.5)


@scenario("TFTP-1123-SAS-03")
def old_acknowledgments(play: Play) -> None:
    """While the third block is pending, the second and the first one are acknowledged again."""
    reading = play.read(play.file(blocks=3).name)
    block = first = reading.open_long(blocks=3)
    for number in (1, 2):
        reading.acknowledge(number)
        block = reading.block(number + 1) or first
    play.require(block.block == 3, f"{reading.name} has only two blocks: name a file of at least three (--file NAME)")
    reading.acknowledge(2)
    play.watch(0.3)
    reading.acknowledge(1)
    play.watch(0.3)
    reading.finish(block)
