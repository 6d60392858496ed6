"""What is left of a reply: nearly a hundred bodies of our own, English and French."""

from __future__ import annotations

import pytest

from tests.sources import replies
from triage.sources import mail, mail_reply

CASES = {f"{language}/{r.name}": r for language in replies.LANGUAGES for r in replies.load(language)}


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_of_a_reply(name: str) -> None:
    assert mail_reply.new_text(CASES[name].body) == CASES[name].expected


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_same_in_a_mail(name: str) -> None:
    raw = b"From: a@b.c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + CASES[name].body.encode()
    assert mail.parse(raw.replace(b"\n", b"\r\n")).text == CASES[name].expected


def test_there_are_enough_of_each_language() -> None:
    assert all(len(replies.load(language)) >= 30 for language in replies.LANGUAGES)
    assert len(CASES) == sum(len(replies.load(language)) for language in replies.LANGUAGES)


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_cut_twice(name: str) -> None:
    assert mail_reply.new_text(CASES[name].expected) == CASES[name].expected


OUTLOOK = (
    "<div class=WordSection1><p class=MsoNormal>Toujours en panne.<o:p></o:p></p><p class=MsoNormal>&nbsp;</p>"
    "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal><b>De&nbsp;:</b> Volmera "
    "&lt;c@v.example&gt; <br><b>Envoyé&nbsp;:</b> mardi 3 novembre 2026 10:00<br><b>À&nbsp;:</b> Ana<br>"
    "<b>Objet&nbsp;:</b> Panne</p></div></div><p class=MsoNormal>Bonjour,</p></div>"
)
GMAIL_FORWARD = (
    '{}<div class="gmail_quote"><div dir="ltr" class="gmail_attr">---------- Forwarded message ---------<br>From: '
    "<strong>Bea</strong> &lt;b@x.example&gt;<br>Date: Tue, 3 Nov 2026<br>Subject: Cable<br>To: shop<br></div>"
    "<br><br><div>The cable melted.</div></div>"
)
GMAIL_INLINE = (
    '<div class="gmail_quote"><div class="gmail_attr">On Tue, 3 Nov 2026 at 10:00, C &lt;c@v.example&gt; wrote:</div>'
    '<blockquote class="gmail_quote"><div>Which model?</div></blockquote><div>The Duo 7.</div>'
    '<blockquote class="gmail_quote"><div>Since when?</div></blockquote><div>Monday.</div></div>'
)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        (
            "Le bouton est cassé.<div><br></div><div>Zoé<br><div><blockquote type=cite><div>Le 3 nov. 2026 à 10:00, V "
            "&lt;c@v.example&gt; a écrit :</div><br><div>Bonjour</div></blockquote></div></div>",
            "Le bouton est cassé.\n\nZoé",
        ),
        (
            "<body>Still broken.<div><div>Sent from my iPhone</div><div><br><blockquote type=cite>On 3 Nov "
            "2026, at 10:00, Care &lt;c@v.example&gt; wrote:<br></blockquote></div><blockquote type=cite><div>Hello"
            "</div></blockquote></div></body>",
            "Still broken.",
        ),
        (OUTLOOK, "Toujours en panne."),
        (
            '<p>No change.</p><div class="moz-cite-prefix">On 03/11/2026 10:00, Care wrote:<br></div><blockquote '
            'type="cite"><p>Hello</p></blockquote><p>Not since Monday.</p><div class="moz-signature">-- <br>Ana</div>',
            "No change.\n\nNot since Monday.",
        ),
        (
            '<div>Where is it?</div><div class="yahoo_quoted"><div>On Tuesday, Care wrote:</div>Soon</div>',
            "Where is it?",
        ),
        (GMAIL_FORWARD.format(""), "The cable melted."),
        (GMAIL_FORWARD.format("FYI"), "FYI\n\nThe cable melted."),
        (GMAIL_FORWARD.format("Is this ours?"), "Is this ours?"),
        (GMAIL_INLINE, "The Duo 7.\nMonday."),
        ("<blockquote>A text that somebody indented</blockquote>", "A text that somebody indented"),
    ],
)
def test_html_replies(html: str, expected: str) -> None:
    raw = b"From: a@b.c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html.encode()
    assert mail.parse(raw).text == expected
