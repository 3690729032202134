"""Who has which address (RFC 2131 sections 3.1 and 4.3): bounded by the pool, kept in memory."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pxeconform.protocol.dhcp import Message
from pxeconform.registry.dhcp_options import Option
from pxeconform.server.config import Pool

Key = tuple[str, bytes]
"""What a lease belongs to: the client identifier if the client sent one, else its hardware address."""

OFFER_SECONDS = 30.0
"""How long an offered address is kept for the client to ask for it."""

DECLINE_SECONDS = 3600.0
"""How long an address rests that a client found in use."""


class LeaseState(Enum):
    """What became of an address."""

    OFFERED = "offered"
    BOUND = "bound"
    RELEASED = "released"


@dataclass(slots=True)
class Lease:
    """One address and its client; `expires` is on the core's clock, infinite for BOOTP."""

    address: str
    key: Key
    state: LeaseState
    expires: float

    def holds(self, now: float) -> bool:
        """The address may not be given to anybody else."""
        return self.state is not LeaseState.RELEASED and now < self.expires


def key_of(request: Message) -> Key:
    """RFC 2131 section 4.2: option 61 if it is there, else `chaddr` with its hardware type."""
    identifier = request.get(Option.CLIENT_IDENTIFIER)
    if identifier:
        return "client identifier", identifier
    return "hardware address", bytes((request.htype,)) + request.hardware_address


class LeaseTable:
    """At most one record for each address of the pool; old records stay until their address is needed."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._by_address: dict[str, Lease] = {}
        self._by_key: dict[Key, Lease] = {}
        self._declined: dict[str, float] = {}
        self._next = 0

    def of(self, key: Key) -> Lease | None:
        """The client's record, whatever its state."""
        return self._by_key.get(key)

    def holder(self, address: str, now: float) -> Key | None:
        """Who holds the address now."""
        lease = self._by_address.get(address)
        return lease.key if lease is not None and lease.holds(now) else None

    def is_free_for(self, address: str, key: Key, now: float) -> bool:
        """The address is in the pool, not declined, and nobody else holds it."""
        return (
            self._in_pool(address)
            and now >= self._declined.get(address, now)
            and self.holder(address, now) in (None, key)
        )

    def choose(self, key: Key, wanted: str | None, now: float) -> str | None:
        """RFC 2131 section 4.3.1: the current or previous address, the one asked for, a fresh one, the stalest one."""
        lease = self.of(key)
        for address in (lease.address if lease is not None else None, wanted):
            if address is not None and self.is_free_for(address, key, now):
                return address
        for address in self._fresh_addresses():
            if self.is_free_for(address, key, now):
                return address
        stale = [entry for entry in self._by_address.values() if self.is_free_for(entry.address, key, now)]
        return min(stale, key=lambda entry: entry.expires).address if stale else None

    def put(self, address: str, key: Key, state: LeaseState, expires: float) -> Lease:
        """Record it; the client's former record and the address's former one go."""
        for old in (self._by_key.pop(key, None), self._by_address.pop(address, None)):
            if old is not None:
                self._by_address.pop(old.address, None)
                self._by_key.pop(old.key, None)
        lease = Lease(address, key, state, expires)
        self._by_address[address] = self._by_key[key] = lease
        return lease

    def release(self, key: Key, address: str, now: float) -> bool:
        """The client gives its address back; the record stays, so that it may have it again."""
        lease = self.of(key)
        if lease is None or lease.address != address:
            return False
        lease.state, lease.expires = LeaseState.RELEASED, now
        return True

    def decline(self, key: Key, address: str, now: float) -> bool:
        """The client found its address in use: nobody gets it for a while."""
        lease = self.of(key)
        if lease is None or lease.address != address:
            return False
        del self._by_key[key], self._by_address[address]
        self._declined[address] = now + DECLINE_SECONDS
        return True

    def withdraw_offer(self, key: Key, now: float) -> None:
        """The client took another server's offer."""
        lease = self.of(key)
        if lease is not None and lease.state is LeaseState.OFFERED:
            lease.state, lease.expires = LeaseState.RELEASED, now

    def _in_pool(self, address: str) -> bool:
        first, last = ipaddress.IPv4Address(self.pool.first), ipaddress.IPv4Address(self.pool.last)
        return first <= ipaddress.IPv4Address(address) <= last

    def _fresh_addresses(self) -> Iterator[str]:
        """Addresses without a record, beginning where the last search ended."""
        first, last = int(ipaddress.IPv4Address(self.pool.first)), int(ipaddress.IPv4Address(self.pool.last))
        size = last - first + 1
        for number in range(self._next, self._next + size) if len(self._by_address) < size else ():
            address = str(ipaddress.IPv4Address(first + number % size))
            if address not in self._by_address:
                self._next = number % size
                yield address
