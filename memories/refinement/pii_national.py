"""Social security, tax and identity numbers, by country.

What carries check digits is checked; what does not needs the word for it beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from memories.refinement.pii_numbers import CERTAIN, CUE_CHARACTERS, LIKELY, Hits, digits_of, luhn


def national_ids(text: str) -> Hits:
    """Those of the countries below, and any country's document that the text names."""
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


def _weighted(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(d) * w for d, w in zip(digits, weights, strict=False))


def _spanish(value: str) -> bool:
    number, letter = value[:-1].replace("-", "").replace(" ", ""), value[-1]
    number = {"X": "0", "Y": "1", "Z": "2"}.get(number[0], number[0]) + number[1:]
    return letter == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


def _finnish(value: str) -> bool:
    return value[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(value[:6] + value[7:10]) % 31]


def _brazilian(value: str) -> bool:
    d = digits_of(value)
    first = _weighted(d[:9], tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = _weighted(d[:10], tuple(range(11, 1, -1))) * 10 % 11 % 10
    return d[9:] == f"{first}{second}" and len(set(d)) > 1


def _swiss(value: str) -> bool:
    d = digits_of(value)
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
    d = digits_of(value)
    return (_weighted(d[:8], (9, 8, 7, 6, 5, 4, 3, 2)) - int(d[8])) % 11 == 0


def _swedish(value: str) -> bool:
    """YYMMDD and four digits, of which the last is Luhn's over all ten."""
    d = digits_of(value)[-10:]
    return luhn(d) and 1 <= int(d[2:4]) <= 12 and 1 <= int(d[4:6]) % 60 <= 31


def _canadian(value: str) -> bool:
    return luhn(digits_of(value))


def _chilean(value: str) -> bool:
    d = re.sub(r"[.-]", "", value)
    return d[-1] == "0K987654321"[_weighted(d[-2::-1], (2, 3, 4, 5, 6, 7) * 2) % 11]


def _argentine(value: str) -> bool:
    d = digits_of(value)
    return int(d[10]) == (0, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1)[_weighted(d[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11]


def _singaporean(value: str) -> bool:
    letters = "JZIHGFEDCBA" if value[0] in "ST" else "XWUTRQPNMLK"
    return value[-1] == letters[(_weighted(value[1:8], (2, 7, 6, 5, 4, 3, 2)) + 4 * (value[0] in "TG")) % 11]


def _chinese(value: str) -> bool:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return value[17] == "10X98765432"[_weighted(value[:17], weights) % 11]


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
    |identity\ card|id\ card|nhs|medicare|tax(?:payer)?\ (?:file\ )?(?:id|number|identification)|tfn|ein|cnp|ktp
    |steuer-?id(?:nummer)?|personalausweis|reisepass|social\ insurance|ppsn?|nif|oib|egn|amka|isikukood|iqama
    |f[øo]dselsnummer|(?:tc\ )?kimlik|teudat\ zehut|c[ée]dula|(?:south\ african|personal)\ id(?:entification)?
    |id\ numbers?|personal\ identification)
    (?:\ (?:number|code|no\.?|nr\.?|id))?(?:\ (?:is|was))?\s{0,2}[:\#]?\s{0,2}\Z"""
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
    _rule(r"\d{11}(?![\w-])", _brazilian, word=_word("cpf")),
    _rule(r"\d{1,2}\.\d{3}\.\d{3}-[\dKk](?![\w-])", _chilean, alone=LIKELY),
    _rule(r"(?:2[03478]|3[034])-\d{8}-\d(?![\w-])", _argentine, alone=LIKELY),
    _rule(r"[A-Z]{4}\d{2}[01]\d[0-3]\d[HMX][A-Z]{5}[A-Z\d]\d(?!\w)", alone=CERTAIN),  # Mexico: CURP
    _rule(r"[A-ZÑ&]{4}\d{2}[01]\d[0-3]\d[A-Z\d]{3}(?!\w)", word=_word("rfc")),
    _rule(r"[STFG]\d{7}[A-Z](?!\w)", _singaporean, alone=LIKELY),
    _rule(r"[A-Z]{1,2}\d{6}\([\dA]\)", alone=LIKELY),  # Hong Kong
    _rule(r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}(?![\w-])", alone=LIKELY),  # South Korea
    _rule(r"[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?!\w)", _chinese, alone=CERTAIN),
    _rule(r"784-\d{4}-\d{7}-\d(?![\w-])", alone=LIKELY),  # United Arab Emirates
    _rule(r"\d{6}/\d{3,4}(?![\w/-])", word=_word("rodn[ée] [čc][íi]slo", "birth number")),  # Czechia, Slovakia
    _rule(r"\d{2} ?\d{6} ?[A-Z] ?\d{3}(?!\w)", word=_word("(?:sozial|renten)versicherungsnummer", "sv-nummer")),
    _rule(r"756\.\d{4}\.\d{4}\.\d{2}(?![\w-])", _swiss, alone=CERTAIN),
    _rule(r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?![\w-])", _french, alone=0.95),
    _rule(r"\d{11}(?![\w-])", _polish, word=_word("pesel")),
    _rule(_NINE_DIGITS, _dutch, word=_word("bsn", "burgerservicenummer")),
    _rule(r"[2-9]\d{3} \d{4} \d{4}(?![\w-])(?! \d)", word=_word("aadhaar", "aadhar", "uidai")),
    _rule(r"[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z](?!\w)", alone=0.8),  # India: PAN
    _rule(r"[A-Z]{5}\d{4}[A-Z](?!\w)", word=_word("pan")),
    _rule(r"\d{3}[- ]\d{3}[- ]\d{3}(?![\w-])", _canadian, word=_word("sin", "social insurance")),
    # Any country's, where the text names the document right before it
    _rule(
        r"(?!(?:ID|NO|NR|NHS|TFN|EIN|CNP|KTP|NIF|OIB|EGN|PPSN?|AMKA)\b)"
        r"(?=[A-Z]{0,3}[ -]?\d)(?=(?:[A-Z -]{0,4}\d){5})[A-Z0-9](?:[ -]?[A-Z0-9]){5,15}(?![\w-])(?! ?\d)",
        word=_ID_WORD,
    ),
)
