"""Numbers that name a person or an account: cards, IBANs, IP addresses, dates of birth.

What carries check digits is checked (Luhn, ISO 7064 mod 97); what does not needs the word for it beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address

Hits = Iterator[tuple[int, int, float]]

CUE_CHARACTERS = 40  # how far before a number its name may stand
CERTAIN = 0.99
LIKELY = 0.85
DOUBTFUL = 0.6

_CARD = re.compile(r"(?<![\w.,+-])\d(?:[ -]?\d){11,18}(?![\w-])(?!\.\d)")
_CARD_PREFIX = re.compile(
    r"(?:4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[68])|35(?:2[89]|[3-8])|6(?:011|5|4[4-9])|62"
    r"|1800|2131|50|5[6-9]|6[0-9])"
)
_CARD_WORD = re.compile(
    r"(?i)\b(?:card|cc|visa|master ?card|maestro|amex|american express|credit|debit|carte|karte|tarjeta)\b"
)
_BIG_BRAND_DIGITS = range(14, 20)  # below 14 digits only Maestro and a Visa of the 1980s: they need the word for it

_IBAN = re.compile(r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}\d{2}(?:[ .-]?[A-Za-z0-9]){11,30}))")
_IBAN_DIGITS = 8  # Malta's have no fewer
# Characters of an IBAN by country (SWIFT IBAN registry, release 99).
_IBAN_LENGTHS = {
    code: length
    for length, codes in {
        15: "NO", 16: "BE", 18: "DK FO FI GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA",
        30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for code in codes.split()
}  # fmt: skip

_IPV4 = re.compile(r"(?<![\w.+-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")
_VERSION_WORD = re.compile(
    r"(?i)(?:\bv(?:er(?:sion)?s?)?\.?|\brelease|\bbuild|\bfirmware|\bsection|\bchapter"
    r"|\bup(?:grad|dat)(?:e|ed|es|ing) (?:\w{1,20} )?(?:from [\d.]{1,15} )?(?:from|to))\s{0,2}\Z"
)
_IP_WORD = re.compile(r"(?i)\b(?:ip|address|host|server|ping|dns|gateway|router|subnet|ssh|from|at)\b")

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_BIRTH_DATE = re.compile(
    rf"""(?ix)\b(?:born(?:\ on)?|date\ of\ birth|birth\ ?date|dob|d\.o\.b\.|(?P<birthday>birthday)
      |geboren(?:\ am|\ op)?|geburtsdatum|née?\ le|date\ de\ naissance|nacid[oa]\ el|naci[óo]\ el
      |fecha\ de\ nacimiento|nat[oa]\ il|data\ di\ nascita|nascid[oa]\ em|nasceu\ em|data\ de\ nascimento)
    [\s:,]{{0,4}}(?:(?:is|was|ist|est|es|è|é)\s)?(?:on\s)?(?:the\s)?
    (?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s)?
    (?P<date> \d{{4}}-\d{{2}}-\d{{2}} | \d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}
      | \d{{1,2}}(?:st|nd|rd|th|er|\.|º)?\ (?:of\ |de\ )?[^\W\d_]{{3,10}}\.?(?:,|\ de)?\ \d{{4}}
      | {_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?,?\ \d{{4}} )(?!\d)"""
)
_GROWN = 10  # years: a birthday since then is more likely one to celebrate than the day of the birth


def cards(text: str) -> Hits:
    """Payment cards: 12-19 digits of a brand's range that pass Luhn."""
    for match in _CARD.finditer(text):
        digits = digits_of(match[0])
        named = (
            _CARD_WORD.search(text, max(0, match.start() - CUE_CHARACTERS), match.end() + CUE_CHARACTERS) is not None
        )
        branded = _CARD_PREFIX.match(digits) is not None
        if luhn(digits):
            sure = named or (branded and len(digits) in _BIG_BRAND_DIGITS)
            if sure or branded:
                yield match.start(), match.end(), CERTAIN if sure else DOUBTFUL
        elif named and branded and len(digits) >= 15:
            yield match.start(), match.end(), DOUBTFUL  # one digit mistyped is still somebody's card


def ibans(text: str) -> Hits:
    """Bank accounts whose length fits their country and whose ISO 7064 check digits hold."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[1][:2].upper())
        end = _end_of(match, length) if length else None
        if end and _is_iban(re.sub(r"[ .-]", "", text[match.start() : end])):
            yield match.start(), end, CERTAIN


def ip_addresses(text: str) -> Hits:
    """IPv4 and IPv6 addresses of a host; not loopback, netmasks or four-part version numbers."""
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - CUE_CHARACTERS) : match.start()]
        if (
            _is_host(match[0])
            and not _VERSION_WORD.search(before)
            and (_IP_WORD.search(before) or not _outline(match[0]))
        ):
            yield match.start(), match.end(), 0.95
    for match in _IPV6.finditer(text):
        if match[0].count(":") >= 2 and len(match[0]) >= 6 and re.search(r"\d", match[0]) and _is_host(match[0]):
            yield match.start(), match.end(), 0.95


def birth_dates(text: str) -> Hits:
    """Whole dates that the text says someone was born on. A birthday without its year is a date to remember."""
    for match in _BIRTH_DATE.finditer(text):
        if not match["birthday"] or _long_ago(match["date"]):
            yield *match.span("date"), 0.9


def _long_ago(date: str) -> bool:
    year = re.search(r"\d{4}", date)
    return year is not None and int(year[0]) <= datetime.now(UTC).year - _GROWN


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1)."""
    total = sum(int(d) for d in digits[::-2]) + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


def _is_iban(value: str) -> bool:
    """Mod 97 of it all; a word or two in lower case may pass that by chance, but have no digits."""
    remainder = int("".join(str(int(c, 36)) for c in value[4:] + value[:4])) % 97
    return remainder == 1 and sum(map(str.isdigit, value)) >= _IBAN_DIGITS


def _end_of(match: re.Match[str], length: int) -> int | None:
    """Where the IBAN's `length`-th character ends, if a word ends there too."""
    count = 0
    for offset, character in enumerate(match[1]):
        count += character.isalnum()
        if count == length:
            end = match.start() + offset + 1
            return end if not match.string[end : end + 1].isalnum() else None
    return None


def _is_host(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address) and (text.startswith("255.") or address.packed[0] == 0):
        return False
    return not (address.is_loopback or address.is_unspecified)


def _outline(text: str) -> bool:
    """Whether it could as well be section 4.2.3.5 of a document."""
    return all(int(part) < 20 for part in text.split("."))


def digits_of(value: str) -> str:
    """Its digits alone."""
    return re.sub(r"\D", "", value)
