"""What follows block 65535: in no RFC, and needed by every file of more than 32 MiB."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario

BLOCKS = 65_540
"""A few more than there are numbers."""
LONGEST = 300.0
"""Seconds; a server whose answers take a quarter of a second would need five hours."""


@scenario("TFTP-1350-BLK-05", "TFTP-1350-BLK-06", "TFTP-1350-BLK-07", waiting=True)
def more_blocks_than_numbers(play: Play) -> None:
    """A file of more than 65535 blocks; small blocks where they are granted, windows where they are."""
    name, size = play.large_file(8 * BLOCKS)
    reading = play.read(name, blksize=min(512, size // BLOCKS), windowsize=51)
    reading.request().reply()
    enough = size >= reading.block_size * 65_535
    play.require(
        enough, f"{name} is too small for blocks of {reading.block_size} octets: name one of 32 MiB, with its size"
    )
    reading.fetch_beyond_the_last_number(within=LONGEST)
