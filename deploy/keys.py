"""Make the secrets of a deployment, each one once: passwords, keys, and the addresses that contain them.

`python deploy/keys.py /keys` fills `/keys/postgres`, `/keys/redis` and `/keys/airflow`; each service sees its
own folder only. A file that is there already is kept, so you may bring your own passwords.
"""

from __future__ import annotations

import argparse
import base64
import json
import secrets
import sys
from pathlib import Path
from urllib.parse import quote

ROLES = ("postgres", "airflow", "triage_migrate", "triage")


def main(given: list[str] | None = None) -> int:
    """Write what is missing."""
    parser = argparse.ArgumentParser(prog="deploy/keys.py", description="Make the secrets of a deployment.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--postgres", default="postgres:5432", help="host:port of PostgreSQL as Airflow reaches it"
    )
    parser.add_argument("--redis", default="redis:6379", help="host:port of Redis as Airflow reaches it")
    args = parser.parse_args(given)
    for name in ("postgres", "redis", "airflow"):
        (args.folder / name).mkdir(parents=True, exist_ok=True)
    passwords = {role: _once(args.folder / "postgres" / role) for role in ROLES}
    broker = _once(args.folder / "redis" / "password")
    _write(args.folder / "redis" / "redis.conf", _redis(broker, args.redis))
    for name, text in _airflow(passwords, broker, args.postgres, args.redis).items():
        _write(args.folder / "airflow" / name, text)
    for name in ("secret_key", "jwt_secret"):
        _once(args.folder / "airflow" / name)
    _once(args.folder / "airflow" / "fernet_key", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    print(f"keys are in {args.folder}")
    return 0


def _once(path: Path, text: str | None = None) -> str:
    """The secret in the file, made now when there is none."""
    if not path.exists():
        _write(path, text or secrets.token_urlsafe(24))
    return path.read_text().strip()


def _write(path: Path, text: str) -> None:
    # Other users of the containers read it; the folder is mounted only where it is needed.
    path.write_text(text)
    path.chmod(0o644)


def _redis(password: str, address: str) -> str:
    port = address.rpartition(":")[2]
    return f'port {port}\nrequirepass {password}\nsave ""\nappendonly no\nmaxmemory-policy noeviction\n'


def _airflow(passwords: dict[str, str], broker: str, postgres: str, redis: str) -> dict[str, str]:
    """The addresses that Airflow and the migration need, and the connection of our own database."""
    host, _, port = postgres.partition(":")
    quoted = {role: quote(password, safe="") for role, password in passwords.items()}
    metadata = f"postgresql+psycopg2://airflow:{quoted['airflow']}@{postgres}/airflow"
    ours = {
        "conn_type": "postgres", "host": host, "port": int(port), "schema": "triage",
        "login": "triage", "password": passwords["triage"],
    }  # fmt: skip
    return {
        "metadata_dsn": metadata,
        "result_backend": f"db+{metadata}",
        "broker_url": f"redis://:{quote(broker, safe='')}@{redis}/0",
        "migrate_dsn": f"postgresql://triage_migrate:{quoted['triage_migrate']}@{postgres}/triage",
        "connections.json": json.dumps({"triage_db": ours}),
    }


if __name__ == "__main__":
    sys.exit(main())
