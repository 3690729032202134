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
    """A text in netascii, with a block size at which CR LF falls on the edge of a block."""
    name = play.text_file()
    local = play.read(name).contents()
    play.require(b"\n" in local, f"{name} has no lines")
    cr = encode(local).index(b"\r")
    edge = next((at for at in range(512, len(encode(local)), 512) if encode(local)[at - 1 : at] == b"\r"), None)
    if edge is not None:
        play.read(name).fetch("netascii")
    elif cr >= 7:
        reading = play.read(name, blksize=cr + 1)
        if not reading.fetch("netascii") or reading.block_size != cr + 1:
            play.because(f"no pair falls on the edge of a block of {reading.block_size} octets")
    else:
        play.because(f"no pair of {name} falls on the edge of a block")


@scenario("TFTP-1350-NETASCII-04")
def write_text(play: Play) -> None:
    """A text is written in netascii and read back in octet mode, after one of the server's own."""
    name = play.new_name()
    if play.facts.claims.text_file is not None:
        play.read(play.text_file()).fetch()
        play.read(play.text_file()).fetch("netascii")
    if play.write(name).put(b"one\r\ntwo\r\nbare\r\0return\r\n", "netascii"):
        play.read(name).fetch()
