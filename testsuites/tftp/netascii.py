"""Netascii: RFC 1350 sections 1 and 5."""

from pxeconform.protocol.netascii import encode
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario("TFTP-1350-NETASCII-01", "TFTP-1350-NETASCII-02")
def read_text(play: Play) -> None:
    """A text in octet mode and in netascii."""
    name = play.text_file()
    play.read(name).fetch()
    play.read(name).fetch("netascii")


@scenario("TFTP-1350-NETASCII-03")
def pair_on_the_edge(play: Play) -> None:
    """A text in netascii whose CR LF falls on the edge of a block: of the run itself, else with a fitting blksize."""
    if play.facts.claims.writable is not None:
        name = play.new_name()
        if play.write(name).put(b"x" * 511 + b"\nand more\n"):
            play.read(name).fetch()
            play.read(name).fetch("netascii")
            play.because("no pair came: netascii is served as it is stored")
            return
    name = play.text_file()
    cr = encode(play.read(name).contents()).find(b"\r")
    play.require(cr >= 7, f"no pair of {name} falls on the edge of a block")
    reading = play.read(name, blksize=cr + 1)
    if not reading.fetch("netascii") or reading.block_size != cr + 1:
        play.because(f"no pair falls on the edge of a block of {reading.block_size} octets")


@scenario("TFTP-1350-NETASCII-04")
def write_text(play: Play) -> None:
    """A text is written in netascii and read back in octet mode, after one of the server's own."""
    name = play.new_name()
    if play.facts.claims.text_file is not None:
        play.read(play.text_file()).fetch()
        play.read(play.text_file()).fetch("netascii")
    if play.write(name).put(b"one\r\ntwo\r\nbare\r\0return\r\n", "netascii"):
        play.read(name).fetch()
