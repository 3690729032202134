"""The window size option: RFC 7440. Read it beside this file."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-7440-WIN-01")
def proposed_window_sizes(play: Play) -> None:
    """Window sizes as boot clients ask for them."""
    name = play.file().name
    for size in (1, 2, 4, 16, 64, 65535):
        play.question(name, ("windowsize", size))


@scenario("TFTP-7440-WIN-02", "TFTP-7440-WIN-01", negative=True)
def window_sizes_out_of_range(play: Play) -> None:
    """Window sizes that cannot be."""
    name = play.file().name
    for size in ("0", "65536", "-1", "abc", ""):
        play.question(name, ("windowsize", size))
        if not play.is_alive():
            play.because(f"the target answers nothing any more after windowsize={size}")
            break


@scenario("TFTP-7440-WIN-03", "TFTP-7440-WIN-11")
def whole_windows(play: Play) -> None:
    """Windows of four blocks; each is acknowledged only after a while."""
    reading = play.read(play.file(blocks=2).name, windowsize=4, blksize=32)
    reading.open_windows()
    at = reading.window(0)
    for _ in range(3):
        play.watch(play.pause)
        if at is None or reading.is_last(at):
            break
        reading.acknowledge(at.block)
        at = reading.window(at.block)


@scenario("TFTP-7440-WIN-04")
def windows_of_one_block(play: Play) -> None:
    """A window of one block: what comes for one acknowledgment?"""
    reading = play.read(play.file(blocks=2).name, windowsize=1)
    at = reading.open()
    play.watch(play.pause)
    following = reading.step(at)
    play.watch(play.pause)
    if following is not None:
        reading.finish(following)
    play.because(f"the target answers so slowly that {play.pause:g} s do not tell what comes for one acknowledgment")


@scenario("TFTP-7440-WIN-05")
def lost_acknowledgment_of_a_window(play: Play) -> None:
    """The second window is left alone until it comes again."""
    name = play.file(blocks=2).name
    timer = play.timer(name)
    reading = play.read(name, windowsize=4, blksize=32)
    reading.open_windows()
    first = reading.window(0)
    play.require(first is not None and not reading.is_last(first), "the first window did not come, or is the last one")
    reading.acknowledge(reading.window_size)
    play.withhold("the acknowledgment of the second window")
    reading.window(reading.window_size)
    reading.next(play.resend_wait(timer))
    play.watch(play.pause)


@scenario("TFTP-7440-WIN-06")
def acknowledgment_inside_a_window(play: Play) -> None:
    """Of a window of four blocks the second one is acknowledged; then the file is read on."""
    name = play.file(blocks=2).name
    timer = play.timer(name)
    reading = play.read(name, windowsize=4, blksize=32)
    reading.open_windows()
    if reading.window_size < 3:
        play.because(f"the target agrees to windows of {reading.window_size} blocks only")
        return
    reading.window(0)
    reading.acknowledge(2)
    if reading.block(3, play.resend_wait(timer)) is not None:
        reading.window(3)


@scenario("TFTP-7440-WIN-07")
def partial_last_window(play: Play) -> None:
    """Windows that the file does not fill: it is read to its end."""
    name, size = play.whole_size()
    blocks = size // 64 + 1
    play.require(blocks < 5000, f"{name} is large; name a smaller file (--file NAME)")
    window = next(n for n in (4, 3, 5, 7, 11, blocks + 1) if blocks % n)
    play.read(name, windowsize=window, blksize=64).fetch_windows()


@scenario("TFTP-7440-WIN-08")
def write_in_windows(play: Play) -> None:
    """Seven blocks are written in windows of four."""
    writing = play.write(play.new_name(), windowsize=4)
    writing.open()
    writing.send_windows(play.random.randbytes(6 * 512 + 100))


@scenario("TFTP-7440-WIN-09")
def gap_in_a_written_window(play: Play) -> None:
    """The third block of a window is left out, and sent when it is asked for."""
    writing = play.write(play.new_name(), windowsize=4)
    writing.open()
    blocks = writing.blocks(play.random.randbytes(5 * 512 + 100))
    for number in (1, 2):
        writing.block(number, blocks[number - 1])
    # A server that acknowledges each block has done so before the gap shows.
    for _ in writing.packets(0.2):
        pass
    writing.block(4, blocks[3])
    writing.acknowledged(2)
    for number in (3, 4, 5, 6):
        writing.block(number, blocks[number - 1])
    writing.ended = writing.acknowledged(6)


@scenario("TFTP-7440-WIN-10", waiting=True)
def window_never_acknowledged(play: Play) -> None:
    """A window is never acknowledged; listen until the server gives up."""
    reading = play.read(play.file(blocks=2).name, windowsize=4, blksize=32, timeout=1)
    reading.open_windows()
    play.withhold("every acknowledgment")
    first = reading.block(1)
    play.require(first, "the first block never came")
    if first is not None and reading.copies(first) == 1:
        play.because("the first block never came again")
    play.because("the target had not given up when the run's patience came to its end (--patience)")
