"""The command `triage`: the same verbs as the DAGs, for a terminal and for pipes.

Exit status 0: done; 1: ran and found trouble; 2: bad usage. Errors are one sentence with the mend.
"""

from __future__ import annotations

import argparse
import sys

from triage import (
    cli_access,
    cli_classify,
    cli_connect,
    cli_debrief,
    cli_detect,
    cli_digest,
    cli_doctor,
    cli_erase,
    cli_fanout,
    cli_flood,
    cli_hub,
    cli_incident,
    cli_learn,
    cli_mail,
    cli_metrics,
    cli_pipeline,
    cli_plan,
    cli_queue,
    cli_reply,
    cli_statement,
)
from triage.core.errors import ConfigError, TriageError


def parser() -> argparse.ArgumentParser:
    """All sub-commands; each sets `func(args) -> exit status`."""
    top = argparse.ArgumentParser(
        prog="triage",
        description="Collect, classify and keep the queue of people still waiting for an answer.",
        epilog='example: echo \'{"id": 1, "text": "The mixer cut my hand"}\' | triage classify',
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (
        cli_classify,
        cli_mail,
        cli_detect,
        cli_queue,
        cli_reply,
        cli_digest,
        cli_flood,
        cli_pipeline,
        cli_connect,
        cli_doctor,
        cli_erase,
        cli_metrics,
        cli_learn,
        cli_access,
        cli_plan,
        cli_hub,
        cli_fanout,
        cli_debrief,
        cli_statement,
        cli_incident,
    ):
        module.add_parsers(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; never a traceback for what a person can mend."""
    from triage.ops import logs

    args = parser().parse_args(argv)
    logs.terminal()
    try:
        return int(args.func(args))
    except ConfigError as error:
        print(f"triage {args.command}: {error}", file=sys.stderr)
        return 2
    except TriageError as error:
        print(f"triage {args.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
