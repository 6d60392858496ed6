"""Make the secrets of a deployment, each one once: passwords, keys, and the addresses that contain them.

`python deploy/keys.py /keys` fills `/keys/postgres`, `/keys/redis` and `/keys/airflow`; each service sees its
own folder only. A secret that is there already is kept, so you may bring your own passwords; so are connections that
you add to `/keys/airflow/connections.json`. With `--pgbouncer` Airflow
reaches its own database through PgBouncer, whose configuration is made in `/keys/pgbouncer` (Kubernetes, docs/ops.md).
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
    parser.add_argument("--pgbouncer", help="host:port of PgBouncer, when Airflow is to use one")
    args = parser.parse_args(given)
    for name in ("postgres", "redis", "airflow", *(["pgbouncer"] if args.pgbouncer else [])):
        (args.folder / name).mkdir(parents=True, exist_ok=True)
    passwords = {role: _once(args.folder / "postgres" / role) for role in ROLES}
    broker = _once(args.folder / "redis" / "password")
    _write(args.folder / "redis" / "redis.conf", _redis(broker, args.redis))
    for name, text in _airflow(passwords, broker, args).items():
        _write(args.folder / "airflow" / name, text)
    for name, text in _pgbouncer(passwords, args).items() if args.pgbouncer else ():
        _write(args.folder / "pgbouncer" / name, text)
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


def _airflow(passwords: dict[str, str], broker: str, args: argparse.Namespace) -> dict[str, str]:
    """The addresses that Airflow and the migration need, and the connection of our own database."""
    host, _, port = args.postgres.partition(":")
    quoted = {role: quote(password, safe="") for role, password in passwords.items()}
    user = f"airflow:{quoted['airflow']}"
    metadata = f"postgresql+psycopg2://{user}@{args.pgbouncer or args.postgres}/airflow"
    ours = {
        "conn_type": "postgres", "host": host, "port": int(port), "schema": "triage",
        "login": "triage", "password": passwords["triage"],
    }  # fmt: skip
    return {
        "metadata_dsn": metadata,
        "result_backend": f"db+{metadata}",
        "keda_dsn": f"postgresql://{user}@{args.postgres}/airflow",
        "broker_url": f"redis://:{quote(broker, safe='')}@{args.redis}/0",
        "migrate_dsn": f"postgresql://triage_migrate:{quoted['triage_migrate']}@{args.postgres}/triage",
        "connections.json": json.dumps(
            {"triage_metrics": _metrics(args.folder), **_held(args.folder), "triage_db": ours}
        ),
    }


def _metrics(folder: Path) -> dict[str, object]:
    """The connection of the figures, and beside it the token for Prometheus's `credentials_file`."""
    return {"conn_type": "generic", "password": _once(folder / "airflow" / "metrics_token")}


def _held(folder: Path) -> dict[str, object]:
    """The connections that are there already."""
    connections = folder / "airflow" / "connections.json"
    return dict(json.loads(connections.read_text())) if connections.exists() else {}


def _pgbouncer(passwords: dict[str, str], args: argparse.Namespace) -> dict[str, str]:
    """PgBouncer's files as Airflow's chart mounts them; prepared statements are for Airflow's async driver."""
    host, _, port = args.postgres.partition(":")
    listen = args.pgbouncer.rpartition(":")[2]
    password = passwords["airflow"]
    return {
        "pgbouncer.ini": f"""[databases]
airflow = host={host} port={port} dbname=airflow pool_size=20

[pgbouncer]
listen_addr = *
listen_port = {listen}
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/users.txt
stats_users = airflow
pool_mode = transaction
max_client_conn = 500
max_prepared_statements = 200
ignore_startup_parameters = extra_float_digits
server_tls_sslmode = prefer
""",
        "users.txt": f'"airflow" "{password}"\n',
        "stats_dsn": f"postgresql://airflow:{quote(password, safe='')}@127.0.0.1:{listen}/pgbouncer?sslmode=disable",
    }


if __name__ == "__main__":
    sys.exit(main())
