"""RFC 5322 to text: what mails of every kind become, and that no bytes break it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triage.ops.parse import as_json
from triage.sources import mail, mail_header, mail_html, mail_reply

HEAD = b"From: Ana Sorel <Ana@Example.org>\r\nTo: care@volmera.example\r\nSubject: Leak\r\n"


def body(text: str, head: bytes = HEAD, charset: str = "utf-8") -> mail.Parsed:
    typed = f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode()
    return mail.parse(head + typed + text.encode(charset, "replace"))


class TestHeaders:
    def test_plain(self) -> None:
        parsed = mail.parse(
            HEAD
            + b"Date: Tue, 03 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@x>\r\nIn-Reply-To: <0@x>\r\n"
            + b"References: <-1@x>\r\n <0@x>\r\n\r\nHello\r\n"
        )
        assert parsed.sender == ("Ana Sorel", "ana@example.org")
        assert parsed.to == (("", "care@volmera.example"),)
        assert parsed.sent_at == datetime(2026, 11, 3, 9, tzinfo=UTC)
        assert (parsed.message_id, parsed.in_reply_to) == ("<1@x>", "<0@x>")
        assert parsed.references == ("<-1@x>", "<0@x>")
        assert (parsed.subject, parsed.text, parsed.defects) == ("Leak", "Hello", ())

    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            (b"=?utf-8?b?w4l0w6k=?=", "Été"),
            (b"=?UTF-8?Q?d=C3=A9faut?= du robot", "défaut du robot"),
            (b"=?utf-8?b?w4k=?=\r\n =?utf-8?b?dMOp?=", "Été"),
            (b"=?utf-8?b?w?= =?utf-8?b?w4k=?=", "É"),
            (b"=?iso-8859-1?q?=E9t=E9?=", "été"),
            (b"=?iso-8859-1?q?=C3=A9t=C3=A9?=", "été"),
            (b"=?nonsense?q?caf=E9?=", "café"),
            (b"=?utf-8?q?two_words?= and more", "two words and more"),
            ("Été à nu".encode(), "Été à nu"),
            ("Été à nu".encode("latin-1"), "Été à nu"),
            (b"=?utf-8*fr?q?langue?=", "langue"),
            (b"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
            (b"a\tb\x01c", "a b c"),
        ],
    )
    def test_subjects(self, raw: bytes, expected: str) -> None:
        assert mail.parse(b"From: a@b.c\r\nSubject: " + raw + b"\r\n\r\nx").subject == expected

    @pytest.mark.parametrize(
        ("raw", "name", "address"),
        [
            (b'"Doe, John" <John@X.org>', "Doe, John", "john@x.org"),
            (b"=?utf-8?q?Lef=C3=A8vre=2C_Zo=C3=A9?= <z@x.org>", "Lefèvre, Zoé", "z@x.org"),
            (b"john@x.org (John)", "John", "john@x.org"),
            (b"<<john@x.org>>", "", "john@x.org"),
            (b"John john@x.org", "", "john@x.org"),
            (b"undisclosed", "", ""),
            (b"(" * 5000, "", ""),
        ],
    )
    def test_senders(self, raw: bytes, name: str, address: str) -> None:
        found = mail.parse(b"From: " + raw + b"\r\n\r\nx").sender
        assert found[1] == address
        assert found[0] == name or name == ""

    @pytest.mark.parametrize("raw", ["", "yesterday", "Tue, 99 Foo 2026", "Mon, 1 Jan 99999 00:00:00 +0000"])
    def test_a_date_that_is_none(self, raw: str) -> None:
        assert mail_header.date(raw) is None
        assert mail_header.date("3 Nov 2026 10:00:00") == datetime(2026, 11, 3, 10, tzinfo=UTC)


class TestText:
    @pytest.mark.parametrize(
        ("claimed", "data", "expected"),
        [
            ("us-ascii", "déjà vu".encode(), "déjà vu"),
            ("us-ascii", "déjà vu".encode("latin-1"), "déjà vu"),
            ("utf-8", "déjà vu".encode("latin-1"), "déjà vu"),
            ("iso-8859-1", "5 € “cash”".encode("cp1252"), "5 € “cash”"),
            ("iso-8859-1", "déjà vu".encode(), "déjà vu"),
            ("iso-8859-15", "5 €".encode("iso-8859-15"), "5 €"),
            ("x-unknown", "déjà vu".encode(), "déjà vu"),
            ("punycode", b"plain", "plain"),
            ("rot13", b"plain", "plain"),
            ("utf-16", "déjà vu".encode("utf-16"), "déjà vu"),
            ("gb2312", "测试".encode("gb18030"), "测试"),
        ],
    )
    def test_charsets_that_lie(self, claimed: str, data: bytes, expected: str) -> None:
        encoded = base64.b64encode(data)
        head = f"Content-Type: text/plain; charset={claimed}\r\nContent-Transfer-Encoding: base64\r\n\r\n".encode()
        assert mail.parse(HEAD + head + encoded).full_text == expected

    def test_html_only(self) -> None:
        source = "<html><head><style>p{}</style></head><p>Bonjour,</p><p>&Eacute;cran <b>cass&eacute;</b></p>"
        parsed = mail.parse(HEAD + b"Content-Type: text/html\r\n\r\n" + source.encode())
        assert parsed.text.split() == ["Bonjour,", "Écran", "cassé"]

    def test_html_history_is_cut_and_kept_in_full_text(self) -> None:
        source = (
            "<div>It still leaks.</div><div class='gmail_quote'><div class='gmail_attr'>On Tue you wrote:</div>"
            "<blockquote>Have you tried to turn it?</blockquote></div>"
        )
        parsed = mail.parse(HEAD + b"Content-Type: text/html\r\n\r\n" + source.encode())
        assert parsed.text == "It still leaks."
        assert "tried to turn it" in parsed.full_text

    def test_outlook_html_history(self) -> None:
        source = (
            "<p>Still broken.</p><div id='appendonsend'></div><hr><div><b>From:</b> us</div><p>old words</p>"
        )
        assert mail.parse(HEAD + b"Content-Type: text/html\r\n\r\n" + source.encode()).text == "Still broken."

    @pytest.mark.parametrize(
        "source", ["<div>" * 5000 + "deep", "<ul>" + "<li>x" * 20000, "<", "<!--", "<style", ""]
    )
    def test_html_that_cannot_be_rendered(self, source: str) -> None:
        whole, fresh = mail_html.to_text(source)
        assert isinstance(whole, str)
        assert isinstance(fresh, str)
        assert ("deep" in whole) == ("deep" in source)

    def test_script_text_is_never_shown(self) -> None:
        source = "<div>" * 400 + "<script>alert(1)</script><!-- x --><STYLE>p</STYLE>seen"
        assert mail_html.to_text(source)[0].split() == ["seen"]


class TestStructure:
    def test_alternative_prefers_plain_that_says_something(self) -> None:
        message = EmailMessage()
        message["From"] = "a@b.c"
        message.set_content("plain words")
        message.add_alternative("<p>html words</p>", subtype="html")
        assert mail.parse(message.as_bytes()).text == "plain words"
        message.get_payload(0).set_content(" \n")
        assert mail.parse(message.as_bytes()).text == "html words"

    def test_attachments_are_listed_and_not_read(self) -> None:
        message = EmailMessage()
        message["From"] = "a@b.c"
        message.set_content("See the picture.")
        message.add_attachment(b"\x89PNG" * 1000, maintype="image", subtype="png", filename="fumée.png")
        message.add_attachment("secret", filename="note.txt")
        parsed = mail.parse(message.as_bytes())
        assert parsed.text == "See the picture."
        assert [(a.name, a.type, a.bytes) for a in parsed.attachments] == [
            ("fumée.png", "image/png", 4000),
            ("note.txt", "text/plain", 7),
        ]

    def test_a_large_attachment_keeps_its_size_and_what_follows(self) -> None:
        message = EmailMessage()
        message["From"] = "a@b.c"
        message["Date"] = "Tue, 03 Nov 2026 10:00:00 +0100"
        message.set_content("Before.")
        message.add_attachment(bytes(range(256)) * 8000, maintype="video", subtype="mp4", filename="a.mp4")
        message.add_attachment(b"x", maintype="image", subtype="png", filename="b.png")
        parsed = mail.parse(message.as_bytes())
        assert [(a.name, a.bytes) for a in parsed.attachments] == [("a.mp4", 2_048_000), ("b.png", 1)]
        assert parsed.defects == ()

    def test_a_nested_mail_is_an_attachment_unless_there_is_nothing_else(self) -> None:
        inner = EmailMessage()
        inner["From"] = "x@y.z"
        inner.set_content("inner words")
        outer = EmailMessage()
        outer["From"] = "a@b.c"
        outer.set_content("outer words")
        outer.add_attachment(inner)
        parsed = mail.parse(outer.as_bytes())
        assert parsed.text == "outer words"
        assert [a.type for a in parsed.attachments] == ["message/rfc822"]
        bare = HEAD + b"Content-Type: message/rfc822\r\n\r\n" + inner.as_bytes()
        assert mail.parse(bare).text == "inner words"
        inner.set_content("<p>inner <b>html</b></p>", subtype="html")
        assert (
            mail.parse(HEAD + b"Content-Type: message/rfc822\r\n\r\n" + inner.as_bytes()).text == "inner html"
        )

    def test_five_hundred_parts_at_most(self) -> None:
        parts = b"--q\r\n\r\nword\r\n" * 1200
        parsed = mail.parse(HEAD + b"Content-Type: multipart/mixed; boundary=q\r\n\r\n" + parts)
        assert parsed.full_text.count("word") <= mail.MOST_PARTS
        assert any("500 parts" in d for d in parsed.defects)

    @pytest.mark.parametrize(
        "raw",
        [
            b"",
            b"\r\n",
            b"\x00" * 100,
            b"no header at all",
            HEAD + b"Content-Type: multipart/mixed\r\n\r\nno boundary",
            HEAD + b"Content-Type: text/plain; charset*=x; charset*0*=y\r\n\r\nword",
            HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64!!!",
            HEAD + b"Content-Type: text/plain; charset*=a'b'c\r\n\r\n\xff\xfe word",
            HEAD
            + b"Content-Type: image/png; charset*=a'b'c\r\nContent-Transfer-Encoding: uue\r\n\r\n\xff word",
            HEAD
            + b"Content-Type: message/rfc822\r\n\r\nContent-Type: text/plain; charset*=a'b'c\r\n\r\n\xff",
            HEAD + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\nM",
            HEAD + b"Content-Disposition: attachment; filename*0*=x'y\r\n\r\nword",
            HEAD + b"".join(b"Content-Type: message/rfc822\r\n\r\n" for _ in range(400)) + b"word",
            b"From: a@b.c\r\n" + b"X: y\r\n" * 60000 + b"\r\nword",
            HEAD
            + b'Content-Type: multipart/mixed; boundary="b0"\r\n\r\n'
            + b"".join(
                b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (i, i + 1)
                for i in range(1500)
            ),
        ],
    )
    def test_hostile_structures(self, raw: bytes) -> None:
        json.dumps(as_json(mail.parse(raw)), ensure_ascii=False).encode("utf-8")


class TestReply:
    @pytest.mark.parametrize(
        "history",
        [
            "On Tue, 3 Nov 2026 at 10:00, Volmera Care <care@volmera.example> wrote:\n> Hello\n> Bye",
            "On Tue, 3 Nov 2026 at 10:00, Volmera Care\n<care@volmera.example> wrote:\n\n> Hello",
            "On 3 Nov 2026, at 10:00, Volmera Care <care@volmera.example> wrote:\n\nHello without marks",
            "Le mar. 3 nov. 2026 à 10:00, Volmera <care@volmera.example> a écrit :\n> Bonjour",
            "Le 3 nov. 2026 à 10 h 00, Volmera\n<care@volmera.example>\na écrit :\n> Bonjour",
            "-----Original Message-----\nFrom: Volmera\nHello",
            "-------- Message d'origine --------\nDe : Volmera\nBonjour",
            "From: Volmera <care@volmera.example>\nSent: Tuesday, 3 November 2026\nTo: Ana\nSubject: Leak\n\nHello",
            "____________\nDe : Volmera\nEnvoyé : mardi 3 novembre 2026 10:00\nÀ : Ana\nObjet : Fuite\n\nBonjour",
            "*De:* Volmera\n*Envoyé:* mardi\n*À:* Ana\n*Objet:* Fuite\n\nBonjour",
            "> quoted\n> lines",
        ],
    )
    def test_history_is_cut(self, history: str) -> None:
        assert body(f"It still leaks.\n\nWhen?\n\n{history}").text == "It still leaks.\n\nWhen?"

    def test_answers_between_the_quotes_are_kept(self) -> None:
        text = (
            "On 3 Nov 2026 10:00, Care <c@v.e> wrote:\n> Which model?\n\nThe Duo 7.\n\n> Since when?\nMonday."
        )
        assert body(text).text == "The Duo 7.\n\nMonday."

    @pytest.mark.parametrize(
        "text",
        [
            "On 12 March your colleague wrote:\nWe will refund you.\nNobody did.",
            "From: the very first day it smoked.\nSubject to change, they said.",
            "Le 3 mars, mon fils s'est brûlé : voilà.",
            "Thanks, but no.\nIt burned my hand.\n- the lid\n- the base",
            "Best regards to your team, but where is my parcel?",
            "Cordialement déçue,\nj'attends.",
            "Thanks,\nwhen will you call me on 06 12 34 56 78?",
            "Merci,\nma commande 88121234 n'est pas arrivée.",
            "Cordialement,\nvotre client qui attend, rappelez le 06 12 34 56 78",
            "Attention, l'extérieur du robot est brûlant quand un message s'affiche.",
            "Warning: the outside panel burns. This is my second message.",
            "Hello,\n\nThis message is confidential: I work in your plant.\n\nThey lied.",
            "Hello,\n\nThis e-mail is intended to tell you that it exploded.\n\nCall me.",
        ],
    )
    def test_words_of_the_author_are_kept(self, text: str) -> None:
        assert body(text).text == text

    @pytest.mark.parametrize(
        "signature",
        [
            "-- \nAna Sorel\nSales",
            "--\nAna",
            "Sent from my iPhone",
            "Envoyé de mon iPhone",
            "Envoyé depuis mon mobile Orange",
            "Get Outlook for iOS<https://aka.ms/o0ukef>",
            "Télécharger Outlook pour Android",
            "Kind regards,\nAna Sorel\n+44 20 7946 0000",
            "Bien cordialement,\nAna Sorel\nwww.example.org",
            "This e-mail and any attachment are confidential and intended for the addressee only.",
            "Ce message et ses pièces jointes sont confidentiels.",
        ],
    )
    def test_signatures_are_cut(self, signature: str) -> None:
        assert body(f"The lid broke.\n\n{signature}\n").text == "The lid broke."

    @pytest.mark.parametrize(
        "start",
        [
            "---------- Forwarded message ---------",
            "Début du message transféré :",
            "-------- Original Message --------",
        ],
    )
    def test_a_mere_forward_gives_the_forwarded_words(self, start: str) -> None:
        text = f"{start}\nFrom: Bob <b@x.y>\nDate: Tue, 3 Nov 2026\nSubject: Help\nTo: Ana\n\nIt exploded.\n"
        assert body(text).text == "It exploded."

    def test_only_a_quote_is_no_new_text(self) -> None:
        parsed = body("On 3 Nov 2026 10:00, Care <c@v.e> wrote:\n> Which model?")
        assert parsed.text == ""
        assert "Which model?" in parsed.full_text

    @given(st.text(alphabet=st.sampled_from("a>@:-_ \nOnLewrote1écitFm"), max_size=400))
    @settings(max_examples=150, deadline=None)
    def test_every_line_of_the_result_comes_from_the_mail(self, text: str) -> None:
        lines = {line.strip().lstrip("> ") for line in text.splitlines()}
        assert {line.strip().lstrip("> ") for line in mail_reply.new_text(text).splitlines()} <= lines | {""}


class TestAutomatic:
    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            ("Auto-Submitted: auto-replied", "Auto-Submitted: auto-replied"),
            ("Auto-Submitted: auto-generated; x=y", "Auto-Submitted: auto-generated"),
            ("Precedence: Bulk", "Precedence: bulk"),
            ("Precedence: auto_reply", "Precedence: auto_reply"),
            ("X-Autoreply: yes", "X-Autoreply"),
            ("X-Autorespond: Out of office", "X-Autorespond"),
            ("List-Id: <news.example.com>", "List-Id"),
            ("List-Unsubscribe: <mailto:u@x.y>", "List-Unsubscribe"),
            ("List-Unsubscribe-Post: List-Unsubscribe=One-Click", "List-Unsubscribe-Post"),
            ("Return-Path: <>", "Return-Path: <>"),
            ("X-Failed-Recipients: a@b.c", "X-Failed-Recipients"),
            ('Content-Type: multipart/report; boundary="q"', "Content-Type: multipart/report"),
            ("Auto-Submitted: no", ""),
            ("Precedence: normal", ""),
            ("Return-Path: <ana@example.org>", ""),
            ("X-Autoreply: no", ""),
            ("Subject: Automatic", ""),
        ],
    )
    def test_headers(self, header: str, reason: str) -> None:
        assert (
            mail.parse(b"From: ana@example.org\r\n" + header.encode() + b"\r\n\r\nAway.").automatic == reason
        )

    @pytest.mark.parametrize("sender", ["MAILER-DAEMON@x.y", "Mail System <postmaster@x.y>"])
    def test_robots(self, sender: str) -> None:
        assert mail.parse(f"From: {sender}\r\n\r\nUndelivered".encode()).automatic.startswith("From: ")

    def test_our_own_group_is_no_machine(self) -> None:
        raw = b"From: ana@example.org\r\nPrecedence: list\r\nList-Id: Care <care.volmera.example>\r\n\r\nHelp"
        assert mail.parse(raw).automatic
        assert not mail.parse(raw, own=["Care@volmera.example"]).automatic
