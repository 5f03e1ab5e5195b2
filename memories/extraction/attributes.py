"""Which property of whom a claim is about ("dog.name", "job", "location"): what a later claim can contradict."""

from __future__ import annotations

import re

_ATTRIBUTES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), attribute)
    for pattern, attribute in (
        (
            r"^I(?:'m| am) (?-i:[A-Z])[\w-]+(?:$|[,.]| and\b)|\bmy (?:full |first |last )?name is\b|\bI(?:'m"
            r"| am) called\b",
            "name",
        ),
        (r"\bI(?:'m| am) \d+(?: years old)?\b", "age"),
        (r"\bI was born\b|\bmy birthday\b", "birthday"),
        (
            r"\bI (?:now |currently |still |no longer |don't )?live (?:in|at|near)\b|\bI(?:'ve| have)? (?:just "
            r"|recently )?(?:moved|relocated) to\b",
            "location",
        ),
        (
            r"\bI (?:now |currently |still |no longer |don't )?work (?:as|at|for|in)\b|\bI(?:'ve| have)? (?:just "
            r"|recently )?(?:joined|started (?:working )?at) (?:(?-i:[A-Z])|(?:an? |the )?[\w -]*"
            r"(?:company|firm|start-?up|agency|bank|hospital|clinic|office)\b)"
            r"|\bpromot(?:ed|ion) to\b|\bmy (?:job|job title|position|role) is\b|\bI(?:'m| am) an? [\w -]*(?:nurse"
            r"|doctor|engineer|developer|teacher|manager|director"
            r"|designer|lawyer|student|chef|writer|artist|scientist|analyst|consultant|accountant)\b",
            "job",
        ),
        (r"\b(?:salary|income)\b", "income"),
        (r"^(?:\w+, )?I\b(?:(?!\bmy\b).)*(?:\ballerg|\bintolerant\b)|^my (?:\w+ )?allerg", "allergy"),
        (r"\bI(?:'m| am) (?:now )?(?:a )?(?:vegan|vegetarian|pescatarian)\b|\bI (?:no longer|don't) eat\b", "diet"),
        (
            r"\bI(?:'m| am) (?:now |newly )?(?:married|single|divorced|engaged|widowed)\b|\bgot (?:married"
            r"|divorced|engaged)\b",
            "marital_status",
        ),
        (r"\bmajor (?:is|was)\b|\bI stud(?:y|ied)\b", "studies"),
    )
)
_NAMED = re.compile(
    r"\b(?i:my|our) (?P<thing>[\w-]+) (?:is|was) (?:called|named)\b|\b(?i:my|our) (?P<called>[\w-]+)'s name is\b"
    r"|\b(?i:my|our) (?P<who>wife|husband|son|daughter|brother|sister|boss|dog|cat|partner|girlfriend"
    r"|boyfriend) is (?=[A-Z])"
)
_POSSESSED = re.compile(
    r"^(?:my|our) (?P<thing>(?:(?!and (?:I|me|my)\b)[\w' -]){2,40}?) (?:is|are|was|were)\b", re.IGNORECASE
)
_TASTE = re.compile(
    r"^(?:\w+, )?I (?:really |also |still |no longer |don't |do not |absolutely )*(?:like|love|enjoy|prefer"
    r"|hate|dislike|adore|can't stand|detest)(?: (?:to \w+|\w+ing))? (?P<thing>[\w' -]{2,60}?)"
    r"(?= (?:over|more than|because|since|as|but|and|when|to|than|in|on|for|with|at|from)\b|[,.;!]|$)",
    re.IGNORECASE,
)
_MAX_WORDS = 4


def subject_and_attribute(clause: str) -> tuple[str, str]:
    """("user", attribute) of a clause as the user said it; no attribute where none is plain, ("", "") for others."""
    if named := _NAMED.search(clause):
        return "user", f"{_slug(named.group('thing') or named.group('called') or named.group('who'))}.name"
    for pattern, attribute in _ATTRIBUTES:
        if pattern.search(clause):
            return "user", attribute
    if taste := _TASTE.search(clause):
        return "user", f"taste.{_slug(taste.group('thing'))}"
    if possessed := _POSSESSED.search(clause):
        return "user", _slug(possessed.group("thing"))
    return ("user", "") if re.search(r"\b(?:I|my|me|we|our)\b", clause, re.IGNORECASE) else ("", "")


def _slug(phrase: str) -> str:
    words = [word for word in re.findall(r"[a-z0-9]+", phrase.lower()) if word not in ("a", "an", "the", "s")]
    return "_".join(words[:_MAX_WORDS])
