"""Keys, tokens and passwords: formats that vendors publish, values that a text calls a secret, and sheer randomness."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

Hits = Iterator[tuple[int, int, float]]

CERTAIN = 0.99  # a published format
STATED = 0.9  # the text itself calls it a secret
RANDOM = 0.8  # looks like nothing else
PERHAPS = 0.6  # the text calls it a secret, and it is a plain word

_FORMATS = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      ibex_pat_[A-Za-z0-9_-]{8,128}
    | sk-(?=[A-Za-z_-]{0,24}[0-9])[A-Za-z0-9_-]{16,250}                                     # OpenAI, Anthropic
    | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,128} | whsec_[A-Za-z0-9+/=]{16,128}         # Stripe
    | (?:AKIA|ASIA)[A-Z0-9]{16}                                                             # AWS
    | gh[pousr]_[A-Za-z0-9]{20,255} | github_pat_[A-Za-z0-9_]{20,255}
    | gl(?:pat|rt|ptt|cbt|dt|ft|soat|agent)-[A-Za-z0-9_-]{16,64}                            # GitLab
    | xox[abeoprs]-[A-Za-z0-9-]{10,250} | xapp-[0-9]-[A-Za-z0-9-]{10,250}                   # Slack
    | AIza[A-Za-z0-9_-]{30,45} | ya29\.[A-Za-z0-9_-]{20,250}                                # Google
    | SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}                                        # SendGrid
    | (?:AC|SK)[0-9a-f]{32}                                                                 # Twilio
    | (?:hf|npm|gsk|r8)_[A-Za-z0-9]{20,128} | pplx-[A-Za-z0-9]{20,128} | xai-[A-Za-z0-9]{20,128}
    | (?:shp(?:at|ss|ca|pa)|glsa|dckr_pat|lin_api|figd|nvapi|tskey|PMAK|ATATT3|GOCSPX|hv[sbr]|sntrys|sbp|NRAK)
      [_.-]?(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_=-]{20,250}
    | EAA(?=[A-Za-z]{0,40}[0-9])[A-Za-z0-9]{40,250}                                         # Facebook
    | AGE-SECRET-KEY-1[A-Z0-9]{40,80}
    | dop_v1_[0-9a-f]{32,128} | dapi[0-9a-f]{32} | pypi-[A-Za-z0-9_-]{32,250}
    | key-[0-9a-f]{32} | [0-9a-f]{32}-us[0-9]{1,2}                                          # Mailgun, Mailchimp
    | dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{30,128}                                # Doppler
    | pat[A-Za-z0-9]{14}\.[0-9a-f]{64}                                                      # Airtable
    | [MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}                     # Discord
    | [0-9]{8,10}:[A-Za-z0-9_-]{35}                                                         # Telegram
    | eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4,4000}(?:\.[A-Za-z0-9_-]{0,4000})?           # JSON Web Token
    )(?![A-Za-z0-9])""",
    re.VERBOSE,
)
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = "-----END"
_URL_PASSWORD = re.compile(r"[a-z]://[^\s/:@]{0,100}:([^\s/@]{1,200})@")
_HOOK = re.compile(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks)/([\w/-]{16,200})"
)
_BEARER = re.compile(r"\b(?:Bearer|Basic)\s{1,3}([A-Za-z0-9._~+/=-]{12,2000})")
_NUMBER_NAMES = """pin(?:[ ](?:code|number))? | cvv2? | cvc | security[ ]code
    | (?:access|door|gate|garage|alarm|entry|unlock|verification|one-time|otp|2fa|safe|vault|locker)
      [ ]?(?:code|pin|combination)
    | (?:code|combination)[ ](?:to|for|of)[ ](?:[a-z]{2,5}[ ])?(?:safe|vault|gate|alarm|garage|locker|(?:front[ ])?door)
"""
_STATED = re.compile(
    f"""(?ix)(?:\\b|(?<=[\u3040-\u9fff]))(?P<what>
      pass(?:word|wort|phrase|code|wd) | mot[ ]de[ ]passe | contraseña | senha | pwd | pw | kennwort
      | пароль | wachtwoord | lösenord | hasło | heslo | parola | şifre | 密码 | 密碼 | パスワード | 비밀번호
      | (?:api|access|secret|private|encryption|signing|license|master|account)[ _-]?(?:access[ _-]?)?key(?:[ _-]?id)?
      | (?:client|shared|webhook|app)[ _-]?secret | secret[ _-]?token
      | (?:access|auth|api|refresh|bearer|session)[ _-]?token
      | credentials? | secret | token | (?P<code> {_NUMBER_NAMES} )
      )s?(?:\\b|(?=[是は]))
      (?:[ ](?:for|of|to|on)(?:[ ][\\w'.-]{{1,30}}){{1,4}})? (?:[ ]account|[ ]login|[ ]wi-?fi)?
      (?: \\s{{0,3}}[=:是は]\\s{{0,3}} | (?:\\s{{1,3}}(?:is|was|ist|lautet|est|es|é)|['\u2019]s)
        (?:[ ](?:now|set[ ]to|still|just))?\\s{{0,3}}:?\\s{{0,3}} )
      (?: (?P<quote>["'`\u201c«])(?P<quoted>[^"'`\u201d»\\n]{{3,100}})["'`\u201d»]
        | ["'`]?(?P<value>[^\\s"'`\u201c\u201d«»,;]{{3,200}}) )"""
)
_NUMBER_BESIDE = re.compile(rf"(?ix)\b(?!(?-i:pin)\b)(?:{_NUMBER_NAMES})[ ](\d{{4,12}}|(?<=cv[vc][ ])\d{{3}})(?![\w-])")
_LOGIN = re.compile(  # a user's name, then the password without a verb
    r"""(?ix)\b(?:user(?:name)?|login|account|log\ in\ (?:as|with))\b[^.\n]{1,50}?(?:\band\b|/|,)\s{0,2}
    (?:the\ )?(?:password|passcode|passwd|pwd|pw)\ ((?=[^\s,;]{0,40}\d)[^\s,;]{5,80}[^\s,;.])"""
)
_SEED = re.compile(
    r"""(?ix)\b(?:seed|recovery|mnemonic|backup)\s(?:phrase|words)\W{1,3}(?:(?:is|are)\W{1,2})?
    ((?:[a-z]{3,8}\s){11,23}[a-z]{3,8})\b"""
)
_NOT_A_VALUE = re.compile(
    r"""(?ix)(?: a | about | again | all | also | already | always | an | and | any | as | asked | at | available |
      based | because | been | being | blank | both | broken | but | by | changed | checked | compromised | correct |
      created | currently | different | disabled | easy | empty | enabled | encrypted | enough | expired |
      expiring | exposed | false | fine | for | forgotten | from | generated | gone | good | hard | hashed | here
      | hidden | in | incorrect | invalid | it | just | kept | known | leaked | like | limited | long | lost |
      managed | mandatory | missing | my | needed | never | no | none | not | null | of | off | old | on | only |
      optional | or | our | out | outdated | over | part | private | protected | public | read | required | reset
      | rotated | safe | same | saved | secret | secure | sent | set | shared | short | stale | still | stored |
      strong | that | the | their | there | they | this | to | too | true | under | undefined | unique | unknown |
      unset | updated | used | valid | very | weak | what | where | which | with | working | wrong | yes | you |
      your | [a-z]{2,20}ed )\Z"""
)
_CODE = re.compile(
    r"[A-Za-z_][\w.]*[(\[]|[A-Za-z]+(?:[._]+[A-Za-z]+)+\Z|\$?\{|<|\$[A-Z_]+\Z|%[({]|\*+\Z"
)  # an expression or a gap to fill
_TOKEN = re.compile(r"(?<![\w/.+=-])(?!sha\d{3}-)[A-Za-z0-9+][A-Za-z0-9+/_=-]{23,511}(?![\w/.+=-])")
_HEX = re.compile(r"[0-9a-fA-F-]+\Z")
_SECRET_WORD = re.compile(r"(?i)\b(?:keys?|token|secret|password|credentials?|auth)\b[^\n]{0,20}\Z")
_RANDOM_CHANGES = 0.35  # changes of kind a character: 0.6 in random text, 0.25 in names joined by dashes
_RANDOM_BITS = 3.7  # Shannon entropy a character; English words joined by dashes stay below 3.6


def known_secrets(text: str) -> Hits:
    """Published formats, private keys, passwords in URLs, and what follows "password is" or "api key:"."""
    yield from _private_keys(text)
    yield from ((*match.span(), CERTAIN) for match in _FORMATS.finditer(text))
    for pattern in (_URL_PASSWORD, _HOOK, _SEED, _NUMBER_BESIDE, _LOGIN):
        yield from ((*match.span(1), CERTAIN) for match in pattern.finditer(text))
    yield from ((*match.span(1), STATED) for match in _BEARER.finditer(text) if _mixed(match[1]))
    yield from _stated(text)


def random_tokens(text: str) -> Hits:
    """Long runs of letters and digits that no person would write: entropy, and upper, lower and digits all mixed."""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if _HEX.match(token):
            # Hashes and commit ids are hex too, so hex counts only where the text speaks of a key.
            sure = len(token) >= 32 and bool(_SECRET_WORD.search(text, max(0, match.start() - 40), match.start()))
        else:
            sure = _mixed(token) and _entropy(token) >= _RANDOM_BITS and _changes(token) >= _RANDOM_CHANGES * len(token)
        if sure:
            yield match.start(), match.end(), RANDOM


def _private_keys(text: str) -> Hits:
    position = 0
    while begin := _PEM_BEGIN.search(text, position):
        end = text.find(_PEM_END, begin.end())
        close = text.find("\n", end) if end >= 0 else -1
        position = close if close >= 0 else len(text)  # a key cut off is a key to its last character
        yield begin.start(), position, CERTAIN


def _stated(text: str) -> Hits:
    for match in _STATED.finditer(text):
        group = "quoted" if match["quoted"] else "value"
        value = match[group] if match["quoted"] else match[group].rstrip(".!?)]}")
        confidence = _stated_confidence(match, value)
        if confidence:
            yield match.start(group), match.start(group) + len(value), confidence


def _stated_confidence(match: re.Match[str], value: str) -> float:
    """How sure it is that `value` is the secret itself and not a word about it ("the password is required")."""
    if len(value) < 3 or value.startswith("[") or _NOT_A_VALUE.match(value) or _CODE.match(value):
        return 0.0
    if match["code"]:
        return STATED if re.fullmatch(r"\d[\d-]{2,11}[#*]?", value) else 0.0
    if match["quoted"] or (_odd(value) and len(value) >= 4):
        return STATED
    if match["what"].lower() in ("secret", "token", "credential", "credentials"):
        return 0.0  # "the secret is patience"
    return PERHAPS if len(value) >= 4 and _ends_sentence(match) else 0.0


def _ends_sentence(match: re.Match[str]) -> bool:
    following = match.string[match.end("value") : match.end("value") + 2]
    return not following.strip() or match["value"][-1] in ".!?" or following[0] in ",;\n"


def _odd(value: str) -> bool:
    """Has a digit, a symbol or capitals inside, and is no address of a page or file: not a word of a sentence."""
    if re.fullmatch(r"https?://.*|/?[\w.-]+(?:/[\w.-]+)+", value):
        return False
    return re.search("\\d|[^\\w'\u2019.-]|[a-z][A-Z]|_", value) is not None


def _mixed(token: str) -> bool:
    return any(map(str.isdigit, token)) and any(map(str.isupper, token)) and any(map(str.islower, token))


def _changes(token: str) -> int:
    """How often the kind of character changes: words and numbers change seldom, random text at every second one."""
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" if c.islower() else "s" for c in token]
    return sum(before != after for before, after in pairwise(kinds))


def _entropy(token: str) -> float:
    return -sum(n / len(token) * math.log2(n / len(token)) for n in Counter(token).values())
