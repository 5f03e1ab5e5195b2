"""Numbers that name a person or an account: cards, IBANs, national ids, IP addresses, dates of birth.

What carries check digits is checked (Luhn, ISO 7064 mod 97, each country's own); what does not needs the word for it
beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, ip_address
from typing import NamedTuple

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

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}")
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
    r"(?i)(?:\bv(?:er(?:sion)?s?)?\.?|\brelease|\bbuild|\bfirmware|\bupgraded? to|\bsection|\bchapter)\s{0,2}\Z"
)
_IP_WORD = re.compile(r"(?i)\b(?:ip|address|host|server|ping|dns|gateway|router|subnet|ssh|from|at)\b")

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_BIRTH_DATE = re.compile(
    rf"""(?ix)\b(?:born(?:\ on)?(?:\ the)?|date\ of\ birth|birth\ ?date|dob|d\.o\.b\.|geboren\ am|née?\ le
      |nacid[oa]\ el)
    [\s:,]{{0,4}}(?:(?:is|was|on)\s)?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s)?
    (?P<date> \d{{4}}-\d{{2}}-\d{{2}} | \d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}
      | \d{{1,2}}(?:st|nd|rd|th|\.)?\ (?:of\ )?{_MONTH},?\ \d{{4}}
      | {_MONTH}\ \d{{1,2}}(?:st|nd|rd|th)?,?\ \d{{4}} )(?!\d)"""
)


def cards(text: str) -> Hits:
    """Payment cards: 12-19 digits of a brand's range that pass Luhn."""
    for match in _CARD.finditer(text):
        digits = _digits(match[0])
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
        length = _IBAN_LENGTHS.get(match[0][:2])
        end = _end_of(match, length) if length else None
        if end and _mod97(re.sub(r"[ -]", "", text[match.start() : end])):
            yield match.start(), end, CERTAIN


def ip_addresses(text: str) -> Hits:
    """IPv4 and IPv6 addresses of a host; not loopback, netmasks or four-part version numbers."""
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 24) : match.start()]
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
        yield *match.span("date"), 0.9


def national_ids(text: str) -> Hits:
    """Social security, tax and identity numbers, by country."""
    for rule in _NATIONAL:
        yield from _national(text, rule)


class _National(NamedTuple):
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    alone: float  # confidence without the word for it; 0: no finding
    word: re.Pattern[str] | None  # with it, the finding is LIKELY or better


def _national(text: str, rule: _National) -> Hits:
    for match in rule.pattern.finditer(text):
        value = match[0].upper()
        if not rule.valid(value):
            continue
        named = rule.word is not None and rule.word.search(text, max(0, match.start() - CUE_CHARACTERS), match.start())
        confidence = max(rule.alone, LIKELY) if named else rule.alone
        if confidence:
            yield match.start(), match.end(), confidence


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1)."""
    total = sum(int(d) for d in digits[::-2]) + sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return total % 10 == 0 and len(set(digits)) > 1


def _mod97(iban: str) -> bool:
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def _end_of(match: re.Match[str], length: int) -> int | None:
    """Where the IBAN's `length`-th character ends, if a word ends there too."""
    count = 0
    for offset, character in enumerate(match[0]):
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


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value)


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _spanish(value: str) -> bool:
    number, letter = value[:-1].replace("-", "").replace(" ", ""), value[-1]
    number = {"X": "0", "Y": "1", "Z": "2"}.get(number[0], number[0]) + number[1:]
    return letter == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _finnish(value: str) -> bool:
    return value[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[7:10]) % 31]


def _brazilian(value: str) -> bool:
    d = _digits(value)
    first = _weighted(d[:9], tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = _weighted(d[:10], tuple(range(11, 1, -1))) * 10 % 11 % 10
    return d[9:] == f"{first}{second}" and len(set(d)) > 1


def _swiss(value: str) -> bool:
    d = _digits(value)
    return int(d[12]) == -_weighted(d[:12], (1, 3) * 6) % 10


def _french(value: str) -> bool:
    d = re.sub(r"\s", "", value).replace("2A", "19").replace("2B", "18")
    return d.isdigit() and int(d[13:]) == 97 - int(d[:13]) % 97


def _polish(value: str) -> bool:
    return (
        int(value[10]) == -_weighted(value[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10
        and 1 <= int(value[2:4]) % 20 <= 12
    )


def _dutch(value: str) -> bool:
    d = _digits(value)
    return (_weighted(d[:8], (9, 8, 7, 6, 5, 4, 3, 2)) - int(d[8])) % 11 == 0


def _swedish(value: str) -> bool:
    """YYMMDD and four digits, of which the last is Luhn's over all ten."""
    d = _digits(value)[-10:]
    return luhn(d) and 1 <= int(d[2:4]) <= 12 and 1 <= int(d[4:6]) % 60 <= 31


def _canadian(value: str) -> bool:
    return luhn(_digits(value))


def _always(_value: str) -> bool:
    return True


def _word(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?i)\b(?:{'|'.join(words)})\b")


def _rule(
    pattern: str, valid: Callable[[str], bool] = _always, *, alone: float = 0.0, word: re.Pattern[str] | None = None
) -> _National:
    return _National(re.compile(rf"(?<![\w.-]){pattern}"), valid, alone, word)


_ID_WORD = re.compile(
    r"""(?ix)\b(?:passport|driver'?s?'?\ licen[cs]e|driving\ licen[cs]e|national\ id(?:entity)?(?:\ card)?
    |identity\ card|id\ card|nhs|medicare|tax(?:payer)?\ (?:file\ )?(?:id|number|identification)|tfn
    |steuer-?id(?:nummer)?|personalausweis|reisepass|social\ insurance)
    (?:\ (?:number|no\.?|nr\.?|id))?(?:\ (?:is|was))?\s{0,2}[:\#]?\s{0,2}\Z"""
)
_NINE_DIGITS = r"\d{9}(?![\w-])"
_NATIONAL = (
    # United States: SSN and ITIN with separators; nine bare digits only beside the word
    _rule(r"(?!000|666|9\d\d)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])", alone=LIKELY),
    _rule(r"9\d{2}-(?:[5-8]\d|9[0-24-9])-\d{4}(?![\w-])", alone=LIKELY),
    _rule(_NINE_DIGITS, word=_word("ssn", "social security", "itin", "tax(?:payer)? id")),
    # United Kingdom: National Insurance
    _rule(
        r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)",
        alone=0.9,
    ),
    _rule(r"(?:\d{8}|[XYZ]-?\d{7})[- ]?[A-HJ-NP-TV-Z](?![\w-])", _spanish, alone=LIKELY),
    _rule(r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)", alone=CERTAIN),  # Italy
    _rule(r"[0-3]\d[01]\d{3}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y](?![\w-])", _finnish, alone=CERTAIN),
    _rule(r"(?:19|20)?\d{6}[-+]\d{4}(?![\w-])", _swedish, alone=LIKELY),
    _rule(r"[0-3]\d[01]\d{3}-\d{4}(?![\w-])", word=_word("cpr", "personnummer", "kennitala")),  # Denmark, Iceland
    _rule(r"\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])", _brazilian, alone=CERTAIN),
    _rule(r"756\.\d{4}\.\d{4}\.\d{2}(?![\w-])", _swiss, alone=CERTAIN),
    _rule(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?![\w-])", _french, alone=0.95),
    _rule(r"\d{11}(?![\w-])", _polish, word=_word("pesel")),
    _rule(_NINE_DIGITS, _dutch, word=_word("bsn", "burgerservicenummer")),
    _rule(r"[2-9]\d{3} \d{4} \d{4}(?![\w-])(?! \d)", word=_word("aadhaar", "aadhar", "uidai")),
    _rule(r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z](?!\w)", alone=0.8),  # India: PAN
    _rule(r"\d{3}[- ]\d{3}[- ]\d{3}(?![\w-])", _canadian, word=_word("sin", "social insurance")),
    # Any country's, where the text names the document right before it
    _rule(
        r"(?=[A-Z]{0,3}[ -]?\d)(?=(?:[A-Z -]{0,4}\d){5})[A-Z0-9](?:[ -]?[A-Z0-9]){5,14}(?![\w-])(?! ?\d)",
        word=_ID_WORD,
    ),
)
