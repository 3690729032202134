"""What makes a server faulty: subclasses and other files, put into the reference server from outside."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from pxeconform.protocol import vendor_options
from pxeconform.protocol.archive import build_archive
from pxeconform.protocol.certificates import Signer
from pxeconform.protocol.credentials import BLOCK_STEM, MANIFEST_MEMBER, SIGNER_MEMBER
from pxeconform.protocol.dhcp import NOWHERE, Message
from pxeconform.protocol.manifest import (
    SIGNER_INFORMATION_NAME,
    build_manifest,
    build_signer_information,
    parse_manifest,
)
from pxeconform.protocol.signature_block import build_signature_block
from pxeconform.protocol.tftp import Ack, Error, Packet, Request, parse
from pxeconform.protocol.vendor_options import BootItem
from pxeconform.registry.dhcp_options import MessageType, Option
from pxeconform.registry.pxe_tags import PxeTag
from pxeconform.registry.tftp_codes import ErrorCode, Opcode
from pxeconform.server.bootserver import BootServer
from pxeconform.server.config import ServerConfig
from pxeconform.server.datagrams import PXE_SOCKET, TFTP_SOCKET, Address, Incoming, Outgoing
from pxeconform.server.files import Source
from pxeconform.server.service import PxeServer
from pxeconform.server.tftp import ReadTransfer, TftpServer, Transfer
from pxeconform.server.transfers import Sent
from tests.mutants.arena import (
    BOOT_FILE,
    CREDENTIALS_FILE,
    Maker,
    signer,
)

# -- transfer identifiers: what a reading does wrong ------------------------------------------------------------------


class RepliesToNextPort(ReadTransfer):
    def envelope(self, packet: Sent, to: Address | None = None) -> Outgoing:
        host, port = to or self.client
        return super().envelope(packet, (host, port + 1))


class SilentToStrangers(ReadTransfer):
    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        return []


class WrongCodeToStrangers(ReadTransfer):
    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        return [self.envelope(Error(ErrorCode.ILLEGAL_OPERATION, b"what"), incoming.source)]


class EndedByStrangers(ReadTransfer):
    """Tells the stranger what it must, and the owner the same."""

    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        told = super().on_stranger(packet, incoming)
        return [*told, *self.refuse(Error(ErrorCode.NOT_DEFINED, b"interference"))]


class EndedByErrorsOfStrangers(ReadTransfer):
    """Anybody's ERROR ends it."""

    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        told = super().on_stranger(packet, incoming)
        if isinstance(packet, Error):
            self.finish()
        return told


class EndedByGarbageOfStrangers(ReadTransfer):
    """What is no packet ends it, whoever sent it."""

    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        if packet is None:
            self.finish()
        return super().on_stranger(packet, incoming)


class VanishesOnStrangers(ReadTransfer):
    """Tells the stranger what it must, then forgets the transfer without a word to its owner."""

    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        told = super().on_stranger(packet, incoming)
        self.finish()
        return told


class FallsSilentOnStrangers(ReadTransfer):
    """The same, but its socket stays open: no ICMP error gives it away."""

    deaf = False

    def on_stranger(self, packet: Packet | None, incoming: Incoming) -> list[Outgoing]:
        self.deaf, self.deadline = True, None
        return super().on_stranger(packet, incoming)

    def on_packet(self, packet: Packet | None, now: float) -> list[Outgoing]:
        return [] if self.deaf else super().on_packet(packet, now)


class MovedByStrangers(ReadTransfer):
    """Tells the stranger what it must, and takes its acknowledgment all the same."""

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        told = super().receive(incoming, now)
        packet = parse(incoming.payload)
        stranger = not self.is_from_client(incoming)
        return [*told, *(self.on_ack(packet.block, now) if stranger and isinstance(packet, Ack) else [])]


class SorcerersApprentice(ReadTransfer):
    def on_duplicate_ack(self, number: int, now: float) -> list[Outgoing]:
        return self._send(self.pending_packets(), now)


def reading(kind: type[ReadTransfer]) -> Maker:
    """A TFTP server whose readings are of that kind."""
    core = type("Mutant", (TftpServer,), {"read_transfer": kind})
    return lambda config: PxeServer(config, tftp=core)


# -- transfer identifiers: what the service does wrong ----------------------------------------------------------------


class _SharedSocket(TftpServer):
    """All transfers on one socket; whose a datagram is tells its source."""

    shared = TFTP_SOCKET

    def transfer_of(self, incoming: Incoming) -> Transfer | None:
        if incoming.socket != self.shared:
            return None
        return next((t for t in self.transfers.values() if t.client == incoming.source), None)

    def receive(self, incoming: Incoming, now: float) -> list[Outgoing]:
        return self._through(super().receive(incoming, now))

    def tick(self, now: float) -> list[Outgoing]:
        return self._through(super().tick(now))

    def sockets(self) -> Collection[str]:
        return {self.shared}

    def _through(self, outgoing: object) -> list[Outgoing]:
        assert isinstance(outgoing, list)
        return [replace(one, socket=self.shared) for one in outgoing]


class SinglePort(_SharedSocket):
    pass


class OneIdentifierForAll(_SharedSocket):
    shared = "tftp:only"


class _SharedStream:
    """Reads from whatever stream the server holds at the moment; the end of one transfer does not close it."""

    def __init__(self, current: Callable[[], Source]) -> None:
        self._current = current

    def read(self, size: int, /) -> bytes:
        return self._current().read(size)

    def close(self) -> None:
        pass


class OneStreamForAll(TftpServer):
    """One open file for the whole server: the request that came last decides what all of them read."""

    stream: Source

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        if request.opcode is Opcode.RRQ:
            self.stream = self.store.open(request.filename)[0]
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, ReadTransfer):
            transfer._source = _SharedStream(lambda: self.stream)
        return transfer


class OneStreamForEachClient(TftpServer):
    """The same file again from the same port goes on reading where the first reading is."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        earlier = next((t for t in self.transfers.values() if t.client == incoming.source), None)
        transfer = super().open_transfer(request, incoming, socket)
        if isinstance(transfer, ReadTransfer):
            stream = earlier._source if isinstance(earlier, ReadTransfer) else self.store.open(request.filename)[0]
            transfer._source = _SharedStream(lambda: stream)
        return transfer


class DropsTheFirst(TftpServer):
    """A repeated request ends the transfer that the first one began."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        for name in [name for name, t in self.transfers.items() if t.client == incoming.source]:
            self.transfers.pop(name).close()
        return super().open_transfer(request, incoming, socket)


class StallsTheFirst(TftpServer):
    """The same, but the first one's socket stays open and answers nothing."""

    def open_transfer(self, request: Request, incoming: Incoming, socket: str) -> Transfer:
        for transfer in self.transfers.values():
            if transfer.client == incoming.source:
                transfer.deadline = None
                transfer.on_packet = lambda packet, now: []  # type: ignore[method-assign]
        return super().open_transfer(request, incoming, socket)


def with_tftp(core: type[TftpServer]) -> Maker:
    return lambda config: PxeServer(config, tftp=core)


# -- boot server discovery --------------------------------------------------------------------------------------------

Change = Callable[[Message, Message], Message]
"""An answer and its request to the answer that goes out."""


def answering(change: Change, *, credentials: bool = False) -> Maker:
    """Change the answers about boot files, or those about credentials."""

    class Mutant(BootServer):
        def send(self, answer: Message, request: Message, incoming: Incoming) -> list[Outgoing]:
            item = _item(request)
            if item is not None and item.wants_credentials is credentials:
                answer = change(answer, request)
            return super().send(answer, request, incoming)

    return lambda config: PxeServer(config, boot_server=Mutant)


def _item(request: Message) -> BootItem | None:
    tags = request.vendor_options
    return tags.boot_item if tags is not None else None


def message_type(kind: MessageType, *, credentials: bool = False) -> Maker:
    class Mutant(BootServer):
        def send(self, answer: Message, request: Message, incoming: Incoming) -> list[Outgoing]:
            item = _item(request)
            if item is None or item.wants_credentials is not credentials:
                return super().send(answer, request, incoming)
            payload = self.answers.finish(answer, request, kind)
            return [Outgoing(payload, self.destination(request, incoming), incoming.socket)]

    return lambda config: PxeServer(config, boot_server=Mutant)


def deaf_to(kind: MessageType) -> Maker:
    """Requests of a message type for a boot item get nothing; those without an item are answered."""

    class Mutant(BootServer):
        def boot_answer(self, item: BootItem, request: Message, incoming: Incoming) -> Message | None:
            return None if request.type is kind else super().boot_answer(item, request, incoming)

    return lambda config: PxeServer(config, boot_server=Mutant)


def always_to(port: int) -> Maker:
    class Mutant(BootServer):
        def destination(self, request: Message, incoming: Incoming) -> Address:
            return incoming.source[0], port

    return lambda config: PxeServer(config, boot_server=Mutant)


def without_options(*codes: int) -> Change:
    return lambda answer, _: answer.without(*codes)


def with_option(code: int, value: bytes) -> Change:
    return lambda answer, _: answer.with_options((code, value))


def nameless(answer: Message, _: Message) -> Message:
    return replace(answer.without(Option.BOOT_FILE_NAME, Option.BOOT_FILE_SIZE), file=b"")


def naming(name: bytes) -> Change:
    return lambda answer, _: replace(answer.with_options((Option.BOOT_FILE_NAME, name)), file=name)


def retagged(change: Callable[[dict[int, bytes]], Mapping[int, bytes]]) -> Change:
    """Change the tags of option 43."""

    def changed(answer: Message, _: Message) -> Message:
        tags = answer.vendor_options
        assert tags is not None
        values: dict[int, bytes] = {
            tag: value for tag in (PxeTag.BOOT_ITEM, PxeTag.CREDENTIAL_TYPES) if (value := tags.get(tag))
        }
        built = vendor_options.build(change(values).items())
        return answer.with_options((Option.VENDOR_SPECIFIC, built))

    return changed


def other_type(tags: dict[int, bytes]) -> dict[int, bytes]:
    kind, layer = struct.unpack("!HH", tags[PxeTag.BOOT_ITEM])
    return tags | {PxeTag.BOOT_ITEM: struct.pack("!HH", kind + 1, layer)}


def no_bit(tags: dict[int, bytes]) -> dict[int, bytes]:
    kind, layer = struct.unpack("!HH", tags[PxeTag.BOOT_ITEM])
    return tags | {PxeTag.BOOT_ITEM: struct.pack("!HH", kind, layer & 0x7FFF)}


def with_types(*kinds: int) -> Callable[[dict[int, bytes]], Mapping[int, bytes]]:
    """Other credential types in the reply."""
    return lambda tags: tags | {PxeTag.CREDENTIAL_TYPES: struct.pack(f"!{len(kinds)}I", *kinds)}


def certificate_instead(tags: dict[int, bytes]) -> Mapping[int, bytes]:
    """A type that is true of the credentials, but the client asked for 41 or 42."""
    return with_types(signer().certificate_id)(tags)


class AnswersForOthers(BootServer):
    """Any type gets the first file, also one that somebody else may serve."""

    def choose_file(self, item: BootItem, request: Message) -> str | None:
        return super().choose_file(item, request) or BOOT_FILE


class AnswersAnybody(BootServer):
    """What is in option 60 does not matter."""

    def on_request(self, request: Message, incoming: Incoming) -> list[Outgoing]:
        if not request.is_pxe:
            request = request.with_options((Option.CLASS_IDENTIFIER, b"PXEClient:Arch:00000:UNDI:002001"))
        return super().on_request(request, incoming)


class LeavesFromAnywhere(BootServer):
    def send(self, answer: Message, request: Message, incoming: Incoming) -> list[Outgoing]:
        sent = super().send(answer, request, incoming)
        # Without a boot item nothing is wrong, so that the survey sees what the server lists.
        return sent if _item(request) is None else [replace(one, socket="pxe:reply") for one in sent]


def with_boot_server(core: type[BootServer]) -> Maker:
    return lambda config: PxeServer(config, boot_server=core)


# -- credentials: what is answered ------------------------------------------------------------------------------------


class IgnoresTheBit(BootServer):
    """The credential bit is masked away: the boot file again, in an item without the bit."""

    def boot_answer(self, item: BootItem, request: Message, incoming: Incoming) -> Message | None:
        plain = BootItem(item.type, item.layer & 0x7FFF)
        file = self.answers.file_of(plain, request)
        return None if file is None else self.build_answer(plain, file, None, request, incoming)


class BootFileForImpossibleTypes(BootServer):
    """Where no type fits, the boot file is sent instead."""

    def boot_answer(self, item: BootItem, request: Message, incoming: Incoming) -> Message | None:
        answer = super().boot_answer(item, request, incoming)
        if answer is not None or not item.wants_credentials:
            return answer
        plain = BootItem(item.type, item.layer & 0x7FFF)
        file = self.answers.file_of(plain, request)
        return None if file is None else self.build_answer(plain, file, None, request, incoming)


class AnyCredentials(BootServer):
    """Where no type fits, the first one there is."""

    def choose_credentials(self, file: str, wanted: tuple[int, ...]) -> tuple[int, str] | None:
        known = self.answers.config.credentials.get(file, {})
        return super().choose_credentials(file, wanted) or next(iter(known.items()), None)


class OwnOrder(BootServer):
    """The server's order counts, not the client's."""

    def choose_credentials(self, file: str, wanted: tuple[int, ...]) -> tuple[int, str] | None:
        return super().choose_credentials(file, tuple(sorted(wanted, reverse=True)))


class RefusesCredentials(BootServer):
    """A server without credentials that says no instead of nothing."""

    def on_request(self, request: Message, incoming: Incoming) -> list[Outgoing]:
        sent = super().on_request(request, incoming)
        item = _item(request)
        if sent or item is None or not item.wants_credentials or incoming.socket != PXE_SOCKET:
            return sent
        refusal = replace(self.answers.reply(request, self.answers.identity(incoming)), yiaddr=NOWHERE)
        payload = self.answers.finish(refusal, request, MessageType.NAK)
        return [Outgoing(payload, incoming.source, incoming.socket)]


# -- credentials: what is in the file ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parts:
    """The three members, built with at most one thing changed; what is signed or digested follows the change."""

    manifest: bytes
    information: bytes
    block: bytes

    @classmethod
    def of(
        cls,
        boot_object: bytes,
        by: Signer,
        *,
        manifest: Callable[[bytes], bytes] = lambda text: text,
        covered: Callable[[bytes], bytes] = lambda section: section,
        signed: Callable[[bytes], bytes] = lambda text: text,
    ) -> Parts:
        digest = by.profile.digest
        text = manifest(build_manifest(bytes(range(16)), {digest.word: digest.of(boot_object)}))
        section = covered(parse_manifest(text).sections[0].raw)
        information = build_signer_information(bytes(range(16, 32)), {digest.word: digest.of(section)})
        return cls(text, information, build_signature_block(signed(information), by))

    def archive(self) -> bytes:
        return build_archive(
            ((MANIFEST_MEMBER, self.manifest), (SIGNER_MEMBER, self.information), (f"{BLOCK_STEM}.DSA", self.block))
        )


def with_credentials(build: Callable[[bytes], bytes]) -> Maker:
    """A server that serves these credentials for its boot file, and is otherwise sound."""

    def make(config: ServerConfig) -> PxeServer:
        content = build(config.files[BOOT_FILE])
        return PxeServer(replace(config, files={**config.files, CREDENTIALS_FILE: content}))

    return make


def two_manifests(boot_file: bytes) -> bytes:
    parts = Parts.of(boot_file, signer())
    return build_archive(
        (
            (MANIFEST_MEMBER, parts.manifest),
            ("META-INF/OTHER.MF", parts.manifest),
            (SIGNER_MEMBER, parts.information),
            (f"{BLOCK_STEM}.DSA", parts.block),
        )
    )


def other_program(config: ServerConfig) -> PxeServer:
    """The boot file was replaced after its credentials were made."""
    content = config.files[BOOT_FILE]
    return PxeServer(replace(config, files={**config.files, BOOT_FILE: content[:-1] + bytes((content[-1] ^ 1,))}))


def old_version(text: bytes) -> bytes:
    return text.replace(b"Manifest-Version: 2.0", b"Manifest-Version: 1.0")


def nothing_signed(_: bytes) -> bytes:
    return SIGNER_INFORMATION_NAME.encode()
