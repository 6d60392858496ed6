"""Mail to text: does anything break it, how long and how big does it get, and is the reply cut as others would?

    python -m benchmarks parse [--mutants 5000] [--megabytes 50]

Real mails in ../shared/data/mail are read when they are there; of their reply bodies only broad groups of
failures were looked at while the rules were written. mail-parser-reply, email-reply-parser and quotequail are
measured in the same run when they are installed. "Exactly" means: the same words in the same order.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import lxml.etree
from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console
from rich.table import Table

from benchmarks.kit import forget_peak, peak_mb
from tests.sources import replies
from tests.sources.mail_mutants import hostile, mutants
from triage.ops.parse import as_json
from triage.sources import mail, mail_parts, mail_reply

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "mail"
SECOND = 1.0
SEED = 20261123
OURS = "our own tests"
"""Written by us with the rules, which were mended until all passed; at first 36 of 41 and 36 of 44 did."""
Cutter = Callable[[str], str]
Case = tuple[str, str, str, str]
"""Set, language, body, what must be left."""

_LANGUAGES = ["en", "fr", "de", "es", "it", "nl", "pl", "cs", "da", "sv"]
_NO_ENGLISH = (
    "chinese danish dutch finnish german italian norwegian polish portuguese russian spanish swedish ukrainian "
    "email_headers_4 usenet email_7 email_8 email_12 email_13 email_14 email_16 email_17"
).split()
_FRENCH = "french email_9 email_10 email_11 _fr".split()
_FIRST_PARAGRAPH = (
    "7 8 9 10 11 12 13 14 15 16 17 18 22 23 24 25 26 portuguese german german_2 german_3 german_outlook "
    "norwegian_gmail finnish italian russian outlook_split_line_from gmail_split_line_from ios_outlook_fr ios_outlook "
    "msn fr_multiline french_2 en_multiline_2 original_message original_message_2 danish_dash_separator "
    "french_dash_separator tricky_5_mixed_languages tricky_10_special_chars_in_name tricky_12_no_space_after_header "
    "tricky_14_long_quote_header tricky_15_original_message_variations"
).split()
"""Fixtures of email-reply-parser whose own tests expect the one paragraph that they all begin with."""
_FIRST_LINES = {
    "email_1": 7, "email_3": 5, "email_sent_from": 1, "email_zoho": 2, "email_with_regards": 5, "correct_sig": 1,
    "sig_no_empty_line": 1, "email_emoji": 7, "email_5": 0, "email_not_a_signature": 0, "email_not_a_signature_2": 0,
    "email_tricky_1_on_false_positive": 0, "email_tricky_13_timestamp_variations": 0,
}  # fmt: skip
"""Others: the leading lines that its tests expect, 0 for all of them."""


@dataclass(kw_only=True)
class Run:
    """What reading many mails cost; `beside` is the most memory, in MB, that one took beside its own bytes."""

    files: int = 0
    crashes: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_name: str = ""
    seconds: float = 0.0
    beside: float = 0.0

    def read(self, name: str, raw: bytes) -> None:
        """Read one as `triage parse` does; a crash is counted, and named by its kind."""
        begun = time.perf_counter()
        try:
            as_json(mail.parse(raw))
        except Exception as error:  # any kind at all is what is being looked for
            self.crashes.append(f"{name}: {error!r}")
        took = time.perf_counter() - begun
        self.files, self.seconds = self.files + 1, self.seconds + took
        if took > self.slowest:
            self.slowest, self.slowest_name = took, name

    def weigh(self, raw: bytes) -> None:
        """Read one again to see its memory, which takes several times as long."""
        tracemalloc.start()
        mail.parse(raw)
        self.beside = max(self.beside, tracemalloc.get_traced_memory()[1] / 1_000_000)
        tracemalloc.stop()


def read_files() -> Run:
    """Every file of ../shared/data/mail, expectations included: they are bytes as well."""
    run = Run()
    for path in sorted(DATA.rglob("*")):
        if path.is_file():
            run.read(path.name, path.read_bytes())
            run.weigh(path.read_bytes())
    return run


def read_mutants(count: int) -> Run:
    """So many mutants of well-formed mails, the same at each run."""
    run = Run()

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants())
    def read(raw: bytes) -> None:
        if run.files < count:
            run.read(f"mutant {run.files + 1}", raw)
            run.weigh(raw)

    read()
    return run


def shape(part: mail_parts.Part) -> Any:
    """The tree of a mail: '.' is a leaf, a tuple a multipart, ('mail', …) a mail in a mail."""
    if part.kind.startswith("multipart/"):
        return tuple(shape(child) for child in part.children)
    return ("mail", shape(part.children[0])) if part.children else "."


def standard_shape(part: Message) -> Any:
    """The same of the standard library's parser."""
    children = part.get_payload() if part.is_multipart() else []
    if part.get_content_maintype() == "multipart":
        return tuple(standard_shape(child) for child in children if isinstance(child, Message))
    found = [child for child in children if isinstance(child, Message)]
    return ("mail", standard_shape(found[0])) if found else "."


def expected_shape(element: Any) -> Any:
    """The same of an expectation of mime4j."""
    for child in element:
        if child.tag == "multipart":
            return tuple(expected_shape(part) for part in child if part.tag == "body-part")
        if child.tag == "message":
            return ("mail", expected_shape(child))
    return "."


def structures() -> Table:
    """Agreement with mime4j's `.expected` trees, ours beside the standard library's parser."""
    table = Table("mime4j .expected", "mails", "ours", "email.parser", title="Same tree of parts")
    ours = standard = total = 0
    for path in sorted((DATA / "mime4j").glob("*.expected")):
        root = lxml.etree.fromstring(path.read_bytes(), lxml.etree.XMLParser(recover=True, huge_tree=True))
        raw = path.with_suffix("").read_bytes()
        wanted = expected_shape(root)
        total += 1
        ours += shape(mail_parts.read(raw, [])) == wanted
        standard += standard_shape(message_from_bytes(raw)) == wanted
    table.add_row("trees", str(total), _share(ours, total), _share(standard, total))
    return table


def cases() -> Iterator[Case]:
    """Every reply body with an expectation."""
    folder = DATA / "reply_bodies"
    for path in sorted(folder.glob("email_reply_trimmer__*.expected")):
        yield "email_reply_trimmer", _language(path.name), _text(path.with_suffix("")), _text(path)
    paragraph = ""
    if (first := folder / "email-reply-parser__email_french_2.txt").exists():
        paragraph = "\n".join(_text(first).strip().splitlines()[:6])
    for path in sorted(folder.glob("email-reply-parser__*.txt")):
        name, body = path.stem.partition("__")[2], _text(path)
        if name.removeprefix("email_") in _FIRST_PARAGRAPH:
            yield "email-reply-parser", _language(path.stem), body, paragraph
        elif (lines := _FIRST_LINES.get(name)) is not None:
            yield "email-reply-parser", "en", body, "\n".join(body.splitlines()[: lines or None])
    for language in replies.LANGUAGES:
        for reply in replies.load(language):
            yield OURS, language, reply.body, reply.expected


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _language(name: str) -> str:
    stem = name.partition("__")[2].removesuffix(".expected").removesuffix(".txt")
    if any(
        word in f"{stem}_" if word[0] == "_" else word in stem for word in _FRENCH if not word[-1].isdigit()
    ):
        return "fr"
    if stem in _FRENCH:
        return "fr"
    foreign = any(word in stem for word in _NO_ENGLISH if not word[-1].isdigit()) or stem in _NO_ENGLISH
    return "other" if foreign else "en"


def cutters() -> dict[str, Cutter]:
    """Ours and those libraries that are installed, each with the settings that its documentation advises."""
    found: dict[str, Cutter] = {"ours": mail_reply.new_text}
    for name, module, make in (
        ("mail-parser-reply", "mailparser_reply", _mail_parser_reply),
        ("email-reply-parser", "email_reply_parser", lambda m: m.EmailReplyParser.parse_reply),
        ("quotequail", "quotequail", _quotequail),
    ):
        try:
            found[name] = make(importlib.import_module(module))
        except ImportError:
            Console().print(f"{name} is not installed: left out")
    return found


def _mail_parser_reply(module: Any) -> Cutter:
    parser = module.EmailReplyParser(languages=_LANGUAGES)

    def cut(text: str) -> str:
        answers = parser.read(text=text).replies
        return answers[0].body if answers else ""

    return cut


def _quotequail(module: Any) -> Cutter:
    return lambda text: "\n".join(piece for new, piece in module.quote(text) if new)


def agreement(found: dict[str, Cutter]) -> Table:
    """Share of bodies cut exactly, per set and language."""
    table = Table("set", "language", "bodies", *found, title="Reply bodies cut exactly")
    right: dict[tuple[str, str], dict[str, int]] = {}
    for where, language, body, expected in cases():
        totals = [("all but ours", language), ("all but ours", "all")] if where != OURS else []
        for row in ((where, language), *totals):
            counts = right.setdefault(row, dict.fromkeys(["bodies", *found], 0))
            counts["bodies"] += 1
            for name, cut in found.items():
                counts[name] += _same(functools.partial(cut, body), expected)
    for (where, language), counts in sorted(
        right.items(), key=lambda item: (item[0][0] == "all but ours", item[0])
    ):
        shares = [_share(counts[name], counts["bodies"]) for name in found]
        table.add_row(where, language, str(counts["bodies"]), *shares)
    return table


def _same(cut: Callable[[], str], expected: str) -> bool:
    try:
        return cut().split() == expected.split()
    except Exception:  # a library that breaks on a body has not cut it
        return False


def _share(part: int, whole: int) -> str:
    return f"{part} ({part / whole:.0%})" if whole else "-"


def reading(runs: Iterable[tuple[str, Callable[[], Run]]]) -> tuple[Table, bool]:
    """The table of crashes, time and memory, and whether all is as it should be."""
    table = Table(
        "mails",
        "files",
        "crashes",
        "slowest",
        "which",
        "mean",
        "memory beside the mail",
        "process +",
        title="Reading",
    )
    good = True
    for name, make in runs:
        forget_peak()
        before = peak_mb()
        run = make()
        grown = peak_mb() - before
        mean = run.seconds / max(1, run.files)
        table.add_row(
            name, str(run.files), str(len(run.crashes)), f"{run.slowest:.3f} s", run.slowest_name,
            f"{1000 * mean:.1f} ms", f"{run.beside:.1f} MB", f"{grown:.0f} MB",
        )  # fmt: skip
        good = good and not run.crashes and run.slowest < SECOND
        for crash in run.crashes[:10]:
            Console().print(f"crash: {crash}")
    return table, good


def read_hostile(megabytes: int) -> Run:
    """The shapes that made mail parsers slow, each of the same size."""
    run = Run()
    for name, make in hostile(megabytes * 1_000_000).items():
        raw = make()
        run.read(name, raw)
        run.weigh(raw)
    return run


def main(argv: list[str] | None = None) -> int:
    """Print the tables; 1 when a mail crashed or took over a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks parse", description=__doc__)
    parser.add_argument("--mutants", type=int, default=5_000)
    parser.add_argument("--megabytes", type=int, default=50, help="size of the hostile mails")
    args = parser.parse_args(argv)
    console = Console(width=140)
    table, good = reading(
        [
            ("../shared/data/mail", read_files),
            (f"mutants, seed {SEED}", functools.partial(read_mutants, args.mutants)),
            (f"hostile, {args.megabytes} MB each", functools.partial(read_hostile, args.megabytes)),
        ]
    )
    console.print(table)
    if DATA.exists():
        console.print(structures())
    console.print(agreement(cutters()))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
