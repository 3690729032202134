"""Requests and their first answers: RFC 1350 sections 2, 4 and 5, RFC 1123 section 4.2."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario

_ENOUGH_FILES = 20
_ENOUGH_OCTETS = 150_000


@scenario("TFTP-1350-OPEN-01", "TFTP-1123-MODE-02", "TFTP-1350-MODE-04", "TFTP-1350-BLK-01", "TFTP-1350-BLK-04")
def plain_read(play: Play) -> None:
    """A whole file, without options, twice."""
    name = play.file(blocks=2).name
    play.read(name).fetch()
    play.read(name).fetch()


@scenario("TFTP-1350-MODE-04")
def known_files(play: Play) -> None:
    """Files whose contents are known, the smallest first."""
    known = sorted((f.size, f.name) for f in play.facts.claims.files if f.sha256 and f.size is not None)
    play.require(known, "a file of known contents would be needed (its size and sha256 in the ICS file)")
    left = _ENOUGH_OCTETS
    for size, name in known[:_ENOUGH_FILES]:
        left -= size
        if left > 0:
            play.read(name).fetch()


@scenario("TFTP-1350-MODE-01")
def spelled_modes(play: Play) -> None:
    """The same mode in capitals, with a capital, and in between."""
    name = play.file().name
    for mode in ("OCTET", "Octet", "oCtEt"):
        reading = play.read(name)
        reading.request(mode).reply()
        reading.end()


@scenario("TFTP-1350-MODE-03")
def unknown_mode(play: Play) -> None:
    """Modes that do not exist; two of them begin like one that does."""
    for mode in ("bogus", "octets", "oct"):
        reading = play.read(play.file().name)
        reading.request(mode).answer()
        reading.end()


@scenario("TFTP-1123-EXT-01")
def extra_modes(play: Play) -> None:
    """Modes that some servers have beyond those of the RFC."""
    for mode in ("binary", "image"):
        reading = play.read(play.file().name)
        reading.request(mode).answer()
        reading.end()


@scenario("TFTP-1123-MODE-03")
def mail_mode(play: Play) -> None:
    """Mail mode, which is obsolete: a file is asked for, and a letter sent where something may be written."""
    play.read(play.file().name).request("mail").answer()
    if play.facts.claims.writable is not None:
        letter = play.write(play.new_name())
        letter.request("mail").answer()
        letter.end()


@scenario("TFTP-1123-MODE-01")
def netascii_mode(play: Play) -> None:
    """A file in netascii mode."""
    reading = play.read(play.facts.claims.text_file or play.file().name)
    reading.request("netascii").reply()


@scenario("TFTP-1785-OPT-01", novel=True)
def strange_tail(play: Play) -> None:
    """Three options that nobody knows; then the whole file."""
    options = {"x-first": "1", "x-second": "two", "x-third": "3"}
    play.read(play.file(blocks=2).name, None, **options).fetch()
