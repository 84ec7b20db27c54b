"""The identifiers of a record -> what may link it, its name, its accounts, and what may not link it."""

import unicodedata
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from msgspec import Struct, structs
from voc_common.events import Identifier

from voc_identity.domain.blocklist import NO_IDS, is_freemail
from voc_identity.domain.contacts import Contact, printable, read_email, read_phone
from voc_identity.domain.names import ABSENT, Name, parse_name
from voc_identity.domain.records import STRENGTH, Key, KeyKind, Record

MAX_EXTERNAL = 512
MAX_ACCOUNT = 200
MAX_KEYS = 20
"""A record that names more values than this is a list and not a person."""
MAX_KEPT = 50
"""Values that cannot link, accounts and domains that are kept of a record."""


class KeyRules(Struct, frozen=True, gc=False):
    """How a tenant's identifiers are read; made by `key_rules`.

    `secret` keys the hashes (16 to 64 bytes), `region` is the country of phone numbers without a
    country code, `blocked` and `blocked_domains` are the tenant's own values that identify nobody.
    """

    secret: bytes
    region: str = ""
    blocked: frozenset[bytes] = frozenset()
    blocked_domains: frozenset[str] = frozenset()


class Unlinked(Struct, frozen=True, gc=False):
    """An identifier that is kept but links nothing, and why; `shown` is safe to store."""

    type: str
    shown: str
    issuer: str
    reason: str


class Keys(Struct, frozen=True, gc=False):
    """What the identifiers of one record come to; the order in which they were told does not matter."""

    linking: tuple[Key, ...] = ()
    name: Name = ABSENT
    accounts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    unlinked: tuple[Unlinked, ...] = ()

    def record(self, record_id: str, first_at: int = 0) -> Record:
        """The atom that `cluster` reads, of a record that first reached voc then."""
        told = (self.linking, self.name, self.accounts, self.domains)
        return Record(record_id, *told, (first_at, record_id))


def key_rules(secret: bytes, region: str = "", blocked: Iterable[str] = ()) -> KeyRules:
    """The rules of a tenant. `blocked` are mail addresses, phone numbers, `@domains` or `issuer:id`.

    A blocked value is read in every way it can be, so its spelling does not matter.
    """
    if not 16 <= len(secret) <= 64:
        raise ValueError("a tenant secret has 16 to 64 bytes")
    bare = KeyRules(secret, region)
    hashes: set[bytes] = set()
    domains: set[str] = set()
    for value in blocked:
        text = value.strip()
        if text.startswith("@"):
            domains.add(
                read_email("postmaster" + text).value.rpartition("@")[2] or text[1:].lower()
            )
            continue
        for contact, kind in ((read_email(text), "email"), (read_phone(text, region), "phone")):
            if contact.value:
                hashes.add(key_hash(bare, kind, "", contact.value))
        issuer, _, external = text.partition(":")
        if external:
            hashes.add(key_hash(bare, "external", _issuer(issuer), external.strip()))
    return KeyRules(secret, region, frozenset(hashes), frozenset(domains))


def key_hash(rules: KeyRules, kind: str, issuer: str, value: str) -> bytes:
    """16 bytes of keyed blake2b: without the tenant's secret nobody can try values against them."""
    data = f"{kind}\x1f{issuer}\x1f{value}".encode("utf-8", "replace")
    return blake2b(data, digest_size=16, key=rules.secret).digest()


def normalise(identifiers: Sequence[Identifier], rules: KeyRules) -> Keys:
    """Read the identifiers of one record. Nothing raises: what cannot link is kept in `unlinked`."""
    linking: dict[bytes, Key] = {}
    unlinked: set[Unlinked] = set()
    names: list[Name] = []
    accounts: set[str] = set()
    domains: set[str] = set()
    for identifier in identifiers:
        if identifier.type == "name":
            names.append(parse_name(identifier.value))
        elif identifier.type == "account":
            accounts.add(_account(identifier))
        else:
            key = read_key(identifier, rules, domains)
            if isinstance(key, Unlinked):
                unlinked.add(key)
            elif key.hash not in linking or key.shown < linking[key.hash].shown:
                linking[key.hash] = key
    accounts.discard("")
    if len(linking) > 1:
        unlinked.update(_contradictions(linking))
    return Keys(
        tuple(sorted(linking.values(), key=_strongest_first))
        if len(linking) > 1
        else tuple(linking.values()),
        max(names, key=_fullest) if names else ABSENT,
        _kept(accounts),
        _kept(domains),
        tuple(sorted(unlinked, key=structs.astuple)[:MAX_KEPT]) if unlinked else (),
    )


def read_key(
    identifier: Identifier, rules: KeyRules, domains: set[str] | None = None
) -> Key | Unlinked:
    """The key of one external id, mail address or phone number, or why it is none.

    The business domain of a verified mail address is added to `domains`, also that of a role mailbox.
    """
    kind: KeyKind
    issuer = ""
    if identifier.type == "email":
        kind, contact = "email", read_email(identifier.value)
    elif identifier.type == "phone":
        kind, contact = "phone", read_phone(identifier.value, rules.region)
    elif identifier.type == "external":
        kind, issuer = "external", _issuer(identifier.issuer)
        contact = _external(identifier.value, issuer)
    else:
        return Unlinked(identifier.type, printable(identifier.value, MAX_ACCOUNT), "", "not a key")
    reason = contact.reason or ("" if identifier.verified else "unverified")
    mail_domain = contact.value.rpartition("@")[2] if kind == "email" else ""
    if mail_domain and mail_domain in rules.blocked_domains:
        reason = reason or "blocked"
    elif contact.domain and identifier.verified and domains is not None:
        domains.add(contact.domain)
    if reason:
        return Unlinked(kind, contact.shown, issuer, reason)
    digest = key_hash(rules, kind, issuer, contact.value)
    if digest in rules.blocked:
        return Unlinked(kind, contact.shown, issuer, "blocked")
    return Key(kind, digest, issuer, contact.shown)


def _issuer(issuer: str) -> str:
    return printable(issuer.strip(), MAX_ACCOUNT).casefold()


def _external(value: str, issuer: str) -> Contact:
    """Ids are opaque: case and inner spaces count."""
    text = value.strip()
    shown = printable(text, MAX_EXTERNAL)
    if len(text) > MAX_EXTERNAL:
        return Contact("", shown, "too long")
    if not text.isprintable():
        return Contact("", shown, "unprintable")
    if not issuer:
        return Contact("", shown, "no issuer")
    if text.casefold() in NO_IDS or not text.strip("0-.{} "):
        return Contact("", shown, "placeholder")
    text = unicodedata.normalize("NFC", text)
    return Contact(text, text)


def _account(identifier: Identifier) -> str:
    value = printable(identifier.value.strip(), MAX_ACCOUNT)
    issuer = _issuer(identifier.issuer)
    if not value or value.casefold() in NO_IDS:
        return ""
    if issuer == "domain" and is_freemail(value.lower()):
        return ""
    return f"{issuer}:{value}" if issuer else value


def _contradictions(linking: dict[bytes, Key]) -> set[Unlinked]:
    """Take out what cannot be one person's: a list of values, and two ids of one issuer."""
    if len(linking) > MAX_KEYS:
        refused = {Unlinked(k.kind, k.shown, k.issuer, "too many") for k in linking.values()}
        linking.clear()
        return refused
    issuers = [key.issuer for key in linking.values() if key.hard]
    doubled = {issuer for issuer in issuers if issuers.count(issuer) > 1}
    refused: set[Unlinked] = set()
    for key in [key for key in linking.values() if key.hard and key.issuer in doubled]:
        refused.add(Unlinked(key.kind, key.shown, key.issuer, "contradictory"))
        del linking[key.hash]
    return refused


def _kept(values: set[str]) -> tuple[str, ...]:
    return tuple(values) if len(values) < 2 else tuple(sorted(values)[:MAX_KEPT])


def _strongest_first(key: Key) -> tuple[int, bytes]:
    return STRENGTH[key.kind], key.hash


def _fullest(name: Name) -> tuple[int, bool, str, str, str, str]:
    return name.level, bool(name.surname), name.given, name.surname, name.middle, name.suffix
