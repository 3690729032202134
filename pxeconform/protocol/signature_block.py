"""The signature block (.DSA, .RSA) of boot credentials: PKCS#7 SignedData by one signer, content left out.

The block covers exactly the octets of the signer's information (.SF). That the content stays outside is the custom of
JAR files; the specification of Boot Integrity Services leaves it open, so the reader takes embedded content too.

Source: RFC 2315 (PKCS#7 1.5), section 9; Extensible Firmware Interface 1.10, section 15.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pxeconform.protocol import der
from pxeconform.protocol.certificates import (
    DIGESTS,
    MD5,
    OID_DSA,
    OID_DSA_SHA1,
    OID_RSA,
    OID_RSA_MD5,
    OID_RSA_SHA256,
    SHA1,
    SHA256,
    Certificate,
    Digest,
    KeyKind,
    Signer,
    algorithm_identifier,
    parse_certificate,
)

OID_DATA: Final = "1.2.840.113549.1.7.1"
OID_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
OID_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
OID_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"

_DIGEST_BY_OID: Final = MappingProxyType({digest.oid: digest for digest in DIGESTS})
# Kind of key, and the digest if the identifier fixes it. The two of OIW (1.3.14.3.2) are of the nineties.
_SIGNATURE_ALGORITHMS: Final[MappingProxyType[str, tuple[KeyKind, Digest | None]]] = MappingProxyType(
    {
        OID_DSA: ("dsa", None),
        OID_DSA_SHA1: ("dsa", SHA1),
        "1.3.14.3.2.12": ("dsa", None),
        "1.3.14.3.2.27": ("dsa", SHA1),
        OID_RSA: ("rsa", None),
        OID_RSA_MD5: ("rsa", MD5),
        "1.2.840.113549.1.1.5": ("rsa", SHA1),
        OID_RSA_SHA256: ("rsa", SHA256),
    }
)


@dataclass(frozen=True, slots=True)
class SignatureBlock:
    """A parsed block.

    ``digest`` is None if its algorithm is unknown. ``authenticated`` is the encoding that is signed instead of the
    content (its attributes with the tag of a SET OF), None without such attributes. ``content`` is None if it is left
    out. ``certificate`` is None if no certificate in the block matches the signer's issuer and serial number;
    ``certificate_fault`` then says why.
    """

    certificate: Certificate | None
    certificate_fault: str
    digest: Digest | None
    signature_oid: str
    signature: bytes = field(repr=False)
    content: bytes | None = field(repr=False)
    authenticated: bytes | None = field(repr=False)

    def verify(self, signed: bytes) -> tuple[bool | None, str]:
        """Return whether the signer's key signed ``signed`` (the octets of the .SF), and why not.

        None stands for a signature that cannot be judged: no certificate, or an algorithm unknown here.
        """
        if self.certificate is None:
            return None, "the signer's certificate is missing"
        if self.content is not None and self.content != signed:
            return False, "the content inside of the block is not the signer's information"
        kind, implied = _SIGNATURE_ALGORITHMS.get(self.signature_oid, (None, None))
        if self.digest is None or kind is None:
            return None, "an algorithm of the signature is unknown"
        key = self.certificate.public_key
        if key.kind != kind or implied not in (None, self.digest):
            return False, "key, digest and signature algorithm do not belong together"
        if self.authenticated is not None:
            fault = _check_attributes(self.authenticated, self.digest.of(signed))
            if fault:
                return False, fault
            signed = self.authenticated
        valid = key.verify(self.signature, signed, self.digest)
        if valid is None:
            return None, f"a {kind.upper()} key of {key.bits} bits cannot be used for verification"
        return valid, "" if valid else "the signature is not the signer's over these octets"


def build_signature_block(signed: bytes, signer: Signer) -> bytes:
    """Return the DER of a block by ``signer`` over ``signed``, without content and without attributes."""
    certificate = parse_certificate(signer.certificate)
    profile = signer.profile
    digest_algorithm = algorithm_identifier(profile.digest.oid)
    signer_info = der.encode_sequence(
        der.encode_integer(1),
        der.encode_sequence(certificate.issuer, der.encode_integer(certificate.serial)),
        digest_algorithm,
        algorithm_identifier(profile.block_signature_oid),
        der.encode_octet_string(signer.sign(signed)),
    )
    signed_data = der.encode_sequence(
        der.encode_integer(1),
        der.encode_set(digest_algorithm),
        der.encode_sequence(der.encode_oid(OID_DATA)),
        der.encode_context(0, signer.certificate),
        der.encode_set(signer_info),
    )
    return der.encode_sequence(der.encode_oid(OID_SIGNED_DATA), der.encode_context(0, signed_data))


def parse_signature_block(data: bytes) -> SignatureBlock:
    """Return the parts of a block; raise :class:`~pxeconform.protocol.der.DerError` if it is no block of one signer."""
    kind, wrapped = _pair(der.decode(data))
    if kind.oid() != OID_SIGNED_DATA:
        raise der.DerError("not signed data")
    version, _, content_info, *rest = _only(wrapped, der.context_tag(0)).sequence(4)
    if version.integer() != 1:
        raise der.DerError("signed data of another version than 1")
    certificates: tuple[der.Element, ...] = ()
    for element in rest[:-1]:
        if element.tag == der.context_tag(0):
            certificates = element.children()
        elif element.tag != der.context_tag(1):  # revocation lists, which nobody here reads
            raise der.DerError(f"tag 0x{element.tag:02x} in signed data")
    signers = rest[-1].expect(der.SET).children()
    if len(signers) != 1:
        raise der.DerError(f"{len(signers)} signers, must be one")
    version, identity, digest_algorithm, *rest = signers[0].sequence(5)
    if version.integer() != 1:
        raise der.DerError("signer's information of another version than 1")
    authenticated: bytes | None = None
    if rest[0].tag == der.context_tag(0):
        authenticated = der.encode(der.SET, rest[0].content)
        rest = rest[1:]
    if len(rest) < 2:
        raise der.DerError("signer's information lacks its signature")
    certificate, fault = _matching(certificates, identity)
    return SignatureBlock(
        certificate=certificate,
        certificate_fault=fault,
        digest=_DIGEST_BY_OID.get(digest_algorithm.sequence(1)[0].oid()),
        signature_oid=rest[0].sequence(1)[0].oid(),
        signature=rest[1].octet_string(),
        content=_content(content_info),
        authenticated=authenticated,
    )


def _pair(element: der.Element) -> tuple[der.Element, der.Element]:
    """Return both elements of a SEQUENCE of two."""
    elements = element.sequence(2)
    if len(elements) != 2:
        raise der.DerError(f"{len(elements)} elements where two belong")
    return elements[0], elements[1]


def _only(element: der.Element, tag: int) -> der.Element:
    """Return the one element within another of identifier octet ``tag``."""
    elements = element.expect(tag).children()
    if len(elements) != 1:
        raise der.DerError(f"{len(elements)} elements where one belongs")
    return elements[0]


def _content(content_info: der.Element) -> bytes | None:
    """Return the content that lies within the block, None if it is left out."""
    kind, *wrapped = content_info.sequence(1)
    if kind.oid() != OID_DATA:
        raise der.DerError("the content is not plain data")
    return _only(wrapped[0], der.context_tag(0)).octet_string() if wrapped else None


def _matching(elements: tuple[der.Element, ...], identity: der.Element) -> tuple[Certificate | None, str]:
    """Return the certificate of the signer's issuer and serial number, or the reason why there is none."""
    issuer, serial = _pair(identity)
    wanted = (issuer.raw, serial.integer())
    if not elements:
        return None, "the block holds no certificate"
    damage = ""
    for element in elements:
        try:
            certificate = parse_certificate(element.raw)
        except der.DerError as error:
            damage = f" ({error})"
            continue
        if (certificate.issuer, certificate.serial) == wanted:
            return certificate, ""
    return None, f"no readable certificate has the signer's issuer and serial number{damage}"


def _check_attributes(encoded: bytes, digest: bytes) -> str:
    """Return what is wrong with authenticated attributes, empty if they vouch for content of that digest."""
    found: dict[str, der.Element] = {}
    try:
        for attribute in der.decode(encoded).children():
            kind, values = _pair(attribute)
            if kind.oid() in found:
                return "an authenticated attribute occurs twice"
            found[kind.oid()] = _only(values, der.SET)
        content_type, message_digest = found.get(OID_CONTENT_TYPE), found.get(OID_MESSAGE_DIGEST)
        if content_type is None or content_type.oid() != OID_DATA:
            return "authenticated attributes do not name the content type"
        if message_digest is None or message_digest.octet_string() != digest:
            return "authenticated message digest is not that of the signer's information"
    except der.DerError as error:
        return f"authenticated attributes are malformed: {error}"
    return ""
