"""What a scenario has at hand: the target, sockets, a TFTP client, a PXE client, known files, and time."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from pxeconform.protocol.tftp import Error, Options, option_number
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.ports import Port
from pxeconform.requirements.ledger import Claims, KnownFile, SocketRecord, Target
from pxeconform.runner.endpoint import Endpoint, Unbindable
from pxeconform.runner.multicast_client import Member
from pxeconform.runner.pxe_client import PxeClient
from pxeconform.runner.recorder import Recorder
from pxeconform.runner.scenario import Unplayable
from pxeconform.runner.tftp_client import Conversation, Reading, Writing
from pxeconform.sessions.groups import is_group

_ANSWER = 4.0
_SILENCE = 1.2
_PAUSE = 2.0
_SETTLED = 0.3
_PAIR = 0.05
_PORT_TRIES = 50
_OWN = "pxeconform-"
"""How all names begin that a run makes up: an operator recognises them."""
_MOST_OCTETS = 100 << 20
"""A larger file is not read as a whole."""


@dataclass(slots=True)
class Facts:
    """What a run knows of its target: claimed beforehand, or told by the target itself during the survey."""

    claims: Claims = field(default_factory=Claims)
    offered_files: list[str] = field(default_factory=list)
    advertised_types: list[int] = field(default_factory=list)
    answered_types: list[int] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    one_at_a_time: bool = False
    """The target answers no second request before the first one's transfer has ended."""
    slowest: float = 0.0
    """The longest time (s) that the target took for an answer so far."""
    used_ports: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note_answer(self, seconds: float) -> None:
        """The target took that long to answer."""
        with self.lock:
            self.slowest = max(self.slowest, seconds)

    @property
    def files(self) -> tuple[KnownFile, ...]:
        """Claimed files first, then those that the target named."""
        named = {file.name for file in self.claims.files}
        offered = (KnownFile(name, source="offered") for name in self.offered_files if name not in named)
        return *self.claims.files, *offered

    @property
    def items(self) -> tuple[BootItem, ...]:
        """Boot items that should be there: claimed, else listed by the target, else answered in the survey."""
        if self.claims.boot_services is not None:
            return tuple(BootItem(s.type, layer) for s in self.claims.boot_services for layer in s.layers)
        return tuple(BootItem(kind) for kind in dict.fromkeys([*self.advertised_types, *self.answered_types]))


@dataclass(frozen=True, slots=True)
class Setting:
    """What all scenarios of a run share."""

    target: Target
    local: str
    mac: bytes
    recorder: Recorder
    stop: threading.Event
    facts: Facts
    patience: float = 60.0
    """Longest wait (s) for silence to be silence."""
    try_writing: bool = False
    """One write request may be sent although no area for it is named."""


class Play:
    """One scenario's hands. What it opens is closed, and what it did is noted, when it ends."""

    def __init__(self, setting: Setting, scenario: str, seed: int, *, careful: bool = False) -> None:
        self.scenario = scenario
        self.target = setting.target
        self.local = setting.local
        self.facts = setting.facts
        self.random = random.Random(f"{seed}/{scenario}")
        self.reason = ""
        self.silent_since: int | None = None
        """The last frame before the target was found to answer nothing any more."""
        self._careful = careful
        self.withheld: list[str] = []
        self._setting = setting
        self._endpoints: list[Endpoint] = []
        self._conversations: list[Conversation] = []
        self._written: list[str] = []

    # -- time ---------------------------------------------------------------------------------------------------------

    @property
    def answer_wait(self) -> float:
        """Seconds in which an owed answer must come."""
        return min(self._setting.patience, max(_ANSWER, 6 * self.facts.slowest))

    @property
    def silence_wait(self) -> float:
        """Seconds after which silence is silence: well beyond the target's slowest answer so far."""
        return min(self._setting.patience, max(_SILENCE, 6 * self.facts.slowest))

    @property
    def pause(self) -> float:
        """The same inside a transfer, whose server waits for us and gives up in the end."""
        return min(self.silence_wait, _PAUSE)

    @property
    def patience(self) -> float:
        """Seconds that this run waits at most for silence to be silence."""
        return self._setting.patience

    def watch(self, seconds: float | None = None) -> None:
        """Let time pass; the sockets go on listening."""
        end = time.monotonic() + (self.silence_wait if seconds is None else seconds)
        while (left := end - time.monotonic()) > 0:
            if self._setting.stop.wait(min(left, 0.2)):
                return

    def settle(self) -> None:
        """Leave the server the time to be done with a transfer before its file, or its client, asks for another one.

        tftpd-hpa locks a file as long; others know a client by its port, and hear nothing new from it meanwhile.
        """
        self.watch(_SETTLED)

    # -- sockets ------------------------------------------------------------------------------------------------------

    def endpoint(
        self, name: str = "client", port: int = 0, *, secret: bool = False, broadcast: bool = False
    ) -> Endpoint:
        """Open a socket; port 0 is one that this run has not used yet. Raises `Unplayable` if it cannot be had.

        One that is `secret` keeps lengths and digests of DATA alone, one that may `broadcast` does.
        """
        for _ in range(_PORT_TRIES):
            endpoint = self._open(name, port, secret=secret, broadcast=broadcast)
            with self.facts.lock:
                is_new = endpoint.address[1] not in self.facts.used_ports
                self.facts.used_ports.add(endpoint.address[1])
            if port or is_new:
                return endpoint
        raise Unplayable("no unused local port was left")

    def listen(self, group: str, port: int) -> Endpoint:
        """A socket that hears what is sent to a multicast group. Raises `Unplayable`."""
        known = next((e for e in self._endpoints if e.address == (group, port)), None)
        self.require(known is not None or is_group(group), f"{group} is no multicast group")
        return known or self._open("group", port, group=group)

    def _open(self, name: str, port: int, **kind: Any) -> Endpoint:
        shared, local = self._setting, (self.local, port)
        try:
            endpoint = Endpoint(shared.recorder, shared.stop, self.scenario, self._unique(name), local, **kind)
        except Unbindable as error:
            raise Unplayable(str(error)) from error
        self._endpoints.append(endpoint)
        return endpoint

    def guard(self, name: str, port: int) -> Endpoint | None:
        """A socket that only listens for what goes astray; `None` where the port cannot be had."""
        try:
            return self.endpoint(name, port)
        except Unplayable:
            return None

    def _unique(self, name: str) -> str:
        taken = {endpoint.name for endpoint in self._endpoints}
        candidates = (name, *(f"{name}-{n}" for n in range(2, 1000)))
        return next(candidate for candidate in candidates if candidate not in taken)

    def close(self) -> list[SocketRecord]:
        """End what runs, empty what was written (TFTP cannot delete), read what still waits, close all sockets."""
        for conversation in self._conversations:
            conversation.end()
        if self.facts.claims.overwrite and self._written:
            self.settle()
            for name in self._written:
                with contextlib.suppress(Unplayable):
                    self._writing(name).put(b"")
        return [endpoint.close() for endpoint in self._endpoints]

    # -- TFTP ---------------------------------------------------------------------------------------------------------

    def file(self, blocks: int = 1, fits: Callable[[int], bool] | None = None, wanted: str = "") -> KnownFile:
        """A file of at least that many blocks of 512 octets, as far as sizes are known. Raises `Unplayable`.

        With `fits` only files of known size count; `wanted` says in words what that size must be.
        """
        files = [f for f in self.facts.files if f.size != 0 or fits is not None]
        if fits is not None:
            fitting = [f for f in files if f.size is not None and fits(f.size)]
            self.require(fitting, f"no file {wanted} is known: name one with its size in the ICS file (tftp.files)")
        else:
            fitting = [f for f in files if f.size is None or f.size > 512 * (blocks - 1)]
        if not fitting:
            have = "of the files that are named none is long enough" if files else "no file of the target is known"
            raise Unplayable(f"{have}: name one of at least {blocks} blocks of 512 octets (--file NAME)")
        # A size that is known is better, and the smallest that serves spares the target.
        return min(fitting, key=lambda f: (f.size is None, f.size or 0))

    def files(self, count: int, blocks: int = 1) -> list[KnownFile]:
        """Up to `count` different files; the same one again where too few are known."""
        first = self.file(blocks)
        more = [f for f in self.facts.files if f != first and (f.size is None or f.size > 512 * (blocks - 1))]
        return [*([first, *more][:count]), *([first] * count)][:count]

    def read(self, name: str, endpoint: Endpoint | None = None, **options: object) -> Reading:
        """Ask for a file from a port of its own; `options` are those of RFC 2347."""
        reading = Reading(endpoint or self.endpoint(), self._server, name, _texts(options.items()), **self._waiting)
        before = [one.peer for one in self._conversations if one.endpoint is endpoint]
        reading.before = before[-1] if before else None
        self._conversations.append(reading)
        return reading

    def member(self, name: str, **options: object) -> Member:
        """Ask for a file by multicast (RFC 2090), with further options."""
        reading = self.read(name)
        reading.options = _texts([("multicast", ""), *options.items()])
        return Member(reading, self.listen)

    def write(self, name: str, endpoint: Endpoint | None = None, **options: object) -> Writing:
        """Write a file from a port of its own; the name is one of `new_name`."""
        if name not in self._written:
            self._written.append(name)
        return self._writing(name, endpoint, **options)

    def _writing(self, name: str, endpoint: Endpoint | None = None, **options: object) -> Writing:
        writing = Writing(endpoint or self.endpoint(), self._server, name, _texts(options.items()), **self._waiting)
        self._conversations.append(writing)
        return writing

    def question(self, name: str, *options: tuple[str, object], tail: bytes = b"") -> Reading:
        """A read request with these options, in this order, and its first answer; the transfer goes no further."""
        reading = self.read(name)
        reading.options = _texts(options)
        if reading.request(tail=tail).answer() is None:
            self.because(f"the target did not answer a request for {name}")
            # Where a question may kill, the next one waits until it is known that this one did not.
            if self._careful and not self.is_alive():
                raise Unplayable("the target does not answer any more")
        if reading.refused:
            self.because(f"the target refused a request for {name} with these options")
        reading.end()
        return reading

    def whole_size(self) -> tuple[str, int]:
        """The smallest file, and its octets: known, else counted in a download. Raises `Unplayable`."""
        file = self.file()
        if file.size is not None:
            return file.name, file.size
        reading = self.read(file.name)
        self.require(reading.fetch(), f"the download of {file.name} broke off")
        return file.name, reading.octets

    def large_file(self, octets: int) -> tuple[str, int]:
        """The smallest file of at least so many octets, as known or as the target says. Raises `Unplayable`."""
        sizes = {file.name: file.size for file in self.facts.files if file.size is not None}
        for file in (f for f in self.facts.files if f.size is None):
            told = option_number(self.question(file.name, ("tsize", 0)).agreed, "tsize")
            sizes |= {} if told is None else {file.name: told}
        fitting = {name: size for name, size in sizes.items() if octets <= size < _MOST_OCTETS}
        self.require(
            fitting, f"no file of {octets} octets is known: name one with its size in the ICS file (tftp.files)"
        )
        return min(fitting.items(), key=lambda pair: pair[1])

    def timer(self, name: str) -> float | None:
        """Seconds after which the target sends the first block again that nobody acknowledges; `None` if never."""
        reading = self.read(name)
        first = reading.open()
        self.withhold("ACK 1, to see when block 1 comes again")
        seconds = reading.again(first)
        # Some servers send their copies in pairs: the second shall not look like an answer to the ERROR.
        self.watch(_PAIR)
        reading.end()
        if seconds is None:
            self.because(f"the target sent nothing again within {self.patience:g} s (--patience)")
        return seconds

    def resend_wait(self, timer: float | None) -> float:
        """Seconds in which something must be sent again: three times the target's timer, and a little more."""
        wanted = 30.5 if timer is None else 3 * timer + 0.3
        if wanted > self.patience:
            self.because(f"{wanted:.1f} s of patience would be needed to see what is sent again (--patience)")
        return min(self.patience, wanted)

    def knock(self, payload: bytes, name: str = "client") -> Conversation:
        """Send octets to the request port from a port of their own, whether or not they are a request."""
        conversation = Conversation(self.endpoint(name), self._server, **self._waiting)
        self._conversations.append(conversation)
        conversation.ask(payload)
        return conversation

    def read_secretly(self, name: str) -> None:
        """Ask for what should not be given; what comes all the same is ended at once, and its octets are not kept."""
        reading = self.read(name, self.endpoint(secret=True))
        if not isinstance(reading.request().answer(), Error):
            self.because(f"{name} was not refused with an ERROR")
        reading.end()

    def write_uninvited(self) -> Writing:
        """A write where the ICS names no area. Raises `Unplayable` unless the run permits it."""
        self.require(self.facts.claims.writable is None, "writing is enabled: the ICS file names an area for it")
        permitted = "a server that lets it in keeps an empty file: permit that with --try-writing"
        self.require(self._setting.try_writing, permitted)
        return self._writing(f"{_OWN}{time.time_ns() // 1000:x}")

    def ask_everybody(self, name: str, *, write: bool = False) -> None:
        """Send a request to the broadcast address of the loopback network. Raises `Unplayable` elsewhere."""
        loopback = self.target.address.startswith("127.") and self.local.startswith("127.")
        self.require(loopback, "a broadcast reaches every server of the segment: it is sent on the loopback alone")
        endpoint = self.endpoint("everybody", broadcast=True)
        everybody = "127.255.255.255", self.target.tftp_port
        (Writing if write else Reading)(endpoint, everybody, name, (), **self._waiting).request()

    def is_alive(self) -> bool:
        """Ask for a file from a new port: does the target still answer?"""
        before = self._setting.recorder.frames
        # An empty file has requirements of its own, which a dead target shall not be charged with.
        known = sorted(self.facts.files, key=lambda file: file.size == 0)
        reading = self.read(known[0].name if known else self.missing_name(), self.endpoint("liveness"))
        try:
            reading.request().reply()
        except Unplayable:
            self.silent_since = before if self.silent_since is None else self.silent_since
            return False
        reading.end()
        return True

    def missing_name(self) -> str:
        """A name that no server has."""
        known = self.facts.files
        # Beside a file that is there: some servers serve some folders only, and say so with another code.
        folder = known[0].name[: known[0].name.rfind("/") + 1] if known else ""
        return f"{folder}{_OWN}missing-{self.random.getrandbits(48):012x}"

    def new_name(self) -> str:
        """A name that may be written, and that an operator recognises. Raises `Unplayable` where nothing may be."""
        area = self.facts.claims.writable
        if area is None:
            raise Unplayable("nothing may be written: name an area for it in the ICS file (tftp.writable)")
        separator = "" if not area or area.endswith(("/", "\\")) else "/"
        # The time makes it new for the target when the seed comes again.
        return f"{area}{separator}{_OWN}{time.time_ns() // 1000:x}-{self.random.getrandbits(24):06x}"

    def text_file(self) -> str:
        """A file with line feeds and a bare carriage return. Raises `Unplayable`."""
        name = self.facts.claims.text_file
        if name is None:
            raise Unplayable("no text file is known: name one in the ICS file (tftp.text_file)")
        return name

    @property
    def _server(self) -> tuple[str, int]:
        return self.target.address, self.target.tftp_port

    @property
    def _waiting(self) -> dict[str, Any]:
        return {
            "patience": self._setting.patience,
            "wait": lambda: self.answer_wait,
            "noted": self.facts.note_answer,
            "because": self.because,
        }

    def fetch(self, name: bytes) -> None:
        """Download the file that a reply names. Raises `Unplayable` when there is no name or the download fails."""
        self.require(name, "the reply names no file")
        text = name.decode("latin-1")
        self.require(self.read(text).fetch(), f"the download of {text} broke off")

    # -- PXE ----------------------------------------------------------------------------------------------------------

    def client(self, port: int = 0, architecture: int = 0) -> PxeClient:
        """A PXE client that has an address (this machine's) and asks from that port."""
        endpoint = self.endpoint("client" if not port else f"port-{port}", port)
        # A server that always answers to one of the known ports is to be told so, not that it is silent.
        for known in (Port.DHCP_CLIENT, Port.PXE):
            if known not in {opened.address[1] for opened in self._endpoints}:
                self.guard(f"port-{known}", known)
        return PxeClient(
            endpoint,
            (self.target.address, self.target.pxe_port),
            mac=self._setting.mac,
            uuid=UUID(int=self.random.getrandbits(128), version=4),
            architecture=architecture,
            random=self.random,
            tries=self._tries,
            noted=self.facts.note_answer,
        )

    def _tries(self) -> tuple[float, ...]:
        """Seconds to wait after each try (PXE 2.1 figure 2-2), as far as the run's patience goes."""
        waits, left = [], self._setting.patience
        for wait in (1.0, 2.0, 3.0, 4.0):
            waits.append(min(wait, left))
            left -= wait
            if left <= 0:
                break
        return tuple(waits)

    def item(self) -> BootItem:
        """A boot item that the target should have. Raises `Unplayable`."""
        items = self.facts.items
        if not items:
            raise Unplayable("no boot server type of the target is known: name one in the ICS file (pxe.boot_servers)")
        return items[0]

    def unlisted_type(self) -> int:
        """A type that the target has no reason to serve. Raises `Unplayable` where that cannot be known."""
        listed = {item.type for item in self.facts.items}
        if self.facts.claims.boot_services is None and not self.facts.advertised_types:
            raise Unplayable("what the target does not serve is not known: it lists no types, and no ICS file does")
        return next(kind for kind in range(65534, 0, -1) if kind not in listed)

    # -- reasons ------------------------------------------------------------------------------------------------------

    def because(self, reason: str) -> None:
        """Say why the scenario may have left something unexercised; the first reason counts."""
        self.reason = self.reason or reason

    def require(self, condition: object, reason: str) -> None:
        """Give up with a reason unless the condition holds."""
        if not condition:
            raise Unplayable(reason)

    def withhold(self, what: str) -> None:
        """Note in the ledger what the client kept back on purpose."""
        self.withheld.append(what)


def _texts(options: Iterable[tuple[str, object]]) -> Options:
    return tuple((name, str(value)) for name, value in options)
