"""What a mail's author wrote now: quoted history, forwarding headers and signature are cut.

The words are English and French, with those of the other programs' languages that begin a quotation. One pass
over lines, each looked at through its first 300 characters: time grows with the length of the mail only.
When in doubt a line is kept, because a customer's words lost are worse than a quoted line too many.
"""

from __future__ import annotations

import re

from triage.sources.mail_signature import without_banner, without_signature

MOST_CHARACTERS = 200_000
MOST_LINES = 5_000
"""New text stands above the history or in it; nobody writes so many lines, logs and dumps have them."""
_LOOK = 300
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"))
"""Marks of direction and of no width, which programs put around names and times."""
_WROTE = (
    r"(?:wrote|writes|a\s+[ée]crit|écrivait|schrieb|escribió|ha\s+scritto|schreef|geschreven|escreveu|skrev"
    r"|kirjoitti|napisał(?:\(?a\)?)?|napsal(?:\(?a\)?)?|написал(?:\(?а\)?)?|пишет|написав)"
)
_ATTRIBUTION_START = re.compile(
    r"-{0,6}\s*(?:On|At|Le|Am|El|Il|Op|Em|Den|På|W\s+dniu|Dnia|Dne)\b.{0,40}?\d"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b|.{0,120}?[\w.+-]+@[\w-]+",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(
    rf"\b{_WROTE}\b[^:]{{0,80}}(?::|-{{3,}})\s*$|@[^<>\s]{{1,250}}>\s+{_WROTE}\s*$", re.IGNORECASE
)
_NAMED_AND_TIMED = re.compile(r"\d{1,2}[:h.]\d{2}\b.{0,120}@[^<>\s]{1,250}>\s?:$")
_GMAIL_OF_OLD = re.compile(
    r"\d{4}[-/]\d{1,2}[-/]\d{1,2}\s+(?:\d{1,2}:\d{2}\s+GMT[+-]\d{1,2}|\D{1,100}<[^<>\s]{1,100}@[^<>\s]{1,100}>\s*$)"
)
_WORDS_BEFORE_ATTRIBUTION = re.compile(
    r"(?!(?:On|At|Le)\b)(?P<words>\w.{0,200}?)\s?(?:-{2,}\s?|\s)(?=(?:On|Le)\s(?:\w{2,9}[.,]?\s+){0,2}\d)"
)
_STAMP = re.compile(r"@|\d{1,2}\s?[:h]\s?\d{2}")
_MOST_ATTRIBUTION_LINES = 4
_RULED = re.compile(r"[-_*\s]{2,}\s*(?P<words>[^-_*\s][^-_*]{3,40}?)\s*[-_*]{2,}\s*$")
_ORIGINAL = re.compile(
    r"original\s+(?:message|e-?mail|appointment)|reply\s+message|message\s+d['’]origine|(?:message|courriel)\s+original$"
    r"|ursprüngliche\s+nachricht|mensaje\s+original|messaggio\s+originale|oorspronkelijk\s+bericht|mensagem\s+original"
    r"|oprindelig\s+(?:besked|meddelelse)|opprinnelig\s+melding|ursprungligt\s+meddelande",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"-{2,}\s*(?:forwarded\s+(?:message|by)|(?:message|courriel)\s+transféré).*|begin\s+forwarded\s+message\s*:"
    r"|début\s+du\s+message\s+(?:transféré|réexpédié)\s*:",
    re.IGNORECASE,
)
_REPLY_ABOVE = re.compile(
    r"##-.{0,200}-##|[-=#>\s]*(?:please\s+)?(?:type|write|reply)\b.{0,30}\babove\s+this\s+line"
    r"|[-=#>\s]*(?:veuillez\s+)?(?:répond|saisi|écri).{0,40}\bau-dessus\s+de\s+cette\s+ligne",
    re.IGNORECASE,
)
_FROM = frozenset("from de von da van från fra od от від lähettäjä expéditeur".split())
_OTHERS = frozenset(
    """
    sent to subject date cc reply-to envoyé à a objet répondre gesendet an betreff datum kopie enviado para
    asunto assunto data fecha inviato oggetto verzonden aan onderwerp skickat till ämne sendt til emne
    wysłano do temat отправлено дата кому тема lähetetty vastaanottaja aihe destinataire sujet message
    """.split()
)
_HEADER = re.compile(r"[*\s>]*(?P<name>[^\W\d_][\w-]{0,14})(?:\s+(?:le|à|em|el|du))?\s*:[*\s]*(?P<value>.*)")
_RULE = re.compile(r"\s*[-_=]{10,}\s*$")
_QUOTE_MARKS = re.compile(r"^(?:> ?)+")
_WRAPS_FROM = 60
"""Characters from which a quoted line is long enough for a program to have wrapped it."""
_MERELY_FORWARDED = re.compile(
    r"(?:fyi|fwd?|tr|for\s+your\s+information|(?:please\s+)?see\s+below|(?:voir|cf\.?)\s+ci-dessous"
    r"|pour\s+(?:votre\s+|ton\s+)?info(?:rmation)?)\s*[.!:]?$",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """The new part of a plain text; of a mere forward, the forwarded text. Read are 200,000 characters, 5,000 lines."""
    lines = [line.translate(_UNSEEN).rstrip() for line in text[:MOST_CHARACTERS].splitlines()[:MOST_LINES]]
    written, history, forwarded = _without_history(without_banner(lines))
    own = _tidy(without_signature(written))
    if forwarded and (not own or _MERELY_FORWARDED.match(own)):
        return f"{own}\n\n{_tidy(without_signature(_forwarded_body(history)))}".strip()
    return own


def _without_history(lines: list[str]) -> tuple[list[str], list[str], bool]:
    """Own lines, the history cut at its first hard border, and whether that may be a mail handed on."""
    own: list[str] = []
    index = 0
    while index < len(lines):
        head = lines[index].strip()[:_LOOK]
        if head.startswith(">"):
            index += 1
        elif not head:
            own.append("")
            index += 1
        elif _FORWARDED.match(head):
            return own, lines[index:], True
        elif _begins_history(lines, index, head):
            return _without_rule(own), lines[index:], not any(own)
        elif _wrapped_quote(lines, index):
            index += 1
        elif length := _attribution(lines, index):
            if before := _WORDS_BEFORE_ATTRIBUTION.match(head):
                own.append(before["words"])
            index += length
            if not _quotes_follow(lines, index):
                return own, lines[index:], not any(own)
        else:
            own.append(lines[index])
            index += 1
    return own, [], False


def _begins_history(lines: list[str], index: int, head: str) -> bool:
    """A line under which nothing was written now, whatever it is marked with."""
    if _REPLY_ABOVE.match(head) or _GMAIL_OF_OLD.match(head):
        return True
    if ruled := _RULED.match(head):
        return bool(_ORIGINAL.match(ruled["words"])) or _header_block(lines, index + 1)
    return _header_block(lines, index)


def _attribution(lines: list[str], index: int) -> int:
    """How many lines, from `index` on, say `On … somebody wrote:`; 0 for none."""
    head = lines[index].strip()[:_LOOK]
    if not _ATTRIBUTION_START.match(head):
        return 0
    said = ""
    for length, line in enumerate(lines[index : index + _MOST_ATTRIBUTION_LINES], start=1):
        last = line.strip()[-_LOOK:]
        if last.startswith(">") and not last.rstrip().endswith(":"):
            return 0
        said = f"{said} {last}"[-2 * _LOOK :]
        if last.endswith((":", "---")) or ("@" in last and _ATTRIBUTION_END.search(last)):
            said = said[-_LOOK:]
            if _quotes_follow(lines, index + length):
                return length if "<" in said or _ATTRIBUTION_END.search(said) else 0
            timed = _ATTRIBUTION_END.search(said) and _STAMP.search(said)
            return length if timed or _NAMED_AND_TIMED.search(said) else 0
    return 0


def _wrapped_quote(lines: list[str], index: int) -> bool:
    """The rest of a quoted line that a program wrapped: between two marked lines, in mid-sentence."""
    if not 0 < index < len(lines) - 1 or not lines[index + 1].lstrip().startswith(">"):
        return False
    above = lines[index - 1].strip()
    in_sentence = above[-1:] not in ".?!:>" and lines[index].lstrip()[:1].islower()
    return above.startswith(">") and len(above) >= _WRAPS_FROM and in_sentence


def _quotes_follow(lines: list[str], index: int) -> bool:
    """Whether the first line that is not blank, from `index` on, is quoted."""
    following = (line.strip() for line in lines[index : index + 6])
    return next((line for line in following if line), "").startswith(">")


def _header_block(lines: list[str], index: int) -> bool:
    """A pasted mail header: From/De and two more of its kind near; From first, or an address or time in it."""
    if index >= len(lines) or (first := _header_name(lines[index])) is None:
        return False
    block = lines[index : index + 9]
    names = {name for line in block if (name := _header_name(line))}
    enough = bool(names & _FROM) and len(names & _OTHERS) >= 2
    return enough and (first in _FROM or bool(_STAMP.search(" ".join(line[:_LOOK] for line in block))))


def _header_name(line: str) -> str | None:
    found = _HEADER.match(line[:_LOOK])
    name = found["name"].lower() if found else ""
    return name if name in _FROM or name in _OTHERS else None


def _without_rule(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and (not lines[end - 1].strip() or _RULE.match(lines[end - 1][:_LOOK])):
        end -= 1
    return lines[:end]


def _forwarded_body(history: list[str]) -> list[str]:
    """The text below the header block of a forwarded mail, which ends with a blank line."""
    index, named = 0, False
    while index < min(len(history), 20):
        head = history[index].strip()[:_LOOK].lstrip("> ")
        if head and not (_FORWARDED.match(head) or _RULED.match(head) or _header_name(head) or named):
            break
        named = bool(head) and (named or _header_name(head) is not None)
        index += 1
    return _without_history([_QUOTE_MARKS.sub("", line) for line in history[index:]])[0]


def _tidy(lines: list[str]) -> str:
    """No blank lines at the ends, at most one between paragraphs."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
