"""How to reach a person: e-mail addresses, phone numbers, street addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

Hits = Iterator[tuple[int, int, float]]

DOUBTFUL = 0.5  # below it a number is no finding at all
ENOUGH = 0.75  # readings that reach it are equally good: the longest, which comes first, is taken
READINGS = 4  # how many leading groups may turn out not to belong to a phone number
LOCAL_PART = 64  # characters before the @ (RFC 5321)

_DOMAIN = re.compile(r"@(?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W\d_]{2,24}(?![\w-])")
_LOCAL = re.compile("[\\w.+%'\u2019&*=!#~-]")
_SPELLED_EMAIL = re.compile(
    r"""(?ix)(?<![\w.+-])[\w.+-]{1,64}\s?(?:\(at\)|\[at\]|\{at\}|\ at\ )\s?
    [\w-]{1,63}(?:\s?(?:\(dot\)|\[dot\]|\{dot\}|\ dot\ )\s?|\.)[a-z]{2,12}\b"""
)

_NUMBER = re.compile(
    r"""(?x)(?:(?<=\btel:)|(?<=\bsms:)|(?<![\w@/\#=&%.,:+-]))[+(]{0,2}\d(?:[ .()/-]{0,3}\d){6,19}
    (?:[ ,]{0,2}(?:x|ext\.?|extension)[ ]{0,2}\d{1,6})?(?![\w%€$£])(?![.,:/-]\d)"""
)
_EXTENSION = re.compile(r"[ ,]{0,2}(?:x|ext).*\Z")
_NOT_A_PHONE = re.compile(
    """(?x)\\b(?:
        \\d{4}[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\\d|3[01])(?:[T ]\\d{1,2}(?::\\d{2}){0,2}(?:\\.\\d{1,6})?)?
      | (?:0?[1-9]|[12]\\d|3[01])[-/.](?:0?[1-9]|[12]\\d|3[01])[-/.](?:19|20)\\d{2}
      | (?:19|20)\\d{2}[ ]?[-/\u2013][ ]?(?:19|20)?\\d{2}  # years from-to
      | \\d{1,2}:\\d{2}(?::\\d{2})?
      | [0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}  # UUID
      | 97[89][- ]?(?:\\d[- ]?){9}\\d  # ISBN
    )(?!\\d)"""
)
_PHONE_WORD = re.compile(
    r"""(?ix)\b(?:(?:tele)?phones?|tel|ph|mobile|cell(?:phone)?|fax|call(?:ed|ing|s)?|dial|ring|text(?:ed|ing)?|sms
    |whats\ ?app|hotline|landline|voicemail|reach(?:ed)?|contact|answering|desk|registered|number\ is
    |(?:my|his|her|their|our|'s)\ (?:new\ |old\ |work\ |home\ )?number
    |telefon(?:nummer)?|handy|téléphone|teléfono|móvil|celular)\b"""
)
_PHONE_WORD_AFTER = re.compile(
    r"(?i)\W{0,3}(?:(?:is|was) (?:my|his|her|their|our|the) (?:new |old |work )?)?"
    r"(?:office|fax|mobile|cell|home|work|phone|tel|handy)\b"
)
_OTHER_WORD = re.compile(
    r"""(?ix)(?:\b(?:order|invoice|ticket|case|tracking|serial|isbn|issn|sku|part|model|version|build|port|ref(?:erence)?
      |policy|issue|pr|commit|timestamp|epoch|unix|population|pages?|between|lottery|lucky|score|coordinate|latitude
      |longitude|zip|article|parcel|booking|flight|customer|member|account|employee|student|license|product|item|batch|lot|id)s?
      (?:\ (?:numbers?|no\.?|id|code|key|nr\.?))?(?:\ (?:is|was|are|were))?[\s:\#]{0,3}
      | [$€£¥] | \b(?:usd|eur|gbp|chf)\ ?)\Z"""
)
_UNIT_AFTER = re.compile(
    r"""(?ix)\s?(?:%|[$€£¥]|°|(?:usd|eur|euros?|dollars?|people|users?|rows?|records?|requests?|tokens?|bytes?|[kmgt]?b|km
    |miles?|meters?|ms|seconds?|times|residents|inhabitants|units|downloads|views|steps|items|memories|years?|days?)\b)"""
)

_NAME = "[A-ZÀ-ÞŁŚŻŽŠČĆĐ][\\w'\u2019.-]{0,30}"
_SUFFIX = (
    "(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Terrace|Place|Pl|Highway|Hwy|Parkway"
    "|Pkwy|Crescent|Close|Way|Grove|Mews|street|avenue|road|boulevard|lane)"
)
_INSIDE = r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|No|#)\.?\s?#?\w{1,6})?"
_CITY = (
    rf"(?:,\s(?:\d{{4,5}}\s{_NAME}(?:\s{_NAME})?|{_NAME}(?:\s{_NAME})?,\s[A-Z]{{2}}\s\d{{5}}(?:-\d{{4}})?)(?![\w]))?"
)
_TAIL = _INSIDE + _CITY
_US_CODE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
    r"\s\d{5}(?:-\d{4})?"
)
_UK_CODE = r"[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}"
_CONTINENTAL_CODE = r"(?:\d{5}|\d{4}(?:\s[A-Z]{2})?|\d{2}-\d{3}|\d{3}\s\d{2})"
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_GERMANIC = (
    "straße|strasse|str\\.|weg|gasse|allee|platz|damm|ufer|gatan|vägen|gata|vej|gade|veien|laan|straat"
    "|gracht|plein|kade"
)
_ROMANCE = "Via|Viale|Piazza|Corso|Calle|Avenida|Paseo|Carrer|Rua|Ulica|[Uu]l\\."
_ADDRESSES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![\w.,$€£#-])\d{{1,5}}[A-Za-z]?,?\s(?:(?:[NSEW]\.?|North|South|East|West)\s)?(?:{_NAME}\s){{1,4}}{_SUFFIX}\b\.?{_TAIL}",
        rf"(?<!\w)(?:{_NAME}\s){{0,2}}[A-ZÄÖÜ][\wß.-]{{1,30}}(?:{_GERMANIC})\s\d{{1,4}}(?:\s?[a-z])?\b(?!\.\d){_TAIL}",
        r"(?<!\w)[A-ZÄÖÜ][\wß-]{1,30}\s(?:Straße|Strasse|Str\.|Weg|Gasse|Allee|Platz)\s?\d{1,4}(?:\s?[a-z])?\b(?!\.\d)"
        rf"{_CITY}",
        rf"(?<!\w)(?:{_ROMANCE})\s(?:{_NAME}\s?){{1,3}},?\s?\d{{1,4}}(?:/\d{{1,4}})?(?:\s?[a-z])?\b(?!\.\d)",
        r"(?<![\w.,])\d{1,4}(?:\s?bis)?,?\s(?:rue|avenue|boulevard|allée|impasse|chemin)\s"
        rf"(?:(?:de|du|des|la|le|l'|d')\s?){{0,2}}{_NAME}(?:\s{_NAME}){{0,2}}",
        r"(?<!\w)(?:P\.?\s?O\.?\s?Box|Postfach|Apartado(?:\sde\s[Cc]orreos)?)\s\d{1,6}\b",
        # Whatever the street is called, a town with its postal code after it tells
        rf"(?<![\w.,$€£#/-])\d{{1,5}}[A-Za-z]?,?\s(?:{_NAME},?\s){{1,5}}(?:{_UK_CODE}|(?:{_NAME}\s)?{_NAME},\s{_US_CODE})\b",
        rf"(?<!\w)(?:(?!{_MONTH}\b){_NAME}\s){{1,3}}\d{{1,4}}(?:\s?[a-z])?,\s{_CONTINENTAL_CODE}\s{_NAME}",
        r"(?<!\w)(?:PSC|Unit)\s\d{3,5},?\sBox\s\d{3,5}\s{1,3}(?:APO|DPO|FPO)\s(?:AA|AE|AP)\s\d{5}\b",
    )
)
# Where the text says that it is one, any capitalised words with a number are enough.
_STATED_ADDRESS = re.compile(
    r"(?:\b[Aa]ddress(?:\sis(?:\snow)?|:)|\blives?\sat|\bliving\sat)\s"
    r"(?P<address>(?:\d{1,5}[a-z]?\s(?:[\w'-]{1,30}\s){1,3}(?i:street|road|avenue|lane|drive|close|court|terrace|grove)"
    rf"|\d{{1,5}}[a-z]?\s(?:{_NAME}\s){{1,4}}\d{{1,5}}|\d{{1,5}}[a-z]?\s{_NAME}(?:\s{_NAME}){{1,3}}"
    rf"|(?!(?:Building|Room|Gate|Level|Block|Floor|Unit|Area|Zone|House|Number|No)\b){_NAME}(?:\s{_NAME}){{0,3}}\s\d{{1,5}}[a-z]?)\b(?!\.\d){_TAIL})"
)


def emails(text: str) -> Hits:
    """Addresses with an @, and those spelt out ("name at example dot com")."""
    end = 0
    for match in _DOMAIN.finditer(text):
        start = match.start()
        while start > max(end, match.start() - LOCAL_PART) and _LOCAL.match(text[start - 1]):
            start -= 1
        while start < match.start() and text[start] in ".'\u2019=!#*":
            start += 1
        if text[start : match.start()].strip(
            "_"
        ):  # else it is what another recogniser claimed: a password before a host
            end = match.end()
            yield start, end, 0.99
    for match in _SPELLED_EMAIL.finditer(text):
        if "(" in match[0] or "[" in match[0] or "{" in match[0] or " dot " in match[0].lower():
            yield match.start(), match.end(), 0.85


def phones(text: str) -> Hits:
    """Phone numbers in international and national spelling; the less the spelling says, the more its words must."""
    masked = _NOT_A_PHONE.sub(lambda match: "_" * len(match[0]), text)
    for match in _NUMBER.finditer(masked):
        best = max(_readings(text, match), key=lambda hit: min(hit[2], ENOUGH))
        if best[2] >= DOUBTFUL:
            yield best


def addresses(text: str) -> Hits:
    """A street with its house number, a post office box, a military address: nothing vaguer."""
    for pattern in _ADDRESSES:
        yield from ((*match.span(), 0.85) for match in pattern.finditer(text))
    yield from ((*match.span("address"), 0.8) for match in _STATED_ADDRESS.finditer(text))


def _readings(text: str, match: re.Match[str]) -> Hits:
    """The whole run, then without what a space or bracket sets apart before it ("room 12 555-123-4567")."""
    starts = [match.start()]
    starts += [match.start() + apart.end() for apart in islice(re.finditer("[ (]", match[0]), READINGS)]
    for start in starts:
        yield start, match.end(), _phone_confidence(text, start, match.end())


def _phone_confidence(text: str, start: int, end: int) -> float:
    number = _EXTENSION.sub("", text[start:end])
    shape = _shape(number)
    before = text[max(0, start - 40) : start]
    if _UNIT_AFTER.match(text, end) or (shape < 0.95 and _OTHER_WORD.search(before)):
        return 0.0
    if _PHONE_WORD.search(before) or _PHONE_WORD_AFTER.match(text, end):
        return min(0.99, shape + 0.4) if shape else 0.0
    return shape


def _shape(number: str) -> float:
    """How much the digits and their grouping alone look like a phone number: 0 not at all, 0.95 nothing else."""
    groups = re.findall(r"\d+", number)
    if not 7 <= sum(map(len, groups)) <= 15 or _misshapen(number, groups):
        return 0.0
    if number.startswith(("+", "(+")) or (groups[0].startswith("00") and len(groups) > 1 and groups[0][2:3] != "0"):
        return 0.95
    if re.match(r"\(0?\d{1,4}\)", number):
        return 0.3 if _is_year(groups[0]) else 0.9
    return _bare(groups[0]) if len(groups) == 1 else _national(groups, set(re.findall(r"(?<=\d)\D+(?=\d)", number)))


def _bare(digits: str) -> float:
    """Digits without any grouping: ten that a North American number could be, else only the words can tell."""
    if re.fullmatch(r"[2-9]\d{2}[2-9]\d{6}", digits):
        return 0.5
    return 0.4 if digits[0] == "0" and 9 <= len(digits) <= 11 else 0.35


def _national(groups: list[str], separators: set[str]) -> float:
    """North America's 3-3-4, a trunk zero, and what is dialled within a town or a small country."""
    lengths = tuple(map(len, groups))
    if lengths == (3, 3, 4) or (lengths == (1, 3, 3, 4) and groups[0] == "1"):
        return 0.9 if separators != {" "} else 0.8
    if groups[0][0] == "0" and 9 <= sum(lengths) <= 12 and lengths[0] >= 2:
        return 0.85
    return _local(groups, lengths, separators)


def _local(groups: list[str], lengths: tuple[int, ...], separators: set[str]) -> float:
    """Digits in groups and nothing more: as often a range, a score or a sum, so mostly the words must tell."""
    thousands = lengths[0] <= 3 and set(lengths[1:]) == {3}
    if any(map(_is_year, groups)) or len(separators) > 2 or max(lengths) > 8 or len(groups) > 5 or sum(lengths) > 12:
        return 0.0
    if lengths == (2, 2, 2, 2):
        return 0.75 if separators == {"-"} else 0.45
    if thousands or (len(groups) == 2 and separators == {"-"}):
        return 0.35
    return 0.5 if min(lengths) >= 2 else 0.0


def _misshapen(number: str, groups: list[str]) -> bool:
    """Brackets that do not close, a slash after anything but a dialling code, dots as in a decimal or a version."""
    lengths = tuple(map(len, groups))
    dotted = lengths[-3:] == (3, 3, 4) or lengths == (2, 2, 2, 2, 2)
    return (
        number.count("(") != number.count(")")
        or ("/" in number and groups[0][0] != "0")
        or (re.search(r"\d\.\d", number) is not None and not dotted)
    )


def _is_year(group: str) -> bool:
    return len(group) == 4 and group[:2] in ("19", "20")
