"""What a mail's author wrote now: quoted history, forwarding headers and signature are cut, English and French.

One pass over lines, each looked at through its first 300 characters: time grows with the length of the mail
only. When in doubt a line is kept, because a customer's words lost are worse than a quoted line too many.
"""

from __future__ import annotations

import re

MOST_CHARACTERS = 200_000
_LOOK = 300
_WROTE = r"(?:wrote|writes|a\s+écrit|écrivait|schrieb|escribió|ha\s+scritto|schreef|escreveu)"
_ATTRIBUTION_START = re.compile(
    r"(?:On|Le|Am|El|Il|Op|Em)\b.{0,40}?\d|.{0,120}?[\w.+-]+@[\w-]+", re.IGNORECASE
)
_ATTRIBUTION_END = re.compile(rf"\b{_WROTE}\b[^:]{{0,80}}:\s*$", re.IGNORECASE)
_STAMP = re.compile(r"@|\d{1,2}\s?[:h]\s?\d{2}")
_MOST_ATTRIBUTION_LINES = 4
_SEPARATOR = re.compile(
    r"[-_*\s]{2,}\s*(?:original\s+(?:message|e-?mail|appointment)|message\s+d['’]origine|(?:message|courriel)\s+original)"
    r"\s*[-_*]{2,}\s*$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"-{2,}\s*(?:forwarded\s+(?:message|by)|message\s+transféré).*|begin\s+forwarded\s+message\s*:"
    r"|début\s+du\s+message\s+(?:transféré|réexpédié)\s*:",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"[*\s]*(?P<name>from|sent|to|subject|date|cc|reply-to|de|envoyé(?:\s+le)?|à|objet|répondre\s+à|a)\s*:[*\s]*(?P<value>.*)",
    re.IGNORECASE,
)
_FIRST_HEADERS = frozenset({"from", "de"})
_RULE = re.compile(r"\s*[-_=]{10,}\s*$")
_DASHES = re.compile(r"(?:--|—|__)\s?$")
_SENT_FROM = re.compile(
    r"(?:sent\s+(?:from|via|with|using)\s+(?:my\s|the\s|outlook|mail\b|yahoo|gmail|proton|samsung|a\s+mobile|an?\s+i|i?phone)"
    r"|get\s+outlook\s+for|download\s+the\s+\S+\s+app|envoyé\s+(?:de|depuis|avec|à\s+partir\s+de|via)\s+(?:mon|ma|l['’]|un|une|"
    r"outlook|yahoo|gmail|courrier|la|orange|sfr|free|proton|samsung)|télécharge[rz]\s+outlook\s+pour|obtenez\s+outlook\s+pour).*$",
    re.IGNORECASE,
)
_VALEDICTION = re.compile(
    r"(?:(?:with\s+)?(?:(?:kind|kindest|best|warm|warmest|many)\s+)?(?:regards|wishes)|best|cheers|sincerely|yours(?:\s+\w+)?|"
    r"(?:many\s+)?thanks|thank\s+you|(?:bien\s+|très\s+)?cordialement|(?:bien\s+)?à\s+vous|salutations(?:\s+\w+)?|"
    r"(?:meilleures|sincères)\s+salutations|merci|respectueusement|bonne\s+journée)\s*[,.!]?\s*$",
    re.IGNORECASE,
)
_CONTACT = re.compile(r"(?:\d[\s().+/-]*){7,}|@|https?://|www\.", re.IGNORECASE)
_MOST_SIGNATURE_LINES = 12
_DISCLAIMER = re.compile(
    r"[*\s]*(?:confidentiality(?:\s+notice)?\s*[:.]|disclaimer\s*[:.]|avis\s+de\s+confidentialité"
    r"|this\s+(?:e-?mail|message|communication)\b.{0,80}\b(?:confidential|intended|privileged)"
    r"|(?:ce|le\s+présent)\s+(?:message|courriel|e-?mail)\b.{0,80}\b(?:confidentiel|destiné|établi))",
    re.IGNORECASE,
)


def new_text(text: str) -> str:
    """The new part of a plain text; of a mere forward, the forwarded text. At most 200,000 characters are read."""
    lines = [line.rstrip() for line in text[:MOST_CHARACTERS].splitlines()]
    written, history, forwarded = _without_history(lines)
    own = _tidy(_without_signature(written))
    if own or not history:
        return own
    if forwarded:
        return _tidy(_without_signature(_forwarded_body(history)))
    return ""


def _without_history(lines: list[str]) -> tuple[list[str], list[str], bool]:
    """Own lines, the history cut at its first hard border, and whether that border announces a forward."""
    own: list[str] = []
    index = 0
    while index < len(lines):
        head = lines[index].strip()[:_LOOK]
        if head.startswith(">"):
            index += 1
        elif _FORWARDED.match(head):
            return own, lines[index:], True
        elif _SEPARATOR.match(head) or _header_block(lines, index):
            nothing_yet = not any(line.strip() for line in own)
            return _without_rule(own), lines[index:], nothing_yet
        elif length := _attribution(lines, index):
            if _quotes_follow(lines, index + length):
                index += length
            elif _STAMP.search(" ".join(lines[index : index + length])):
                return own, lines[index + length :], not any(line.strip() for line in own)
            else:
                own.append(lines[index])
                index += 1
        else:
            own.append(lines[index])
            index += 1
    return own, [], False


def _attribution(lines: list[str], index: int) -> int:
    """How many lines, from `index` on, say `On … somebody wrote:`; 0 for none."""
    head = lines[index].strip()[:_LOOK]
    if not head or not _ATTRIBUTION_START.match(head):
        return 0
    for length in range(1, _MOST_ATTRIBUTION_LINES + 1):
        if index + length > len(lines):
            return 0
        last = lines[index + length - 1].strip()
        if not last or last.startswith(">"):
            return 0
        joined = " ".join(
            line.strip()[:_LOOK] for line in lines[max(index, index + length - 2) : index + length]
        )
        if _ATTRIBUTION_END.search(joined[-_LOOK:]):
            return length
    return 0


def _quotes_follow(lines: list[str], index: int) -> bool:
    """Whether the first line that is not blank, from `index` on, is quoted."""
    following = (line.strip() for line in lines[index : index + 6])
    return next((line for line in following if line), "").startswith(">")


def _header_block(lines: list[str], index: int) -> bool:
    """A pasted mail header: From/De first, and two more of its kind in the next lines."""
    first = _HEADER.match(lines[index][:_LOOK])
    if first is None or first["name"].lower() not in _FIRST_HEADERS:
        return False
    names = {
        found["name"].lower()
        for line in lines[index + 1 : index + 9]
        if (found := _HEADER.match(line[:_LOOK]))
    }
    return len(names - _FIRST_HEADERS) >= 2


def _without_rule(lines: list[str]) -> list[str]:
    end = len(lines)
    while end and (not lines[end - 1].strip() or _RULE.match(lines[end - 1][:_LOOK])):
        end -= 1
    return lines[:end]


def _forwarded_body(history: list[str]) -> list[str]:
    """The text below the header block of a forwarded mail."""
    index = 0
    while index < min(len(history), 14):
        head = history[index].strip()[:_LOOK].lstrip("> ")
        if head and not (_HEADER.match(head) or _FORWARDED.match(head) or _SEPARATOR.match(head)):
            break
        index += 1
    body = [re.sub(r"^(?:> ?)+", "", line) for line in history[index:]]
    return _without_history(body)[0]


def _without_signature(lines: list[str]) -> list[str]:
    own: list[str] = []
    begun = False
    for index, line in enumerate(lines):
        head = line.strip()[:_LOOK]
        if begun and (_DASHES.match(head) or _DISCLAIMER.match(head)):
            break
        if (
            begun
            and _VALEDICTION.match(head)
            and index + 3 * _MOST_SIGNATURE_LINES > len(lines)
            and _signature_block(lines[index + 1 :])
        ):
            break
        if not _SENT_FROM.match(head):
            own.append(line)
            begun = begun or bool(head)
    return own


def _signature_block(rest: list[str]) -> bool:
    """Lines below `Regards,` that are contact details, not a postscript."""
    lines = [line.strip() for line in rest if line.strip()]
    if not lines or len(lines) > _MOST_SIGNATURE_LINES:
        return False
    plain = all(
        len(line) <= 80 and "?" not in line and not line.upper().startswith(("PS", "P.S")) for line in lines
    )
    return plain and any(_CONTACT.search(line) for line in lines)


def _tidy(lines: list[str]) -> str:
    """No blank lines at the ends, at most one between paragraphs."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
