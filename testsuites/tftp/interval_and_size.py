"""The timeout interval and transfer size options: RFC 2349. Read it beside this file."""

from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-2349-TMO-01", "TFTP-2349-TMO-04")
def proposed_timeouts(play: Play) -> None:
    """Timeouts from the shortest to the longest."""
    name = play.file().name
    for seconds in (1, 2, 3, 30, 255):
        play.question(name, ("timeout", seconds))


@scenario("TFTP-2349-TMO-02")
def agreed_timeout(play: Play) -> None:
    """With 1 s agreed the OACK is left alone, with 3 s the first block, until they come again."""
    name = play.file().name
    short, long = play.read(name, timeout=1), play.read(name, timeout=3)
    short.request().reply()
    first = long.open()
    play.withhold("ACK 0 and ACK 1, to see when they are asked for again")
    if long.agreed:
        long.block(first.block, timeout=7)
    short.end()
    long.end()


@scenario("TFTP-2349-TMO-03", negative=True)
def timeouts_out_of_range(play: Play) -> None:
    """Timeouts that cannot be."""
    name = play.file().name
    for seconds in ("0", "256", "65537", "-1", "abc", ""):
        play.question(name, ("timeout", seconds))
        if not play.is_alive():
            play.because(f"the target answers nothing any more after timeout={seconds}")
            break


@scenario("TFTP-2349-TSZ-01")
def size_of_a_file(play: Play) -> None:
    """The size of a file is asked for, and the file read to its end."""
    for file in play.files(2):
        play.require(play.read(file.name, tsize=0).fetch(), f"the download of {file.name} broke off")


@scenario("TFTP-2349-TSZ-02")
def size_of_a_write(play: Play) -> None:
    """A write announces its size."""
    play.write(play.new_name(), tsize=1000).put(bytes(1000))


@scenario("TFTP-2349-TSZ-03")
def absurd_size_of_a_write(play: Play) -> None:
    """A write announces more than there can be room for; not one octet is sent."""
    play.write(play.new_name(), tsize=1 << 40).request().reply()


@scenario("TFTP-2349-TSZ-04", "TFTP-2347-OACK-06")
def question_for_the_size(play: Play) -> None:
    """As EDK2 does: the size is asked for, the OACK answered with ERROR 8, and the file read from the same port."""
    name = play.file().name
    timer = play.timer(name)
    for _ in range(2):
        probe = play.read(name, tsize=0)
        probe.request().reply()
        if not probe.agreed:
            play.because("the server does not acknowledge tsize")
            return
        probe.abort(ErrorCode.OPTION_NEGOTIATION_FAILED, "user aborted the transfer")
        play.settle()
        play.read(name, probe.endpoint).fetch()
    last = play.read(name, tsize=0)
    last.request().reply()
    last.abort(ErrorCode.OPTION_NEGOTIATION_FAILED, "user aborted the transfer")
    play.watch(play.resend_wait(timer))


@scenario("TFTP-2349-TSZ-05")
def size_over_4_gib(play: Play) -> None:
    """The size of a file over 4 GiB; not one octet of it is read."""
    name = play.file(fits=lambda size: size >= 1 << 32, wanted="over 4 GiB").name
    play.question(name, ("tsize", 0))


@scenario("TFTP-2349-TSZ-06")
def size_in_netascii(play: Play) -> None:
    """The size of a text is asked for in netascii, and the text read to its end."""
    reading = play.read(play.text_file(), tsize=0)
    reading.fetch("netascii")
