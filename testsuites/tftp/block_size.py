"""The block size option: RFC 2348. Read it beside this file."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-2348-BLK-01")
def proposed_block_sizes(play: Play) -> None:
    """Block sizes as boot clients ask for them."""
    name = play.file().name
    for size in (512, 1024, 1428, 1432, 1468, 8192):
        play.question(name, ("blksize", size))


@scenario("TFTP-2348-BLK-02")
def whole_file_in_other_blocks(play: Play) -> None:
    """One file in blocks of 512 octets, then of 128 and of 1000."""
    name = play.file(blocks=3).name
    play.read(name).fetch()
    for size in (128, 1000):
        reading = play.read(name, blksize=size)
        reading.fetch()
        # A server that did not mean what it acknowledged goes on.
        reading.next(play.pause)


@scenario("TFTP-2348-BLK-03")
def least_block_size(play: Play) -> None:
    """Blocks of 8 octets: forty of them are enough; before, a size that is more usual."""
    play.question(play.file().name, ("blksize", 1024))
    reading = play.read(play.file().name, blksize=8)
    at = reading.open()
    for _ in range(40):
        following = reading.step(at)
        if following is None:
            break
        at = following


@scenario("TFTP-2348-BLK-04")
def greatest_block_size(play: Play) -> None:
    """Blocks of 65464 octets."""
    reading = play.read(play.file(blocks=3).name, blksize=65464)
    at = reading.open()
    reading.step(at)


@scenario("TFTP-2348-BLK-05", "TFTP-2348-BLK-01", negative=True)
def block_sizes_out_of_range(play: Play) -> None:
    """Block sizes that cannot be."""
    name = play.file().name
    for size in ("0", "1", "7", "65465", "65536", "99999", "9" * 30, "-1", "abc", ""):
        play.question(name, ("blksize", size))
        if not play.is_alive():
            play.because(f"the target answers nothing any more after blksize={size}")
            break


@scenario("TFTP-2348-BLK-06")
def file_of_whole_blocks(play: Play) -> None:
    """A block size that divides the file's size: it ends with an empty block."""
    file, size = play.whole_size()
    fitting = [n for n in range(8, 1433) if size % n == 0 and n != 512]
    play.require(fitting, f"{file} has {size} octets, which no block size divides: name another file (--file NAME)")
    reading = play.read(file, blksize=fitting[-1])
    reading.fetch()
    if not reading.agreed:
        play.because("the server does not acknowledge blksize")


@scenario("TFTP-2348-BLK-07")
def block_size_above_the_file(play: Play) -> None:
    """A block size above the file's: it comes in one block."""
    file, size = play.whole_size()
    play.require(size < 65464, f"{file} has {size} octets, more than any block: name a smaller file (--file NAME)")
    reading = play.read(file, blksize=max(8, size + 1))
    reading.fetch()
    reading.next(play.pause)
    if not reading.agreed:
        play.because("the server does not acknowledge blksize")


@scenario("TFTP-2348-BLK-08")
def write_in_other_blocks(play: Play) -> None:
    """2600 octets are written in blocks of 1000, then in blocks of 128, and read each time."""
    for size in (1000, 128):
        name = play.new_name()
        written = play.write(name, blksize=size).put(play.random.randbytes(2600))
        play.require(written, "the last block was not acknowledged")
        play.read(name).fetch()
