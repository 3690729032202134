"""Option negotiation: RFC 2347. Read it beside this file."""

from collections.abc import Mapping

from pxeconform.registry.tftp_codes import ErrorCode
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-2347-OACK-01", "TFTP-2347-OACK-02", "TFTP-2347-OPT-01", novel=True)
def single_options(play: Play) -> None:
    """Each option alone, each beside one that nobody knows: what is acknowledged was asked for."""
    name = play.file().name
    play.question(name)
    for option in (("blksize", 1024), ("tsize", 0), ("timeout", 3), ("windowsize", 4)):
        play.question(name, option)
        play.question(name, ("x-pxeconform", 1), option)


@scenario("TFTP-2347-OPT-02", novel=True)
def unknown_options(play: Play) -> None:
    """Only options that nobody knows: the server answers as if there were none."""
    name = play.file().name
    play.question(name)
    play.question(name, ("x-pxeconform", 1))
    play.question(name, ("x-pxeconform", 1), ("x-other", "some words"), ("x-third", ""))


@scenario("TFTP-2347-OACK-03", "TFTP-2347-OACK-04")
def confirmed_options(play: Play) -> None:
    """The OACK is confirmed only after a while; then the file is read."""
    reading = play.read(play.file(blocks=2).name, tsize=0, blksize=128)
    reading.request().reply()
    reading.next(play.pause)
    if not reading.agreed:
        play.because("the server acknowledges neither tsize nor blksize")
        return
    reading.acknowledge(0)
    first = reading.block(1)
    play.require(first, "DATA 1 never came")
    if first is not None:
        reading.finish(first)


@scenario("TFTP-2347-OACK-06", "TFTP-2347-OACK-07", waiting=True)
def unconfirmed_options(play: Play) -> None:
    """The OACK is left alone until it comes again, then rejected with ERROR 8."""
    name = play.file().name
    timer = play.timer(name)
    reading = play.read(name, tsize=0, blksize=1024)
    reading.request().reply()
    if not reading.agreed:
        play.because("the server acknowledges neither tsize nor blksize")
        return
    play.withhold("ACK 0")
    reading.next(play.resend_wait(timer))
    reading.abort(ErrorCode.OPTION_NEGOTIATION_FAILED, "no such options, please")
    play.watch(play.resend_wait(timer))


@scenario("TFTP-2347-OACK-05")
def write_with_options(play: Play) -> None:
    """A file of two blocks is written with options; the OACK stands for ACK 0."""
    play.write(play.new_name(), blksize=512, tsize=700).put(bytes(700))


@scenario("TFTP-2347-OACK-08")
def twice_confirmed_options(play: Play) -> None:
    """ACK 0 twice; how many copies of DATA 1 come?"""
    reading = play.read(play.file(blocks=2).name, tsize=0)
    reading.request().reply()
    if not reading.agreed:
        play.because("the server does not acknowledge tsize")
        return
    reading.acknowledge(0)
    reading.acknowledge(0)
    first = reading.block(1)
    play.watch(play.pause)
    if first is not None and reading.finish(first) and first.length < reading.block_size:
        play.because(f"{reading.name} has only one block: name a file of at least two (--file NAME)")


@scenario("TFTP-2347-OPT-03")
def names_in_capitals(play: Play) -> None:
    """The same options in lower case, in capitals, and mixed."""
    name = play.file().name
    for spelling in (str.lower, str.upper, str.title):
        play.question(name, (spelling("blksize"), 1024), (spelling("tsize"), 0))
        play.question(name, (spelling("timeout"), 3), (spelling("windowsize"), 4))


@scenario("TFTP-2347-OPT-04", novel=True)
def order_of_options(play: Play) -> None:
    """The same options in several orders; one that nobody knows is among them."""
    name = play.file().name
    options = [("blksize", 1024), ("tsize", 0), ("x-pxeconform", 1), ("timeout", 3), ("windowsize", 4)]
    for first in range(len(options)):
        play.question(name, *options[first:], *options[:first])
    play.question(name, *reversed(options))


@scenario("TFTP-2347-OPT-05")
def options_left_out(play: Play) -> None:
    """Block sizes that few servers acknowledge: without an OACK, blocks have 512 octets."""
    name = play.file(blocks=3).name
    play.read(name).fetch()
    seen = False
    for options in ({"blksize": 1024}, {"blksize": 16}, {"windowsize": 4}):
        seen |= _without_acknowledgment(play, name, options)
    if not seen:
        play.because("the server acknowledges or refuses whatever block size and window size it is asked for")
    play.because("where the server left an option out, it did not go on with the transfer")


@scenario("TFTP-2347-OPT-05", negative=True)
def options_that_cannot_be_granted(play: Play) -> None:
    """A block size and a window size that are no numbers: without an OACK, blocks have 512 octets."""
    name = play.file(blocks=3).name
    for options in ({"blksize": "2k"}, {"windowsize": "two"}):
        if not _without_acknowledgment(play, name, options):
            play.because(f"the server does not serve the file without an OACK, asked for {options}")
        if not play.is_alive():
            return
    play.because("where the server left an option out, it did not go on with the transfer")


def _without_acknowledgment(play: Play, name: str, options: Mapping[str, object]) -> bool:
    """Read two blocks if the server leaves all options out; tell whether it did."""
    reading = play.read(name, None, **options)
    reading.request().answer()
    left_out = not (reading.agreed or reading.refused or reading.peer is None)
    if left_out:
        play.watch(play.pause)
        reading.acknowledge(1)
        reading.block(2, play.pause)
    reading.end()
    return left_out


@scenario("TFTP-2347-OPT-06", novel=True)
def longest_request(play: Play) -> None:
    """A request of exactly 512 octets, filled up with one option that nobody knows; then one with many."""
    name = play.file().name
    play.question(name)
    taken = len(f"..{name}.octet.tsize.0.x-pxeconform..".encode())
    play.question(name, ("tsize", 0), ("x-pxeconform", "1" * (512 - taken)))
    short = [(f"x-{number:02}", "1") for number in range((512 - taken) // 7)]
    left = 512 - taken - 7 * len(short)
    play.question(name, ("tsize", 0), *short, ("x-pxeconform", "1" * left))


@scenario("TFTP-2347-OPT-07", negative=True)
def option_without_value(play: Play) -> None:
    """A request that ends behind the name of an option; then a sound one."""
    name = play.file().name
    play.question(name, tail=b"blksize\0")
    play.question(name, ("tsize", 0), tail=b"timeout\0")
    play.question(name, tail=b"blksize")
    play.is_alive()


@scenario("TFTP-2347-OPT-08", negative=True)
def repeated_options(play: Play) -> None:
    """An option twice in one request."""
    name = play.file().name
    play.question(name, ("blksize", 1024), ("blksize", 512))
    play.question(name, ("tsize", 0), ("TSIZE", 0))


@scenario("TFTP-2347-OPT-09")
def missing_file_with_options(play: Play) -> None:
    """A file that is not there, first without options, then with them."""
    name = play.missing_name()
    if not play.question(name).refused:
        play.because("the target does not refuse a file with a name made up just now")
        return
    play.question(name, ("tsize", 0))
    play.question(name, ("tsize", 0), ("blksize", 1024), ("timeout", 3))
