"""What may be read and written: RFC 1350 (appendix, security), RFC 1123 sections 4.2.3.4 and 4.2.3.5.

Of what should not have come, the evidence keeps the length and a digest alone.
"""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario

UP = "../" * 12


@scenario("TFTP-1350-SEC-01", "TFTP-1350-ERR-02", negative=True)
def paths_above_the_root(play: Play) -> None:
    """The same system file, by several ways up and out."""
    # Some servers only find out of a folder that is there.
    names = (*(file.name for file in play.facts.files), play.facts.claims.writable or "")
    folders = sorted({name.rpartition("/")[0].strip("/") for name in names} - {""})
    ways = [UP, "/" + UP, "./" + UP, UP.replace("/", "\\"), UP.replace("../", "..%2f"), "....//" * 12]
    ways += [f"{folder}/{UP}" for folder in folders[:4] or ["folder"]]
    for way in ways:
        play.read_secretly(f"{way}etc/passwd")
    play.read_secretly(UP.replace("/", "\\") + "windows\\win.ini")
    play.is_alive()


@scenario("TFTP-1123-ACL-01", "TFTP-1350-ERR-02", negative=True)
def absolute_paths(play: Play) -> None:
    """Files of the operating system by their absolute paths."""
    for name in ("/etc/passwd", "/etc/hostname", "/proc/version", "C:\\Windows\\win.ini"):
        play.read_secretly(name)
    play.is_alive()


@scenario("TFTP-1350-SEC-02")
def uninvited_write(play: Play) -> None:
    """A write request where nobody says that writing is enabled; it is ended at once where it is let in."""
    writing = play.write_uninvited()
    writing.request().answer()
    writing.end()


@scenario("TFTP-1350-ERR-04")
def existing_name(play: Play) -> None:
    """A file is written, and then asked to be written again."""
    name = play.new_name()
    play.require(play.write(name).put(b"first\n"), "the first write broke off")
    play.settle()
    again = play.write(name)
    again.request().answer()
    again.end()


@scenario("TFTP-1123-BC-01")
def broadcast_read(play: Play) -> None:
    """A read request to everybody."""
    play.ask_everybody(play.file().name)
    play.watch(play.answer_wait)


@scenario("TFTP-1123-BC-02")
def broadcast_write(play: Play) -> None:
    """A write request to everybody."""
    play.ask_everybody(play.new_name(), write=True)
    play.watch(play.answer_wait)
