"""How fast reads are with several block sizes and window sizes: reported, not judged by speed (RFC 2348, RFC 7440)."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import Unplayable, scenario


@scenario("TFTP-2348-BLK-02")
def block_sizes_and_speed(play: Play) -> None:
    """A file of 16 KiB to 4 MiB in blocks of 512, 1428 and 8192 octets."""
    file = play.file(fits=lambda size: 16384 <= size <= 4 << 20, wanted="of 16 KiB to 4 MiB")
    for size in (512, 1428, 8192):
        play.require(play.read(file.name, blksize=size).fetch(), f"{file.name} did not come in blocks of {size} octets")


@scenario("TFTP-7440-WIN-01")
def window_sizes_and_speed(play: Play) -> None:
    """The same by windows of 4 and 16 blocks."""
    file = play.file(fits=lambda size: 16384 <= size <= 4 << 20, wanted="of 16 KiB to 4 MiB")
    for window in (4, 16):
        try:
            play.read(file.name, blksize=1428, windowsize=window).fetch_windows()
        except Unplayable as reason:
            play.because(str(reason))
            return
