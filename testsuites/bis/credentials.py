"""Credentials, step 8: PXE 2.1 sections 2.4.7, 2.4.8 and 2.5.3; what is in the file: EFI 1.10 section 15.5."""

from pxeconform.registry.pxe_tags import CERTIFICATE_ID_DSA, CERTIFICATE_ID_RSA_MD5
from pxeconform.runner.play import Play
from pxeconform.runner.scenario import Unplayable, scenario

OWN_ADDRESS = "own address"
REPLY = tuple(f"PXE-21-BIS-{number}" for number in ("03", "05", "06", "07", "12", "13", "15"))
FILE = tuple(f"PXE-21-BIS-{number}" for number in ("16", "17", "18", "19", "20", "21", "22"))
IMPOSSIBLE_TYPE = 0xFFFFFFFF
ANYBODYS = (CERTIFICATE_ID_DSA, CERTIFICATE_ID_RSA_MD5)
NO_CREDENTIALS = "the target gave no credentials"


def types_of(play: Play) -> tuple[int, ...]:
    """The credential types to ask for: those that are claimed, else any DSA or RSA signer."""
    return play.facts.claims.credential_types or ANYBODYS


@scenario("PXE-21-BIS-01", *REPLY, *FILE, turn=OWN_ADDRESS)
def request_and_download(play: Play) -> None:
    """The boot file, then its credentials, both downloaded."""
    item = play.item()
    boot = play.client().ask(item)
    if boot is None:
        raise Unplayable("the target did not even name the boot file")
    play.fetch(boot.boot_file)
    reply = play.client().ask(item.with_credentials(), credential_types=types_of(play), file=boot.boot_file)
    if reply is None:
        raise Unplayable(NO_CREDENTIALS)
    play.require(reply.boot_file != boot.boot_file, "the target named the boot file again instead of its credentials")
    play.fetch(reply.boot_file)


@scenario("PXE-21-BIS-11", turn=OWN_ADDRESS)
def request_where_there_are_none(play: Play) -> None:
    """A server without credentials is asked for some."""
    if play.client().ask(play.item().with_credentials(), credential_types=types_of(play)):
        play.because("the target has credentials, so its silence is not owed")
    elif "bis" in (play.facts.claims.roles or ()) or play.facts.claims.credential_types:
        play.because("the target claims to have credentials, so its silence is not owed")


@scenario("PXE-21-BIS-04", turn=OWN_ADDRESS)
def order_of_types(play: Play) -> None:
    """Two types in one order, then in the other: the choice follows the client's list."""
    item = play.item().with_credentials()
    types = types_of(play)[:2]
    had = [play.client().ask(item, credential_types=(kind,)) for kind in types]
    play.require(len(types) == 2 and all(had), "the target has fewer than two credential types to choose from")
    for order in (types, types[::-1]):
        play.require(play.client().ask(item, credential_types=order), NO_CREDENTIALS)


@scenario("PXE-21-BIS-02", turn=OWN_ADDRESS)
def impossible_type(play: Play) -> None:
    """Only a type that no certificate can have: silence is owed."""
    play.client().ask(play.item().with_credentials(), credential_types=(IMPOSSIBLE_TYPE,), patiently=False)
    play.watch()
