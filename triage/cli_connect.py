"""`triage connect gmail|x|bluesky|mastodon`: from credentials to a connection that works, step by step.

Everything is asked for only when no option gives it. Secrets come from a hidden prompt, a file or an environment
variable, never from the command line. Talk goes to standard error; standard output is for `--print-env`.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.core.errors import ConfigError
from triage.sources.base import Credentials, utc_now

if TYPE_CHECKING:
    from triage.ops.connections import Held

WHY = {
    "gmail": """\
Gmail. One right is asked for: https://www.googleapis.com/auth/gmail.modify
It reads mail and its history, sets labels, and may watch the mailbox. Google
counts sending as part of it, so replies need no second right. It cannot delete
mail for ever, nor change the mailbox's settings.
""",
    "x": """\
X. An app-only bearer token is enough: it reads mentions, search and public
posts, and can write nothing. Make the app in X's developer console (pay per
use); the token stands under Keys and tokens. To reply from here give
--write-keys besides: the account's own keys, with read and write permission.
""",
    "bluesky": """\
Bluesky. An app password reads notifications, search and our own posts; it can
neither change nor delete the account, and is taken back alone. It may post:
replies from here need nothing more. Make one under
Settings, Privacy and security, App passwords, without direct messages.
""",
    "mastodon": """\
Mastodon. Three rights are asked for: read:accounts (who we are),
read:notifications (mentions and quotes of us), read:statuses (hashtags, our
own posts, what a post answers). Nothing can be written, unless you ask for
--replies: then write:statuses is asked for as well.
""",
}
WORDS = {"x": "Bearer token", "bluesky": "App password"}


def add_parsers(commands: Any) -> None:
    """Add this file's sub-command."""
    connect = commands.add_parser(
        "connect",
        help="walk through an account's credentials and store them as an Airflow connection",
        description="Walk through an account's credentials, try them, and store them as an Airflow connection.",
        epilog="example: triage connect gmail care --client-secrets client_secret.json",
    )
    channels = connect.add_subparsers(dest="source", required=True, metavar="CHANNEL")
    gmail = _channel(
        channels, "gmail", "triage connect gmail care --key-file key.json --address care@example.com"
    )
    gmail.add_argument("--address", help="the mailbox; needed for a service account, a hint otherwise")
    way = gmail.add_mutually_exclusive_group()
    way.add_argument("--client-secrets", metavar="FILE", help="JSON of an OAuth client of type Desktop app")
    way.add_argument(
        "--client-id", metavar="ID", help="the same by hand; its secret by --secret-file or --secret-env"
    )
    way.add_argument(
        "--key-file", metavar="FILE", help="key of a service account with domain-wide delegation"
    )
    gmail.add_argument(
        "--no-browser", action="store_true", help="the browser is on another machine: copy and paste"
    )
    x = _channel(channels, "x", "triage connect x volmera_x --handle @volmera --secret-file token.txt")
    x.add_argument("--handle", help="such as @volmera")
    x.add_argument(
        "--write-keys", metavar="FILE",
        help="JSON with consumer_key, consumer_secret, access_token and access_token_secret: to reply from here",
    )  # fmt: skip
    bluesky = _channel(
        channels, "bluesky", "triage connect bluesky --handle @volmera.example --secret-env APP_PASSWORD"
    )
    bluesky.add_argument("--handle", help="such as @volmera.bsky.social")
    mastodon = _channel(channels, "mastodon", "triage connect mastodon --server https://mastodon.example")
    mastodon.add_argument("--server", metavar="URL", help="the server's address")
    mastodon.add_argument(
        "--replies", action="store_true", help="ask for the right to post, to reply from here"
    )


def _channel(channels: Any, source: str, example: str) -> Any:
    one = channels.add_parser(
        source, help=f"an account on {source}", description=WHY[source], epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    one.add_argument("account", nargs="?", help="its name in triage.yaml, there already or to be")
    one.add_argument("--connection", metavar="ID", help="name of the connection (default: CHANNEL_ACCOUNT)")
    secret = one.add_mutually_exclusive_group()
    secret.add_argument("--secret-file", metavar="FILE", help="file that holds the secret")
    secret.add_argument("--secret-env", metavar="NAME", help="environment variable that holds the secret")
    one.add_argument(
        "--api-endpoint", metavar="URL", default="", help="another server, for tests and the demo"
    )
    where = one.add_mutually_exclusive_group()
    where.add_argument("--print-env", action="store_true", help="print the AIRFLOW_CONN_ line; store nothing")
    where.add_argument(
        "--file", metavar="PATH", help="store in a JSON file that only you can read, not in Airflow"
    )
    one.add_argument("--replace", action="store_true", help="overwrite a connection of that name")
    one.set_defaults(func=_connect)
    return one


def _connect(args: argparse.Namespace) -> int:
    from triage.config import load
    from triage.ops import connect
    from triage.ops.connections import Held, need_airflow

    if not (args.print_env or args.file):
        need_airflow()
    settings = load()
    known = next((a for a in settings.triage.accounts if a.name == args.account), None)
    if known is not None and known.source != args.source:
        raise ConfigError(
            f"account {known.name!r} in triage.yaml is one of {known.source}; choose another name"
        )
    _tell(WHY[args.source])
    credentials = _gmail(args) if args.source == "gmail" else _social(args)
    _tell("Trying it …")
    called = args.account or connect.account_name(credentials.login)
    findings = connect.verify(args.source, called, credentials, settings, known=known)
    from triage.cli_doctor import print_findings

    print_findings(findings, file=sys.stderr)
    if not connect.works(findings):
        _tell("\nNothing was stored. Mend what is marked, then run it again.")
        return 1
    address = connect.address_of(args.source, credentials, findings)
    if args.source == "gmail" and not credentials.login:
        credentials = Credentials(login=address, extra=credentials.extra)
    name = args.account or _ask("a name for the account as argument", "Name of the account in triage.yaml",
                                connect.account_name(address), needed=False)  # fmt: skip
    conn_id = args.connection or (known.connection if known else f"{args.source}_{name}")
    held = Held(conn_id=conn_id, conn_type=args.source, credentials=credentials)
    if not _store(args, held):
        _tell("Nothing was stored.")
        return 1
    if (used := connect.account_of(settings, conn_id)) is not None:
        _tell(f"\nAccount {used.name} in triage.yaml uses it already. Next: triage doctor {used.name}")
    else:
        _tell(f"\nAdd to `accounts` in triage.yaml, then run `triage doctor {name}`:\n")
        _tell(connect.yaml_lines(name, held, address))
    return 0


def _gmail(args: argparse.Namespace) -> Credentials:
    from triage.ops.connect import key_file
    from triage.sources.gmail_auth import SCOPE
    from triage.sources.gmail_consent import OAuthClient, consent

    extra = {"api_endpoint": args.api_endpoint} if args.api_endpoint else {}
    if not (args.client_secrets or args.client_id or args.key_file):
        _tell("1  OAuth: one mailbox; somebody who can open it consents in a browser\n"
              "2  service account: mailboxes of your Workspace; an administrator delegates")  # fmt: skip
        way = _ask("--client-secrets or --key-file", "1 or 2", "1")
        option = "key_file" if way == "2" else "client_secrets"
        what = "Its key (JSON file)" if way == "2" else "OAuth client of type Desktop app (JSON file)"
        setattr(args, option, _ask(f"--{option.replace('_', '-')}", what))
    if args.key_file:
        key = key_file(_read(args.key_file))
        _tell(f"In the Workspace admin console, Security, API controls, Domain-wide delegation, client id\n"
              f"{key['client_id']} must have the scope {SCOPE}")  # fmt: skip
        address = args.address or _ask("--address", "Mailbox to act for")
        return Credentials(login=address, extra={**extra, "keyfile_dict": json.dumps(key)})
    client = _client_by_hand(args) if args.client_id else OAuthClient.of(_read(args.client_secrets))
    kept = consent(client, hint=args.address or "", browser=not args.no_browser, paste=_paste, now=utc_now())
    return Credentials(login=args.address or "", extra={**extra, **kept})


def _client_by_hand(args: argparse.Namespace) -> Any:
    from triage.sources.gmail_consent import OAuthClient

    base = args.api_endpoint.rstrip("/")
    own = {"auth_uri": f"{base}/o/oauth2/auth", "token_uri": f"{base}/token"} if base else {}
    return OAuthClient(client_id=args.client_id, client_secret=_secret(args, "Client secret"), **own)


def _social(args: argparse.Namespace) -> Credentials:
    extra: Mapping[str, Any] = {"api_endpoint": args.api_endpoint} if args.api_endpoint else {}
    if args.source == "mastodon":
        server = (args.server or _ask("--server", "Server, such as https://mastodon.example")).rstrip("/")
        server = server if "://" in server else f"https://{server}"
        hint = "Access token (leave it empty to have an application made)"
        token = _secret(args, hint, needed=False) or _registered(server, extra, replies=args.replies)
        return Credentials(login=server, password=token, extra=extra)
    if args.source == "x" and args.write_keys:
        from triage.ops.connect import write_keys

        extra = {**extra, **write_keys(_read(args.write_keys))}
    handle = args.handle or _ask("--handle", "Handle")
    return Credentials(
        login="@" + handle.lstrip("@"), password=_secret(args, WORDS[args.source]), extra=extra
    )


def _registered(server: str, extra: Mapping[str, Any], *, replies: bool) -> str:
    from triage.sources.mastodon_app import register, token_for

    app = register(server, extra, replies=replies)
    _tell(f"An application was made. Log in as the account, and allow it:\n\n  {app.address}\n")
    return token_for(server, extra, app, _line("The code it shows: "))


def _store(args: argparse.Namespace, held: Held) -> bool:
    from triage.ops import connections

    if args.print_env:
        print(connections.env_line(held))
        return True
    replace = args.replace
    while True:
        try:
            if args.file:
                connections.store_in_file(held, Path(args.file), replace=replace)
            else:
                connections.store_in_airflow(held, replace=replace)
            break
        except connections.Exists as error:
            if not sys.stdin.isatty():
                raise
            _tell(str(error).partition(";")[0])
            if _ask("--replace", "Overwrite it? y or n", "n").lower() not in ("y", "yes"):
                return False
            replace = True
    _tell(f"\nStored as connection {held.conn_id} in {args.file or 'Airflow'}.")
    if not args.file and connections.variable(held.conn_id) in os.environ:
        _tell(f"The variable {connections.variable(held.conn_id)} is set here and wins over it: unset it.")
    return True


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _ask(option: str, question: str, default: str = "", *, needed: bool = True) -> str:
    """A line from the terminal. Without one: the default of a question that is not `needed`, else ConfigError."""
    if not sys.stdin.isatty():
        if default and not needed:
            return default
        raise ConfigError(f"there is no terminal to ask for {question!r} at; give {option}")
    while True:
        if said := _line(f"{question}{f' [{default}]' if default else ''}: ") or default:
            return said


def _line(prompt: str) -> str:
    print(prompt, end="", file=sys.stderr, flush=True)
    if not (said := sys.stdin.readline()):
        raise ConfigError("the input ended before the question was answered; run it again")
    return said.strip()


def _paste(url: str) -> str:
    _tell(f"Open this address in any browser, as the mailbox's owner, and consent:\n\n  {url}\n")
    _tell("The browser ends at an address that it cannot open (127.0.0.1:47871); that is as it should be.")
    return _line("Copy that whole address from the browser to here: ")


def _secret(args: argparse.Namespace, what: str, *, needed: bool = True) -> str:
    """The secret, from a file, a variable or a prompt that does not show it."""
    if args.secret_file:
        return _read(args.secret_file).strip()
    if args.secret_env:
        if not (value := os.environ.get(args.secret_env, "").strip()):
            raise ConfigError(f"{args.secret_env} is not set; export it first, or use --secret-file")
        return value
    if not sys.stdin.isatty():
        raise ConfigError(f"there is no terminal to ask for {what!r} at; give --secret-file or --secret-env")
    while True:
        if (said := getpass.getpass(f"{what}, not shown: ").strip()) or not needed:
            return said


def _read(name: str) -> str:
    try:
        return Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name} cannot be read ({type(error).__name__}); name a text file") from None
