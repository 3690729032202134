"""The multicast option: RFC 2090. Read it beside this file."""

from pxeconform.runner.play import Play
from pxeconform.runner.scenario import scenario


@scenario(
    "TFTP-2090-MC-01",
    "TFTP-2090-MC-04",
    "TFTP-2090-MC-05",
    "TFTP-2090-MC-06",
    "TFTP-2090-MC-16",
    turn="group",
    novel=True,
)
def lone_member(play: Play) -> None:
    """One client asks for a file by multicast, and reads it as master."""
    member = play.member(play.file(blocks=2).name).join()
    if not member.read_on(0, play.answer_wait):
        play.because("no block came to the group")


@scenario("TFTP-2090-MC-08", turn="group", novel=True)
def master_that_jumps(play: Play) -> None:
    """The master asks for blocks out of order: 1, 2, 4, and 2 again."""
    member = play.member(play.file(blocks=2).name, blksize=64).join()
    for after in (0, 1, 3, 1):
        member.acknowledge(after)
        play.require(member.heard(after + 1, play.answer_wait), f"block {after + 1} never came")


@scenario("TFTP-2090-MC-02", "TFTP-2090-MC-09", "TFTP-2090-MC-10", turn="group", novel=True)
def master_that_finishes(play: Play) -> None:
    """Two clients; the second becomes master when the first has read all, and asks for what it missed."""
    name = play.file(blocks=2).name
    first, second = play.member(name).join(), play.member(name).join()
    second.acknowledge(0)
    first.read_on(0, play.answer_wait)
    if second.promoted(play.answer_wait):
        second.read_on(0, play.answer_wait)
    else:
        play.because("the second client was not made master")


@scenario("TFTP-2090-MC-03", turn="group", novel=True)
def master_that_falls_silent(play: Play) -> None:
    """The master asks for the first block, and no more; the other client waits to take its place."""
    name = play.file(blocks=2).name
    first, second = play.member(name, timeout=1).join(), play.member(name, timeout=1).join()
    second.acknowledge(0)
    first.acknowledge(0)
    first.heard(1, play.answer_wait)
    play.withhold("all acknowledgments of the master")
    if not second.promoted(min(3 * play.patience, 120)):
        play.because("the target had not given up its master when the run's patience came to its end (--patience)")


@scenario("TFTP-2090-MC-11", "TFTP-2090-MC-12", turn="group", novel=True)
def promoted_client_that_is_silent(play: Play) -> None:
    """The second of three clients does not answer when it is made master: the third is next, then the second again."""
    name = play.file(blocks=2).name
    first, second, third = (play.member(name, timeout=1).join() for _ in range(3))
    for waiting in (second, third):
        waiting.acknowledge(0)
    first.read_on(0, play.answer_wait)
    play.withhold("the second client's answer")
    play.require(second.promoted(play.answer_wait), "the second client was never made master")
    wait = min(3 * play.patience, 120)
    play.require(third.promoted(wait), "the second client was not given up within the run's patience (--patience)")
    third.read_on(0, play.answer_wait)
    second.promoted(play.answer_wait)


@scenario("TFTP-2090-MC-13", "TFTP-2090-MC-14", turn="group", novel=True)
def listener_that_acknowledges(play: Play) -> None:
    """A client that is not master acknowledges blocks all the same, ten times."""
    name = play.file(blocks=2).name
    first, second = play.member(name, blksize=64).join(), play.member(name, blksize=64).join()
    second.acknowledge(0)
    first.acknowledge(0)
    first.heard(1, play.answer_wait)
    for wait in (play.pause / 8, *[0.02] * 9):
        second.acknowledge(5)
        second.reading.next(wait)
    first.read_on(1, play.answer_wait)


@scenario("TFTP-2090-MC-15", turn="group", novel=True)
def listener_that_leaves(play: Play) -> None:
    """Of three clients the second leaves with an ERROR; when the first is done, the third is next."""
    name = play.file(blocks=2).name
    first, second, third = (play.member(name).join() for _ in range(3))
    for waiting in (second, third):
        waiting.acknowledge(0)
    second.leave()
    first.read_on(0, play.answer_wait)
    if third.promoted(play.answer_wait):
        third.read_on(0, play.answer_wait)
    play.watch(play.silence_wait)


@scenario("TFTP-2090-MC-07", turn="group", novel=True)
def two_files_at_once(play: Play) -> None:
    """Two files by multicast at the same time."""
    names = [file.name for file in play.files(2, blocks=2)]
    play.require(names[0] != names[1], "two files would be needed (--file NAME, twice)")
    members = [play.member(name).join() for name in names]
    for member in members:
        member.read_on(0, play.answer_wait)


@scenario("TFTP-2090-MC-17", turn="group", novel=True)
def multicast_in_capitals(play: Play) -> None:
    """The option's name in lower case and in capitals."""
    name = play.file().name
    play.question(name, ("multicast", ""))
    play.question(name, ("MULTICAST", ""))


@scenario("TFTP-2090-MC-18", turn="group", novel=True)
def plain_client_beside_a_group(play: Play) -> None:
    """While a file goes to a group, a client that does not know of groups reads it."""
    name = play.file(blocks=2).name
    member = play.member(name).join()
    member.acknowledge(0)
    member.heard(1, play.answer_wait)
    play.read(name).fetch()
    member.read_on(1, play.answer_wait)


@scenario("TFTP-2090-MC-19", novel=True)
def write_by_multicast(play: Play) -> None:
    """A write asks for multicast, which is for reads alone."""
    play.write(play.new_name(), multicast="", tsize=100).request().reply()
