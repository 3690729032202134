"""ERROR packets: RFC 1350 sections 2, 5, 7 and appendix, RFC 906."""

from pxeconform.protocol.tftp import Error
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-ERR-01", "TFTP-1350-ERR-05", "TFTP-1350-ERR-06", "TFTP-1350-OPEN-03", waiting=True)
def missing_file(play: Play) -> None:
    """A file that nobody has; then listen whether the ERROR comes again."""
    if not isinstance(play.read(play.missing_name()).request().reply(), Error):
        play.because("a file that nobody has was not refused with an ERROR")
    play.watch(min(30.0, play.patience))


@scenario("TFTP-1350-ERR-07", "TFTP-1350-ERR-08")
def client_gives_up(play: Play) -> None:
    """The client waits until the first block comes again, ends the transfer, and listens for three timeouts."""
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    timer = reading.again(first)
    play.watch(0.05)
    reading.abort(0, "enough")
    play.watch(3 * timer + 0.1 if timer else play.silence_wait)
    if timer is None:
        play.because("the server never sent its first block again: its timer is not known")
    play.because("the target answers so slowly that three of its timeouts do not tell")


@scenario("TFTP-906-02")
def surplus_server(play: Play) -> None:
    """The first block is answered with ERROR 5, as if another server had been faster."""
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    timer = reading.again(first)
    play.watch(0.05)
    reading.abort(5, "served by another")
    play.watch(3 * timer + 0.1 if timer else play.silence_wait)
    if timer is None:
        play.because("the server never sent its first block again: its timer is not known")
    play.because("the target answers so slowly that three of its timeouts do not tell")


@scenario("TFTP-1350-ERR-08", "TFTP-1350-TID-06", negative=True)
def stray_errors(play: Play) -> None:
    """An ERROR to the request port, and one from a stranger to a transfer that is under way."""
    play.knock(b"\0\5\0\0stray\0")
    reading = play.read(play.file(blocks=2).name)
    first = reading.open_long(blocks=2)
    if reading.peer != reading.server:
        reading.send(b"\0\5\0\0stray\0", through=play.endpoint("stranger"))
    play.watch(play.pause)
    reading.finish(first)
    play.is_alive()
