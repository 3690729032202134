"""Why a boot failed: a table of causes, each with its symptom on the wire and what to do about it.

The order is that of the nine steps, causes that only disturb come last; so the first one found is the one to act on.
"""

from __future__ import annotations

from dataclasses import replace

from pxeconform.diagnosis import symptoms
from pxeconform.diagnosis.model import Diagnosis, Rule, diagnoses
from pxeconform.diagnosis.symptoms import STEP_DOWNLOAD, BootCase
from pxeconform.diagnosis.transfers import TransferCase, diagnose_transfer
from pxeconform.registry.dhcp_options import Option
from pxeconform.registry.screen_codes import IPXE_EFI_CODES, IPXE_LATER_CODES, CauseCodes
from pxeconform.sessions.boots import Boot
from pxeconform.sessions.firmware import Firmware
from pxeconform.sessions.steps import settled

_DHCP_OF = "dhcp && dhcp.hw.mac_addr == {mac}"
_PORT_4011 = "udp.port == 4011 && ip.addr == {client}"

BOOT_RULES: tuple[Rule[BootCase], ...] = (
    Rule(
        "no-dhcp-offer",
        "fatal",
        symptoms.no_offer,
        "Check that a DHCP server with free addresses serves this network, that the relay forwards, and the VLAN.",
        _DHCP_OF,
    ),
    Rule(
        "proxy-only",
        "fatal",
        symptoms.proxy_only,
        "The proxy works; start the DHCP server that gives addresses, or free addresses in its pool.",
        _DHCP_OF,
    ),
    Rule(
        "malformed-reply",
        "fatal",
        symptoms.malformed,
        "Have the DHCP server mended: look at the transaction identifier, options 53 and 54 and the END of its offer.",
        _DHCP_OF,
    ),
    Rule(
        "no-boot-file",
        "fatal",
        symptoms.no_boot_file,
        "Give this architecture a boot file (file or option 67) and its server, or let a proxy serve it.",
        _DHCP_OF,
    ),
    Rule(
        "proxy-silent",
        "fatal",
        symptoms.proxy_silent,
        "Let a PXE service listen on port 4011 there and serve this architecture, or take option 60 out of the offer.",
        _PORT_4011,
    ),
    Rule(
        "boot-server-silent",
        "fatal",
        symptoms.boot_server_silent,
        "Start the boot server on {boot_server} port 4011 for that boot item, open its firewall, or correct tag 8.",
        _PORT_4011,
    ),
    Rule(
        "offers-ignored",
        "fatal",
        symptoms.offers_ignored,
        "Check that offers reach the client (broadcast flag, switch filters), and that it may accept these servers.",
        _DHCP_OF,
    ),
    Rule(
        "dhcp-nak",
        "fatal",
        symptoms.nak,
        "Look for a second, authoritative server or a lease of another subnet in the log of {server}.",
        _DHCP_OF,
    ),
    Rule(
        "dhcp-request-unanswered",
        "fatal",
        symptoms.request_unanswered,
        "Look into the log of {server}: REQUESTs reach it or not; check relay and firewall in both directions.",
        _DHCP_OF,
    ),
    Rule(
        "address-conflict",
        "fatal",
        symptoms.conflict,
        "Find the station that uses this address without a lease, and take the address out of the pool.",
        "arp && eth.addr == {mac}",
    ),
    Rule(
        "arp-unanswered",
        "fatal",
        symptoms.arp,
        "Check that this address is right and up, on this subnet, or that the router option names a live gateway.",
        "arp && eth.addr == {mac}",
    ),
    Rule(
        "http-error",
        "fatal",
        symptoms.http,
        "Ask for the same address with another HTTP client from that subnet, and read the web server's log.",
        "(http || tcp.flags.syn == 1 || tcp.flags.reset == 1) && ip.addr == {client}",
    ),
    Rule(
        "nbp-wrong-architecture",
        "fatal",
        symptoms.wrong_architecture,
        "Choose the boot file by option 93 in the DHCP configuration, one for each architecture.",
        "dhcp.option.client_system_architecture && dhcp.hw.mac_addr == {mac}",
    ),
    Rule(
        "chain-load-loop",
        "fatal",
        symptoms.loop,
        "Serve another file (a script) when option 77 says iPXE or option 175 is there, before the loader is offered.",
        "dhcp.option.user_class && dhcp.hw.mac_addr == {mac}",
    ),
    Rule(
        "nbp-not-started",
        "fatal",
        symptoms.not_started,
        "Look at the screen: a signature that Secure Boot does not accept, or an image that the firmware cannot load.",
        "eth.addr == {mac}",
    ),
    Rule(
        "credentials-missing",
        "fatal",
        symptoms.credentials,
        "Serve credentials for this boot item, or turn boot integrity services off in the client's setup.",
        _PORT_4011,
    ),
    Rule(
        "credentials-invalid",
        "fatal",
        symptoms.false_credentials,
        "Sign the boot file again, with the key whose certificate the client holds, and serve both together.",
        _PORT_4011,
    ),
    Rule(
        "arp-unanswered",
        "fatal",
        symptoms.not_requested,
        "Check that the next-server address and the router option are right, and capture beside the client to see.",
        "eth.addr == {mac}",
    ),
    Rule(
        "capture-incomplete",
        "warning",
        symptoms.incomplete,
        "Capture again, from before the client is switched on until it has stopped for a minute.",
        "eth.addr == {mac}",
    ),
    Rule(
        "conflicting-dhcp-servers",
        "warning",
        symptoms.several_dhcp,
        "Turn off the server that does not belong there: which one a client takes is chance.",
        _DHCP_OF,
    ),
    Rule(
        "conflicting-proxies",
        "warning",
        symptoms.several_proxies,
        "Leave one proxy on this network: which one a client asks is chance.",
        _DHCP_OF,
    ),
    Rule(
        "late-link",
        "warning",
        symptoms.late_link,
        "Let the switch port forward at once (portfast, edge port): its spanning tree blocks the first seconds.",
        _DHCP_OF,
    ),
)

_DEAF = 3
"""So many ERRORs for the same file, and the client asks once more: it hears none of them."""

_SEVERITY = {"fatal": 0, "warning": 1, "info": 2}


def diagnose_boot(case: BootCase) -> tuple[Diagnosis, ...]:
    """All causes that hold for a boot, the one to act on first."""
    boot = case.boot
    names = {
        "family": boot.family,
        "mac": boot.client_mac or "?",
        "client": boot.client_ip or "?",
        "server": boot.dhcp_server or "?",
        "proxy": boot.proxy_server or "?",
        "boot_server": boot.boot_server or "?",
    }
    found = diagnoses(BOOT_RULES, case, names) + _of_download(case)
    if boot.firmware is Firmware.EDK2 and (boot.vendor_class or "").startswith("HTTPClient"):
        # UEFI HTTP boot prints lines that begin with "Error:", and no numbers.
        found = [replace(diagnosis, codes=CauseCodes(None, None, None)) for diagnosis in found]
    if boot.firmware is Firmware.IPXE:
        found = [_as_shown(diagnosis, boot) for diagnosis in found]
    unique = {diagnosis.cause: diagnosis for diagnosis in reversed(found)}
    return tuple(sorted((d for d in found if unique[d.cause] is d), key=lambda d: _SEVERITY[d.severity]))


def _as_shown(diagnosis: Diagnosis, boot: Boot) -> Diagnosis:
    """With the code that this iPXE shows: later ones have other digits, and so has each under UEFI."""
    code = diagnosis.codes.ipxe or ""
    first = boot.evidence.attempt.first
    asked = first.message.get(Option.PARAMETER_REQUEST_LIST) or b"" if first is not None else b""
    # The iPXE of 2019 does not ask for time servers yet.
    code = IPXE_LATER_CODES.get(code, code) if Option.NTP_SERVERS in asked else code
    code = IPXE_EFI_CODES.get(code, code) if boot.arch else code
    return replace(diagnosis, codes=replace(diagnosis.codes, ipxe=code)) if code else diagnosis


def _of_download(case: BootCase) -> list[Diagnosis]:
    """A boot inherits what is wrong with the transfer that carried its boot file, or failed to."""
    found = case.boot.evidence
    transfer = found.download
    if transfer is None:
        return []
    outcome = settled(found, transfer)
    others = [each for each in found.downloads if each is not transfer and each.last_acked < 0]
    refused = [each for each in others if each.error is not None]
    again = tuple(each.request_frames[0] for each in others if each.error is None or len(refused) >= _DEAF)
    wanted = case.failed_at(STEP_DOWNLOAD)
    return [
        diagnosis
        for diagnosis in diagnose_transfer(TransferCase(transfer, outcome, again))
        if diagnosis.cause == "packet-loss" or (wanted and diagnosis.severity == "fatal")
    ]
