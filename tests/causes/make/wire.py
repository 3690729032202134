"""A switch with hosts: a bridge in a namespace of its own, and a namespace with a cable to it for each host.

tcpdump on the bridge sees what the senders sent: faults (nftables, family bridge, hook forward) come after it. A
capture at one port sees what that port carried.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.servers.netns import Namespace, Network, NotReady, Service

HERE = Path(__file__).resolve().parents[3]

BRIDGE = "switch0"
NETWORK, PREFIX = "10.77.0.0", 24
_PATIENCE = 10.0
_BEAT = 0.05


def port(host: str) -> str:
    """The name of a host's port on the switch, as rules name it."""
    return f"to-{host}"


class Wire(Network):
    """The switch, and the hosts that were plugged in. A context manager; all of it ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: dict[str, Namespace] = {}

    def _lay(self) -> None:
        owned = os.geteuid() != 0
        unshare = ["unshare", "--net", "--pid", "--fork", "--kill-child", *(["--user", "--map-root-user"] * owned)]
        self.switch = Namespace(self._hold(unshare), owned)
        self.server = self.client = self.switch
        self.ip("link", "set", "lo", "up")
        # No spanning tree and no learning delay, unless a scenario wants it: the first broadcast has to come through.
        self.ip(
            "link",
            "add",
            BRIDGE,
            "address",
            "02:00:00:77:ff:00",
            "type",
            "bridge",
            "forward_delay",
            "0",
            "mcast_snooping",
            "0",
        )
        self._quiet(self.switch)
        self.ip("link", "set", BRIDGE, "up")

    def plug(self, name: str, *addresses: str, gateway: str | None = None) -> Namespace:
        """A new host. Its addresses are with prefix length, as `10.77.0.1/24`."""
        number = len(self.hosts) + 1
        unshare = ["unshare", "--net", "--pid", "--fork", "--kill-child"]
        host = Namespace(self._hold(self.switch.network_command(*unshare)), self.switch.owned)
        self.hosts[name] = host
        far = ["peer", "name", "eth0", "address", f"02:00:00:77:00:{number:02x}", "netns", str(host.holder)]
        self.ip("link", "add", port(name), "type", "veth", *far)
        self._quiet(host)
        self.ip("link", "set", port(name), "master", BRIDGE)
        self.ip("link", "set", port(name), "up")
        for address in addresses:
            self.ip("address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []), host=host)
        # Checksums are worked out at once and not by a card that is not there: rules may alter packets.
        self._done(host, "ethtool", "-K", "eth0", "tx", "off")
        for link in ("lo", "eth0"):
            self.ip("link", "set", link, "up", host=host)
        if gateway is not None:
            self.ip("route", "add", "default", "via", gateway, host=host)
        self._until(lambda: "LOWER_UP" in self.ip("link", "show", "dev", "eth0", host=host), "a cable")
        return host

    def tap(self, name: str) -> str:
        """A port for a virtual machine that runs in the switch's namespace."""
        self.ip("tuntap", "add", "dev", port(name), "mode", "tap")
        self.ip("link", "set", port(name), "master", BRIDGE)
        self.ip("link", "set", port(name), "up")
        return port(name)

    def ip(self, *words: str, host: Namespace | None = None) -> str:
        """`ip` in a host, or else in the switch."""
        return self._done(host or self.switch, "ip", *words)

    def run(self, host: Namespace, *argv: str) -> str:
        """A command on a host, which has to succeed."""
        return self._done(host, *argv)

    def obey(self, rules: str) -> None:
        """Rules for what the switch forwards, one a line (nftables)."""
        path = self.folder / "rules.nft"
        lines = "\n".join(f"  {line.strip()}" for line in rules.strip().splitlines())
        path.write_text(
            f"table bridge faults {{\n chain wire {{\n  type filter hook forward priority 0;\n{lines}\n }}\n}}\n"
        )
        self._done(self.switch, "nft", "-f", path)

    @contextlib.contextmanager
    def recorded(self, link: str, to: Path, filters: str, *, snap: int = 0, count: int = 0) -> Iterator[None]:
        """tcpdump at a port or the bridge, from its first packet to its last."""
        argv: list[str | Path] = [
            "tcpdump",
            "-i",
            link,
            "-n",
            "-U",
            "--immediate-mode",
            "-B",
            "16384",
            "-Z",
            "root",
            "-s",
            str(snap),
            "-w",
            to,
        ]
        argv += ["-c", str(count)] * (count > 0)
        service = Service(self.switch, [*argv, filters], ports=(), log=to.with_suffix(".tcpdump.txt"))
        stack = contextlib.ExitStack()
        stack.enter_context(service)
        try:
            self._until(lambda: "listening on" in service.said(), "tcpdump")
            yield
            # What is on its way through the kernel still has to be written down.
            time.sleep(0.3)
        finally:
            # With a count it has ended by itself, which is no mishap here.
            with contextlib.suppress(*([NotReady] if count else [])):
                stack.close()
        assert " 0 packets dropped by kernel" in " ".join(service.said().split()), "tcpdump was too slow"

    def _quiet(self, host: Namespace) -> None:
        """No IPv6 but where a host asks for it: router solicitations are not part of any story here."""
        with contextlib.suppress(AssertionError):
            self._done(host, "sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad")

    def _done(self, host: Namespace, *argv: str | Path) -> str:
        # Only the network's namespace: a cable is laid to a process id as it is outside.
        inside = host.network_command(*argv)
        done = subprocess.run(inside, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        assert done.returncode == 0, f"{' '.join(map(str, argv))}: {done.stderr}"
        return done.stdout

    def _until(self, ready: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + _PATIENCE
        while not ready():
            assert time.monotonic() < end, f"{what} is not ready"
            time.sleep(_BEAT)


def command_line(argv: Sequence[str | Path], folder: Path) -> str:
    """A command as the truth file tells it: the run's folder is `RUN`, this repository `HERE`."""
    text = " ".join(map(str, argv)).replace(str(folder), "RUN")
    return text.replace(sys.executable, "python").replace(str(HERE), "HERE")


def run_text(argv: Sequence[str | Path]) -> str:
    """What a command outside prints."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr).strip()
