"""The lines of a mail that nobody wrote for the occasion: signature, disclaimer, `Sent from my …`, banners."""

from __future__ import annotations

import re

_LOOK = 300
_DASHES = re.compile(r"(?:--|—|__)\s?$")
_MOST_BELOW_DASHES = 25
_SENT_FROM = re.compile(
    r"[<(\[\s]*(?:sent\s+(?:from|via|with|using|by)\b|get\s+outlook\s+for|download\s+the\s+\S+\s+app"
    r"|envoyé\s+(?:de|depuis|avec|à\s+partir\s+de|via)\b|provenance\s*:|télécharge[rz]\s+outlook\s+pour"
    r"|obtene[rz]\s+outlook\s+pour|von\s+meine[mr]\b.*gesendet|gesendet\s+(?:von|mit)|enviado\s+(?:desde|do|de|a\s+partir)"
    r"|inviato\s+d|verzonden\s+(?:vanaf|met|via)|skickat\s+från|sendt\s+fra|wysłane?\s+z|отправлено\s+(?:с|из))",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"i?phone|ipad|ipod|mobile?\b|mobil|android|galaxy|samsung|huawei|xiaomi|pixel|blackberry|nokia|tablet|handy|"
    r"device|appareil|smartphone|téléphone|portable|outlook|\bmail|yahoo|gmail|proton|windows|orange|sfr\b|\bfree\b|"
    r"\bcell\b|app\b",
    re.IGNORECASE,
)
_MOST_WORDS_WITHOUT_DEVICE, _MOST_WORDS_WITH_DEVICE, _WORDS_TO_DEVICE = 5, 8, 6
_VALEDICTION = re.compile(
    r"(?:(?:with\s+)?(?:(?:kind|kindest|best|warm|warmest|many)\s+)?(?:regards|wishes)|best|cheers|sincerely|yours(?:\s+\w+)?|"
    r"(?:many\s+)?thanks|thank\s+you|(?:bien\s+|très\s+)?cordialement|(?:bien\s+)?à\s+vous|salutations(?:\s+\w+)?|"
    r"(?:meilleures|sincères)\s+salutations|merci|(?:bien\s+)?cdl?t|rgds|bien\s+à\s+toi|respectueusement|bonne\s+journée)\s*[,.!]?\s*$"
    r"|(?:je\s+vous\s+prie|nous\s+vous\s+prions|veuillez)\s+(?:d['’])?(?:agréer|recevoir|accepter|croire)\b",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"(?:\+\s?\d|\(?\b0\d?)(?:[\s().+/-]*\d){7,}|\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}\b|@|https?://|www\.",
    re.IGNORECASE,
)
"""An address or a number to call; an order's number is neither."""
_PARTICLES = frozenset("de du des la le von van der den di da del dos et and &".split())
_MOST_WORDS_OF_NAME = 6
_MOST_SIGNATURE_LINES = 12
_DISCLAIMER = re.compile(
    r"[*\s]*(?:confidentiality(?:\s+notice)?\s*[:.]|disclaimer\s*[:.]|avis\s+de\s+confidentialité"
    r"|this\s+(?:e-?mail|message|communication)\b.{0,80}\b(?:confidential|intended|privileged)"
    r"|(?:ce|le\s+présent)\s+(?:message|courriel|e-?mail)\b.{0,80}\b(?:confidentiel|destiné|établi)"
    r"|please\s+consider\s+the\s+environment|(?:pensez|penser)\s+à\s+l['’]environnement\s+avant\s+d['’]imprimer"
    r"|avant\s+d['’]imprimer\b.{0,40}\benvironnement)",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"addressee|recipient|individual\s+or\s+entity|in\s+error|attach|disclos|unauthori[sz]ed|printing|destinataire|par\s+erreur|pièces?\s+jointe"
    r"|divulg|imprimer",
    re.IGNORECASE,
)
_BANNER = re.compile(
    r"[\[*\s]*(?:caution|warning|attention|external|avertissement|externe)\b"
    r"(?=.*\b(?:e-?mail|message|courriel|sender|expéditeur)\b)"
    r".*\b(?:outside\s+(?:of\s+)?(?:the|your|our)|external\s+(?:sender|source|e-?mail)|(?:expéditeur|source|adresse)\s+externe"
    r"|extérieure?\s+(?:de|à)\s+(?:l['’]|la\s|votre|notre))",
    re.IGNORECASE,
)
_ORNAMENT = re.compile(r"(?:[-_*=#~+]{2,}|\u1427)$")
"""A line of signs only; U+1427 is what a mail tracker leaves."""


def without_banner(lines: list[str]) -> list[str]:
    """Without the paragraph that a company's server puts above mail from outside."""
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if not lines or not _BANNER.match(lines[first][:_LOOK]):
        return lines
    end = next((index for index in range(first, len(lines)) if not lines[index].strip()), first)
    return lines[end:] if end > first else lines


def without_signature(lines: list[str]) -> list[str]:
    """The lines above the signature; a signature never begins a mail."""
    begun = next((index for index, line in enumerate(lines) if line.strip()), len(lines))
    own = lines[: begun + 1]
    foot = _foot(lines)
    for index in range(begun + 1, len(lines)):
        head = lines[index].strip()[:_LOOK]
        if _disclaims(lines, index, head) or (index >= foot and _DASHES.match(head)):
            break
        if not _sent_from_device(head):
            own.append(lines[index])
    own = _without_tail(own)
    return own[: _valediction(own, begun)]


def _disclaims(lines: list[str], index: int, head: str) -> bool:
    """A paragraph of a lawyer; `this message is confidential` alone may be a whistleblower's."""
    if lines[index - 1].strip() or not _DISCLAIMER.match(head):
        return False
    return bool(_LEGAL.search(" ".join(line[:_LOOK] for line in lines[index : index + 12])))


def _foot(lines: list[str]) -> int:
    """From where on `--` may begin a signature: the last lines that are not blank."""
    written = [index for index, line in enumerate(lines) if line.strip()]
    return written[-_MOST_BELOW_DASHES - 1] if len(written) > _MOST_BELOW_DASHES else 0


def _without_tail(lines: list[str]) -> list[str]:
    """Blank lines, ornaments and `Sent from my …` taken off the end."""
    end = len(lines)
    while end and (not (head := lines[end - 1].strip()[:_LOOK]) or _ORNAMENT.match(head) or _sent_from(head)):
        end -= 1
    return lines[:end]


def _sent_from(head: str) -> bool:
    """`Sent from my …`, where nothing but this can stand: at the end of a mail."""
    return bool(_SENT_FROM.match(head)) and (
        len(head.split()) <= _MOST_WORDS_WITHOUT_DEVICE or _names_device(head)
    )


def _sent_from_device(head: str) -> bool:
    """The same in the middle, where only a short line that names a device is sure to be no sentence."""
    return (
        bool(_SENT_FROM.match(head)) and len(head.split()) <= _MOST_WORDS_WITH_DEVICE and _names_device(head)
    )


def _names_device(head: str) -> bool:
    return bool(_DEVICE.search(" ".join(head.split()[:_WORDS_TO_DEVICE])))


def _valediction(lines: list[str], begun: int) -> int:
    """Where `Regards,` and contact details end the mail; the number of lines when they do not."""
    for index in range(max(begun + 1, len(lines) - 3 * _MOST_SIGNATURE_LINES), len(lines)):
        if _VALEDICTION.match(lines[index].strip()[:_LOOK]) and _is_signature(lines[index + 1 :]):
            return index
    return len(lines)


def _is_signature(rest: list[str]) -> bool:
    """Lines below `Regards,` that begin with a name and give a way to call, and are no postscript."""
    lines = [line.strip() for line in rest if line.strip()]
    if not lines or len(lines) > _MOST_SIGNATURE_LINES or not _is_name(lines[0]):
        return False
    plain = all(
        len(line) <= 80 and "?" not in line and not line.upper().startswith(("PS", "P.S")) for line in lines
    )
    return plain and any(_CONTACT.search(line) for line in lines)


def _is_name(line: str) -> bool:
    """Every word begins with a capital letter, or is one that stands in names."""
    words = line.replace(",", " ").replace("|", " ").split()
    return 0 < len(words) <= _MOST_WORDS_OF_NAME and all(
        w[0].isupper() or w.lower() in _PARTICLES for w in words
    )
