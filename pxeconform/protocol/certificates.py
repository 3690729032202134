"""Certificates and keys behind boot credentials: the 32-bit certificate identifier, profiles, signers.

Option 43 tag 12 (CREDENTIAL_TYPES) carries nothing but certificate identifiers. An identifier is made of the first four
octets of the certificate's SHA-1, or is 41 or 42 for "any signer of this algorithm" where no certificate is installed.

Certificates are written with our own DER encoder, because the ``cryptography`` package (tried with 50.0.2, OpenSSL
4.0.3) refuses to sign certificates and PKCS#7 blocks with SHA-1 or MD5. Its raw operations still serve all that boot
credentials need: DSA-1024 keys are generated, sign and verify with SHA-1; RSA-512 keys load, sign and verify with MD5.
The one refusal left is to *generate* RSA keys below 1024 bits, so an RSA-512 signer comes from a PEM file
(``openssl genrsa 512``). Profiles of SHA-1 and MD5 protect nobody today: they exist because the platforms that check
boot credentials know no other.

Sources: Extensible Firmware Interface 1.10, section 15.5 (BIS_CERT_ID, BIS_ALG_ID); PXE 2.1, table 2-1, note 5;
RFC 5280 section 4.1; RFC 3279 sections 2.2 and 2.3 (algorithm identifiers).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from pxeconform.protocol import der

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

CERTIFICATE_ID_MASK: Final = 0xFF7F7FFF
"""Bits that a certificate identifier may have."""
ANY_DSA: Final = 41
"""Identifier of a platform without certificate that verifies DSA with SHA-1 (CSSM_ALGID_DSA)."""
ANY_RSA_MD5: Final = 42
"""Identifier of a platform without certificate that verifies RSA with MD5 (CSSM_ALGID_MD5_WITH_RSA)."""
MAX_CREDENTIAL_TYPES: Final = 63
"""Identifiers that fit into one option 43 tag."""

OID_DSA: Final = "1.2.840.10040.4.1"
OID_DSA_SHA1: Final = "1.2.840.10040.4.3"
OID_RSA: Final = "1.2.840.113549.1.1.1"
OID_RSA_MD5: Final = "1.2.840.113549.1.1.4"
OID_RSA_SHA256: Final = "1.2.840.113549.1.1.11"
_OID_COMMON_NAME: Final = "2.5.4.3"

# Sizes beyond these belong to nobody's firmware and only cost time.
MAX_RSA_BITS: Final = 8192
MAX_DSA_BITS: Final = 4096
_MAX_EXPONENT_BITS: Final = 33

# A boot platform has no clock that it could trust, so the dates only have to please other readers.
_NOT_BEFORE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_NOT_AFTER: Final = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
_PEM_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest algorithm: its word in manifests, its name in hashlib, its object identifier in PKCS#7."""

    word: str
    hashlib_name: str
    oid: str

    def of(self, data: bytes) -> bytes:
        """Return the digest of ``data``."""
        return hashlib.new(self.hashlib_name, data, usedforsecurity=False).digest()

    def for_cryptography(self) -> hashes.HashAlgorithm:
        """Return the object that the ``cryptography`` package wants for this algorithm."""
        from cryptography.hazmat.primitives import hashes

        algorithms: dict[str, hashes.HashAlgorithm] = {
            "sha1": hashes.SHA1(),
            "md5": hashes.MD5(),
            "sha256": hashes.SHA256(),
        }
        return algorithms[self.hashlib_name]


SHA1: Final = Digest("SHA-1", "sha1", "1.3.14.3.2.26")
MD5: Final = Digest("MD5", "md5", "1.2.840.113549.2.5")
SHA256: Final = Digest("SHA-256", "sha256", "2.16.840.1.101.3.4.2.1")
DIGESTS: Final = (SHA1, MD5, SHA256)

KeyKind = Literal["dsa", "rsa"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A combination of key and digest that a signer may use.

    ``algorithm_id`` is the predefined identifier (41, 42), None where Boot Integrity Services never assigned one.
    ``private_extension`` marks a profile that no platform is known to accept.
    """

    name: str
    kind: KeyKind
    key_bits: int
    digest: Digest
    suffix: str
    algorithm_id: int | None
    block_signature_oid: str
    certificate_signature_oid: str
    private_extension: bool = False


DSA_1024_SHA1: Final = Profile("dsa-1024-sha1", "dsa", 1024, SHA1, "DSA", ANY_DSA, OID_DSA_SHA1, OID_DSA_SHA1)
RSA_512_MD5: Final = Profile("rsa-512-md5", "rsa", 512, MD5, "RSA", ANY_RSA_MD5, OID_RSA, OID_RSA_MD5)
RSA_2048_SHA256: Final = Profile(
    "rsa-2048-sha256", "rsa", 2048, SHA256, "RSA", None, OID_RSA, OID_RSA_SHA256, private_extension=True
)
PROFILES: Final = MappingProxyType({profile.name: profile for profile in (DSA_1024_SHA1, RSA_512_MD5, RSA_2048_SHA256)})


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key by value: ``numbers`` are (n, e) of RSA, (p, q, g, y) of DSA.

    For any other algorithm ``kind`` is None, ``numbers`` is empty and only ``raw``, the SubjectPublicKeyInfo, tells
    keys apart.
    """

    kind: KeyKind | None
    numbers: tuple[int, ...]
    raw: bytes = field(repr=False)

    @property
    def bits(self) -> int:
        """Length of modulus or prime; 0 for an unknown algorithm."""
        return self.numbers[0].bit_length() if self.numbers else 0

    def equals(self, other: PublicKey) -> bool:
        """Tell whether both are the same key, domain parameters included, however they are encoded."""
        if self.kind is None or other.kind is None:
            return self.raw == other.raw
        return (self.kind, self.numbers) == (other.kind, other.numbers)

    def verify(self, signature: bytes, data: bytes, digest: Digest) -> bool | None:
        """Tell whether ``signature`` over ``data`` is this key's; None if the key is of no kind or size we can use."""
        limit = {"rsa": MAX_RSA_BITS, "dsa": MAX_DSA_BITS}.get(self.kind or "", 0)
        if max((number.bit_length() for number in self.numbers), default=limit + 1) > limit:
            return None
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import dsa, padding, rsa

        algorithm = digest.for_cryptography()
        # A hostile key makes OpenSSL fail in ways that cryptography passes on under many names; all mean that this
        # is no usable key.
        try:
            if self.kind == "rsa":
                modulus, exponent = self.numbers
                if exponent.bit_length() > _MAX_EXPONENT_BITS:
                    return None
                rsa_key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
                rsa_key.verify(signature, data, padding.PKCS1v15(), algorithm)
            else:
                p, q, g, y = self.numbers
                dsa_key = dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key()
                dsa_key.verify(signature, data, algorithm)
        except InvalidSignature:
            return False
        except Exception:
            return None
        return True


@dataclass(frozen=True, slots=True)
class Certificate:
    """What Boot Integrity Services look at in an X.509 certificate; ``issuer`` is the encoded Name."""

    der: bytes = field(repr=False)
    serial: int
    issuer: bytes
    public_key: PublicKey


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its certificate, fit for one profile."""

    profile: Profile
    private_key: DSAPrivateKey | RSAPrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)

    @property
    def certificate_id(self) -> int:
        """Identifier of the signer's certificate."""
        return certificate_id(self.certificate)

    def sign(self, data: bytes) -> bytes:
        """Return the signature over ``data``: DER of (r, s) for DSA, PKCS#1 1.5 for RSA."""
        return _sign(self.private_key, data, self.profile.digest)

    def private_key_pem(self) -> bytes:
        """Return the private key as unencrypted PKCS#8 PEM."""
        from cryptography.hazmat.primitives import serialization

        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @classmethod
    def from_pem(cls, private_key: bytes, certificate: bytes | None = None) -> Signer:
        """Return the signer of an unencrypted PEM key and its certificate (PEM or DER).

        Without a certificate a self-signed one is made, always the same for the same RSA key. Raises ValueError if
        the key is of no profile or the certificate holds another key.
        """
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import dsa, rsa

        key = serialization.load_pem_private_key(private_key, None)
        if not isinstance(key, dsa.DSAPrivateKey | rsa.RSAPrivateKey):
            raise ValueError("neither a DSA nor an RSA key")
        kind = "dsa" if isinstance(key, dsa.DSAPrivateKey) else "rsa"
        for profile in PROFILES.values():
            if (profile.kind, profile.key_bits) == (kind, key.key_size):
                break
        else:
            raise ValueError(f"no profile signs with a {kind.upper()} key of {key.key_size} bits")
        if certificate is None:
            serial = int.from_bytes(hashlib.sha256(_public_key_info(key)).digest()[:8], "big") >> 1
            return cls(profile, key, self_signed(profile, key, serial))
        encoded = certificate_der(certificate)
        if not parse_certificate(encoded).public_key.equals(_parse_public_key(der.decode(_public_key_info(key)))):
            raise ValueError("the certificate holds another key")
        return cls(profile, key, encoded)


def certificate_id(der_bytes: bytes) -> int:
    """Return the identifier (BIS_CERT_ID) of a certificate, given as it is installed (DER).

    The first four octets of its SHA-1 are read with the least significant first; two bits are reserved as zero.
    SHA-1 is used whatever the certificate is signed with.
    """
    return int.from_bytes(SHA1.of(der_bytes)[:4], "little") & CERTIFICATE_ID_MASK


def encode_credential_types(ids: Iterable[int]) -> bytes:
    """Return the value of option 43 tag 12: four octets in network order for each identifier.

    Identifiers with reserved bits are written too, since tests ask for them. Raises ValueError for none at all, more
    than :data:`MAX_CREDENTIAL_TYPES`, or one that does not fit 32 bits.
    """
    listed = tuple(ids)
    if not 1 <= len(listed) <= MAX_CREDENTIAL_TYPES:
        raise ValueError(f"{len(listed)} credential types, 1 to {MAX_CREDENTIAL_TYPES} fit")
    if any(not 0 <= identifier < 1 << 32 for identifier in listed):
        raise ValueError("a credential type has 32 bits")
    return b"".join(identifier.to_bytes(4, "big") for identifier in listed)


def decode_credential_types(value: bytes) -> tuple[int, ...] | None:
    """Return the identifiers in the value of option 43 tag 12; None unless it is 1 to 63 times four octets."""
    if not value or len(value) % 4 or len(value) > 4 * MAX_CREDENTIAL_TYPES:
        return None
    return tuple(int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4))


def certificate_der(data: bytes) -> bytes:
    """Return the DER of a certificate given as DER or PEM; raise ValueError if it is neither."""
    match = _PEM_CERTIFICATE.search(data)
    try:
        encoded = base64.b64decode(b"".join(match[1].split()), validate=True) if match else data
        return parse_certificate(encoded).der
    except (binascii.Error, der.DerError) as error:
        raise ValueError(f"no certificate: {error}") from None


def parse_certificate(data: bytes) -> Certificate:
    """Return the parts of an X.509 certificate that matter; raise :class:`~pxeconform.protocol.der.DerError`."""
    to_be_signed, *_ = der.decode(data).sequence(3)
    fields = to_be_signed.sequence(6)
    if fields[0].tag == der.context_tag(0):
        fields = fields[1:]
    if len(fields) < 6:
        raise der.DerError("certificate lacks fields")
    serial, _, issuer, _, _, key = fields[:6]
    return Certificate(data, serial.integer(), issuer.expect(der.SEQUENCE).raw, _parse_public_key(key))


def _parse_public_key(info: der.Element) -> PublicKey:
    """Return the key of a SubjectPublicKeyInfo."""
    algorithm, bits = info.sequence(2)[:2]
    identifier, *parameters = algorithm.sequence(1)
    octets = bits.bit_string()
    if identifier.oid() == OID_RSA:
        modulus, exponent = der.decode(octets).sequence(2)[:2]
        return PublicKey("rsa", (_positive(modulus), _positive(exponent)), info.raw)
    if identifier.oid() == OID_DSA:
        if not parameters:
            raise der.DerError("DSA key without its domain parameters")
        p, q, g = parameters[0].sequence(3)[:3]
        return PublicKey("dsa", (*(_positive(number) for number in (p, q, g)), _positive(der.decode(octets))), info.raw)
    return PublicKey(None, (), info.raw)


def _positive(element: der.Element) -> int:
    """Return a positive INTEGER."""
    value = element.integer()
    if value <= 0:
        raise der.DerError("a number of the key is not positive")
    return value


def new_signer(profile: Profile, name: str = "pxeconform") -> Signer:
    """Return a signer with a fresh key and a self-signed certificate.

    Raises ValueError for RSA-512, which has to come from a file (see the module's docstring).
    """
    from cryptography.hazmat.primitives.asymmetric import dsa, rsa

    key: DSAPrivateKey | RSAPrivateKey
    if profile.kind == "dsa":
        key = dsa.generate_private_key(profile.key_bits)
    elif profile.key_bits >= 1024:
        key = rsa.generate_private_key(65537, profile.key_bits)
    else:
        raise ValueError(f"RSA keys of {profile.key_bits} bits cannot be generated here: use Signer.from_pem")
    while True:
        certificate = self_signed(profile, key, secrets.randbelow(1 << 63) + 1, name)
        # Whoever makes certificates has to avoid the predefined identifiers (EFI 1.10, BIS_CERT_ID).
        if certificate_id(certificate) not in (ANY_DSA, ANY_RSA_MD5):
            return Signer(profile, key, certificate)


def self_signed(
    profile: Profile,
    key: DSAPrivateKey | RSAPrivateKey,
    serial: int,
    name: str = "pxeconform",
) -> bytes:
    """Return a self-signed X.509 certificate (version 1, no extensions) as DER.

    Boot Integrity Services take nothing but the public key from it; subject, issuer and dates are decoration.
    """
    signature_algorithm = algorithm_identifier(profile.certificate_signature_oid)
    common_name = der.encode_sequence(der.encode_oid(_OID_COMMON_NAME), der.encode(der.UTF8_STRING, name.encode()))
    subject = der.encode_sequence(der.encode_set(common_name))
    to_be_signed = der.encode_sequence(
        der.encode_integer(serial),
        signature_algorithm,
        subject,
        der.encode_sequence(der.encode_utc_time(_NOT_BEFORE), der.encode_utc_time(_NOT_AFTER)),
        subject,
        _public_key_info(key),
    )
    signature = _sign(key, to_be_signed, profile.digest)
    return der.encode_sequence(to_be_signed, signature_algorithm, der.encode_bit_string(signature))


def algorithm_identifier(oid: str) -> bytes:
    """Return an AlgorithmIdentifier: NULL parameters, but none at all for DSA (RFC 3279, section 2.2.2)."""
    if oid in (OID_DSA, OID_DSA_SHA1):
        return der.encode_sequence(der.encode_oid(oid))
    return der.encode_sequence(der.encode_oid(oid), der.encode_null())


def _public_key_info(key: DSAPrivateKey | RSAPrivateKey) -> bytes:
    """Return the SubjectPublicKeyInfo of a private key."""
    from cryptography.hazmat.primitives import serialization

    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _sign(key: DSAPrivateKey | RSAPrivateKey, data: bytes, digest: Digest) -> bytes:
    """Return a signature by either kind of key."""
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest.for_cryptography())
    return key.sign(data, digest.for_cryptography())
