"""Two private network namespaces with a cable between them: a server lives in one, pxeconform in the other.

Each is held by a process that waits for the end of its standard input, so it is gone when the test process is, however
that ended. The holder is also the first process of a process namespace: when it ends, the kernel ends all that runs
inside, even a server that has made itself a daemon. Namespaces have no names and no files, and nothing of the machine's
own network is touched. An ordinary user gets them inside a user namespace of his own, where he may use any port.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

SERVER_ADDRESS, CLIENT_ADDRESS = "10.77.0.1", "10.77.0.2"
NETWORK = "10.77.0.0"
_PREFIX = 24
_SERVER_LINK, _CLIENT_LINK = "pxeserver0", "pxeclient0"
_PATIENCE = 10.0
"""Seconds for anything that takes milliseconds on a machine that is not overloaded."""
_BEAT = 0.02

# Tells the process id, as it is outside (/proc is mounted there), and becomes the command. What the command then says
# goes where its errors go.
_TELLING = ("sh", "-c", 'read pid rest </proc/self/stat && echo $pid && exec "$@" >&2', "sh")


class Unavailable(Exception):
    """This machine gives no namespaces to this user; one sentence."""


class NotReady(Exception):
    """A server did not come up; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network and process namespace, held by a process of that id."""

    holder: int
    owned: bool
    """It belongs to a user namespace, which has to be entered first."""

    def command(self, *argv: str | Path) -> list[str]:
        """The same command, inside. Its parent is `nsenter`, which ends with the command's status."""
        return self._enter("--net", "--pid", "--", *argv)

    def network_command(self, *argv: str | Path) -> list[str]:
        """The same command, inside the network alone: process ids mean what they mean outside."""
        return self._enter("--net", "--", *argv)

    def _enter(self, *rest: str | Path) -> list[str]:
        user = ("--user", "--preserve-credentials") if self.owned else ()
        return [_tool("nsenter"), f"--target={self.holder}", *user, *map(str, rest)]

    def udp_ports(self) -> frozenset[int]:
        """The UDP ports on which something listens inside (proc(5), /proc/PID/net/udp)."""
        table = Path(f"/proc/{self.holder}/net/udp").read_text(encoding="ascii").splitlines()[1:]
        return frozenset(int(line.split()[1].split(":")[1], 16) for line in table)


class Network:
    """Both namespaces. A context manager; raises `Unavailable` when they cannot be had."""

    server: Namespace
    client: Namespace

    def __enter__(self) -> Self:
        self._cleanup = contextlib.ExitStack()
        try:
            self._lay()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _lay(self) -> None:
        owned = os.geteuid() != 0
        unshare = [_tool("unshare"), "--net", "--pid", "--fork", "--kill-child"]
        self.server = Namespace(self._hold([*unshare, *(["--user", "--map-root-user"] if owned else [])]), owned)
        # The second one is made from inside the first one's user namespace: a cable joins only what one user owns.
        self.client = Namespace(self._hold(self.server.network_command(*unshare)), owned)
        ip = _tool("ip")
        far_end = ["peer", "name", _CLIENT_LINK, "netns", str(self.client.holder)]
        _call(*self.server.network_command(ip, "link", "add", _SERVER_LINK, "type", "veth", *far_end))
        for namespace, link, address in (
            (self.server, _SERVER_LINK, SERVER_ADDRESS),
            (self.client, _CLIENT_LINK, CLIENT_ADDRESS),
        ):
            _call(*namespace.network_command(ip, "address", "add", f"{address}/{_PREFIX}", "dev", link))
            for name in ("lo", link):
                _call(*namespace.network_command(ip, "link", "set", name, "up"))
        for namespace, link in ((self.server, _SERVER_LINK), (self.client, _CLIENT_LINK)):
            _wait_for_carrier(namespace, ip, link)

    def _hold(self, prefix: Sequence[str]) -> int:
        argv = [*prefix, "--", *_TELLING, "cat"]
        holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._cleanup.callback(_release, holder)
        pid = _told(holder)
        if pid is None:
            assert holder.stderr is not None
            said = holder.stderr.read().decode(errors="replace").strip() or "no reason was given"
            raise Unavailable(f"no network namespace can be made here: {said}")
        return pid


class Service:
    """A server process in a namespace, from when it listens on its ports until it has ended.

    What it prints goes to `log`. A server that forks keeps its children in its process group, which ends as a whole.
    """

    def __init__(
        self,
        namespace: Namespace,
        argv: Sequence[str | Path],
        *,
        ports: Sequence[int],
        log: Path,
        folder: Path | None = None,
    ) -> None:
        self._namespace, self._argv, self._ports, self._log = namespace, argv, frozenset(ports), log
        self._folder = folder

    def __enter__(self) -> Self:
        argv = self._namespace.command(*_TELLING, _tool(str(self._argv[0])), *self._argv[1:])
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                argv,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._pid = _told(self._process)
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        died = self._process.poll()
        self._end()
        if died is not None and error is None:
            raise NotReady(f"{self._argv[0]} ended by itself (status {died}): {self.said()}")

    def said(self) -> str:
        """What the server has printed so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def _wait(self) -> None:
        end = time.monotonic() + _PATIENCE
        while not self._ports <= self._namespace.udp_ports():
            if (status := self._process.poll()) is not None:
                raise NotReady(f"{self._argv[0]} ended at once (status {status}): {self.said()}")
            if time.monotonic() > end:
                raise NotReady(f"{self._argv[0]} does not listen on {sorted(self._ports)}: {self.said()}")
            time.sleep(_BEAT)

    def _end(self) -> None:
        # nsenter ends after the server, with its status; what the server forked may still wait for a client.
        if self._pid is not None and self._process.poll() is None:
            os.kill(self._pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


def call(
    namespace: Namespace, *argv: str | Path, timeout: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command inside to its end."""
    return subprocess.run(
        namespace.command(*argv),
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextlib.contextmanager
def network_or_reason() -> Iterator[Network | str]:
    """The network, or the sentence why an ordinary user cannot have it here. For root that is an error."""
    with contextlib.ExitStack() as stack:
        try:
            network = stack.enter_context(Network())
        except Unavailable as reason:
            if os.geteuid() == 0:
                raise
            yield str(reason)
            return
        yield network


def _told(process: subprocess.Popen[bytes]) -> int | None:
    """The id that a process of `_TELLING` has outside, `None` if it never began."""
    assert process.stdout is not None
    line = process.stdout.readline()
    return int(line) if line.strip() else None


def _release(holder: subprocess.Popen[bytes]) -> None:
    assert holder.stdin is not None
    holder.stdin.close()
    try:
        holder.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        holder.kill()
        holder.wait()
    for stream in (holder.stdout, holder.stderr):
        if stream is not None:
            stream.close()


def _wait_for_carrier(namespace: Namespace, ip: str, link: str) -> None:
    """What is sent before the kernel has noticed the far end is lost without a word."""
    end = time.monotonic() + _PATIENCE
    while " UP " not in _call(*namespace.network_command(ip, "-brief", "link", "show", "dev", link)):
        if time.monotonic() > end:
            raise Unavailable(f"{link} does not come up")
        time.sleep(_BEAT)


def _call(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise Unavailable(f"no cable can be laid between two network namespaces: {done.stderr.strip()}")
    return done.stdout


def _tool(name: str) -> str:
    """The path of a program; servers live in /usr/sbin, which is not on every user's path."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; `make test` says which packages are needed")
    return found
