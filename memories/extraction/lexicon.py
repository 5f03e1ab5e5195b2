"""Words the local extractor knows: verbs and their forms, family, teams. Closed classes, written for this project."""

from __future__ import annotations

import re

_STRAIGHT = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-"}
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")


def word_set(words: str) -> frozenset[str]:
    """The words of a list written as one text."""
    return frozenset(words.split())


AUXILIARIES = word_set(
    """
    am is are was were be been being have has had do does did will would can could shall should may might must 'm
    're 've 'd 'll isn't aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't won't wouldn't can't
    cannot couldn't shouldn't mightn't mustn't
    """
)
PRONOUN_IS = word_set("it's he's she's that's there's what's who's here's")
# After "I" these need no change of form for the third person.
UNCHANGED_AFTER_SUBJECT = word_set(
    """
    was wasn't had hadn't did didn't will won't would wouldn't can can't cannot could couldn't shall should
    shouldn't may might mightn't must mustn't ought used
    """
)
IRREGULAR_PAST = word_set(
    """
    ate became began bent bit blew bought bound bred broke brought built burnt came caught chose clung crept
    cut dealt did drank dreamt drew drove dug dwelt fed fell felt fled flew forgave forgot fought found froze gave
    gone got grew had heard held hid hung hurt kept knew laid learnt led left lent lay lit lost made meant met
    overcame overslept paid quit ran rang rebuilt rode rose said sang sank sat saw sent shook shot shown
    shrank slept slid sold sought spelt spent spoke sprang spun stood stole stuck stung strode struck stuck
    swam swept swore swung taught thought threw told took tore understood undertook upgraded went wept withdrew
    woke won wore wove wrote wound underwent outgrew mistook foresaw redid rewrote shone
    """
)
IRREGULAR_PARTICIPLE = word_set(
    """
    beaten been begun bitten blown broken chosen come done drawn driven drunk eaten fallen flown forgiven
    forgotten frozen given gone grown hidden known lain mistaken overcome proven ridden risen run rung seen shaken
    shown spoken stolen sung sunk sworn swum taken thrown torn undergone understood woken worn woven written
    become
    """
)
# Present and past look alike: read as present unless the clause says when.
SAME_IN_PAST = word_set("beat bet bid broadcast cost cut fit hit hurt let put read reset rid set shut spread")
_ED_BASES = word_set("need feed speed bleed breed proceed succeed exceed seed embed shed heed weed")
IRREGULAR_THIRD = {
    "am": "is",
    "are": "are",
    "have": "has",
    "do": "does",
    "don't": "doesn't",
    "haven't": "hasn't",
    "go": "goes",
}

COMMON_VERBS = word_set(
    """
    accept achieve act adapt add admire adopt adore agree aim allow answer apply appreciate arrange ask assume
    attend avoid bake balance become begin believe belong bike book bring build buy call care carry cause
    celebrate change charge choose clean climb code collaborate collect combine come commute compare complete
    consider consult contain continue contribute cook coordinate cost create cycle dance deal decide deliver
    depend deploy describe deserve design despise detest develop disagree discover discuss dislike dive do dread
    dream drink drive eat embrace employ encourage engage enjoy ensure envision establish evaluate exercise expect
    experience explore express face fear feel figure find finish fit fix fly focus follow forget foster fly garden
    get give go grow handle hate have hear help hike hire hold hope host identify imagine implement improve
    incorporate inspire install integrate intend introduce invest invite involve jog join juggle keep know lack
    launch lead learn leave leverage like listen live loathe look lose love maintain make manage market mean
    measure meditate meet mentor merge mind miss monitor motivate move need nurture observe offer oppose order
    organise organize outsource own paint participate pay plan play practice practise pray prefer prepare present
    prioritise prioritize produce program promote propose protect provide publish push put raise reach read
    realise realize receive recognise recognize recommend reflect refuse rehearse release rely remain remember
    remind rent replace report require research resent resolve respect rest review ride run save say schedule see
    seek sell send serve set share ship shop show sing skate skip sleep smoke speak specialise specialize spend
    stand start stay stop store strive struggle study suffer suggest support surf suspect swim take talk teach
    tend test thank think travel treat trust try tutor understand use value view visit volunteer vote wait wake
    walk want wash watch wear welcome wish wonder work worry write
    arrive beat check commit crash depart expire fail freeze invoice reset sort tag type
    """
)
# Verbs that are as often nouns: after "and" they count as verbs only before an object or a preposition.
NOUNS_TOO = word_set(
    """
    answer bike book build call care cause change charge climb code cook cost cycle dance deal design dream drink
    drive exercise experience face fear feel fight figure fix fly focus garden handle hate help hike hold hope
    hunt jog lack launch lead like listen look love market measure meet mind monitor move need object offer order
    paint pay plan play practice present process produce program promise project purchase question raise reach
    release rent report research respect rest review ride run sail search share ship show skate sleep smoke stand
    start study support surf swim talk test train travel treat trust try use value view visit volunteer vote walk
    wash watch wear welcome wish wonder work worry
    check crash invoice sort tag type
    """
)
ADVERBS = word_set(
    """
    also always almost already still never ever even just not now often once rarely seldom sometimes soon then too
    usually very quite rather pretty much really only simply actually currently recently mostly generally
    typically personally finally absolutely definitely certainly truly deeply strongly both all each kind sort of
    lately both
    """
)
_NOT_ADVERBS = word_set("family rely apply reply supply fly multiply comply italy july only")

FEMALE = word_set(
    """
    wife mother mom mum daughter sister girlfriend aunt niece grandmother grandma granddaughter fiancée stepmother
    stepdaughter stepsister mother-in-law sister-in-law daughter-in-law ex-wife
    """
)
MALE = word_set(
    """
    husband father dad son brother boyfriend uncle nephew grandfather grandpa grandson fiancé stepfather stepson
    stepbrother father-in-law brother-in-law son-in-law ex-husband
    """
)
EITHER = word_set(
    """
    partner friend colleague coworker boss manager mentor neighbour neighbor cousin roommate flatmate teacher
    coach doctor therapist child kid baby toddler spouse classmate teammate client landlord supervisor
    """
)
PETS = word_set("dog cat puppy kitten parrot rabbit hamster horse turtle tortoise bird fish pet guinea")
MANY = word_set(
    """
    parents children kids friends colleagues coworkers brothers sisters sons daughters cousins neighbours
    neighbors grandparents siblings team family twins dogs cats classmates teammates clients customers
    """
)
TEAM_WORDS = word_set(
    """
    api backend company deploy deployment docker endpoint engineers frontend github kubernetes office pipeline
    postgres pr repo repository roadmap sprint staging standup team
    """
)
TEAM_OR_NOT = word_set(
    """
    app branch bug build client clients code customer customers database git invoice merge production project python
    release releases server servers service ship stack store test tests ticket tickets users warehouse
    """
)
FAMILY_WORDS = word_set(
    "children daughter family father honeymoon husband kids married mother parents son wedding wife"
)


def straight(text: str) -> str:
    """The text at equal length with typographic quotes, apostrophes and en dashes made plain: patterns know those."""
    return text.translate(_STRAIGHT)


def words_of(text: str) -> list[str]:
    """The words of a text, lower case, with straight apostrophes."""
    return [word.lower() for word in _WORD.findall(straight(text))]


def has_verb(text: str) -> bool:
    """Whether a finite verb is likely: an auxiliary, a known verb in some form, or a past."""
    return any(is_verb_form(word) for word in words_of(text))


def is_verb_form(word: str) -> bool:
    """Whether `word` (lower case) may be a finite verb form."""
    if (
        word in AUXILIARIES
        or word in COMMON_VERBS
        or word in PRONOUN_IS
        or word.endswith(("'m", "'re", "'ve", "'d", "'ll"))
    ):
        return True
    return is_past(word) or base_of_third(word) in COMMON_VERBS


def is_past(word: str) -> bool:
    """Whether `word` is a past form: irregular, or regular in -ed."""
    return word in IRREGULAR_PAST or (word.endswith("ed") and len(word) > 3 and word not in _ED_BASES)


def is_participle(word: str) -> bool:
    """Whether `word` may follow "have": seen, been, moved."""
    return word in IRREGULAR_PARTICIPLE or word in SAME_IN_PAST or is_past(word)


def is_adverb(word: str) -> bool:
    """Whether `word` may stand between a subject and its verb."""
    return word in ADVERBS or (word.endswith("ly") and word not in _NOT_ADVERBS)


def third_person(verb: str) -> str:
    """The form of `verb` (as said after "I") after "the user": like → likes; pasts and modals stay."""
    low = verb.lower()
    if low in IRREGULAR_THIRD:
        return IRREGULAR_THIRD[low]
    if low in UNCHANGED_AFTER_SUBJECT or low.endswith("ing") or (is_past(low) and low not in SAME_IN_PAST):
        return verb
    if low.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if low.endswith("y") and low[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def base_of_third(word: str) -> str:
    """The base form a third-person -s form was made from: likes → like, tries → try."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "zes", "ches", "shes", "oes")):
        return word[:-2]
    return word.removesuffix("s")
