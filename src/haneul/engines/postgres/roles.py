"""The roles and databases that RDS puts into every PostgreSQL server, and what a master user may do."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode

from haneul.engines.errors import EngineError
from haneul.engines.postgres.control import Servers
from haneul.engines.postgres.port import ADMIN

_GROUPS = ("rds_superuser", "rds_iam", "rds_replication", "rds_password")
_GRANTED = ("pg_monitor", "pg_signal_backend", "rds_replication", "rds_password")
_GRANTED_LATER = {14: ("pg_read_all_data", "pg_write_all_data"), 15: ("pg_checkpoint",), 17: ("pg_maintain",)}


def ensure_house(servers: Servers, name: str) -> None:
    """The group roles that exist in every RDS server."""
    have = {row[0] for row in servers.query(name, "SELECT rolname FROM pg_roles")}
    for group in _GROUPS:
        if group not in have:
            servers.query(name, f"CREATE ROLE {group} NOLOGIN")
    major = servers.build(name).major
    granted = [*_GRANTED, *(role for since, roles in _GRANTED_LATER.items() if major >= since for role in roles)]
    option = " WITH ADMIN OPTION"
    for role in granted:
        if role in have or role in _GROUPS:
            servers.query(name, f"GRANT {role} TO rds_superuser{option}")


def ensure_login(servers: Servers, name: str, user: str, password: str, *, master: bool) -> None:
    """The user with that password; a master may create databases and roles and grant what rds_superuser holds."""
    from psycopg import sql

    with servers.connection(name) as link:
        secret = link.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
        exists = link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,)).fetchone()
        verb = sql.SQL("ALTER ROLE" if exists else "CREATE ROLE")
        options = sql.SQL("LOGIN CREATEDB CREATEROLE INHERIT" if master else "LOGIN")
        link.execute(
            sql.SQL("{} {} WITH {} PASSWORD {}").format(verb, sql.Identifier(user), options, sql.Literal(secret))
        )
        if master:
            option = sql.SQL(" WITH ADMIN OPTION" if servers.build(name).major >= 16 else "")
            link.execute(sql.SQL("GRANT rds_superuser TO {}{}").format(sql.Identifier(user), option))
            for group in ("rds_iam", "rds_replication", "rds_password"):
                link.execute(
                    sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(
                        sql.Identifier(group), sql.Identifier("rds_superuser")
                    )
                )
            link.execute(sql.SQL("ALTER DATABASE postgres OWNER TO {}").format(sql.Identifier(user)))


def ensure_database(servers: Servers, name: str, database: str, owner: str) -> None:
    from psycopg import sql

    with servers.connection(name) as link:
        if link.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
            link.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(owner)))


def token_password(servers: Servers, name: str, user: str) -> str | None:
    """The password that the router logs an IAM user in with, after its token was found good: derived, known to nobody,
    and set in the server when it isn't yet. None when the user isn't a member of rds_iam."""
    member = servers.query(
        name,
        "SELECT a.rolpassword FROM pg_authid a WHERE a.rolname = %s AND a.rolcanlogin AND NOT a.rolsuper "
        "AND EXISTS (SELECT 1 FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid "
        "WHERE m.member = a.oid AND g.rolname = 'rds_iam')",
        (user,),
    )
    if not member or user == ADMIN:
        return None
    password = hmac.new(servers.layout.secret.encode(), f"iam\0{user}".encode(), hashlib.sha256).hexdigest()
    verifier = _verifier(password, hashlib.sha256(f"salt\0{password}".encode()).digest()[:16])
    if member[0][0] != verifier and not servers.query(name, "SELECT pg_is_in_recovery()")[0][0]:
        from psycopg import sql

        with servers.connection(name) as link:
            link.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier)))
    return password


def _verifier(password: str, salt: bytes) -> str:
    """A SCRAM-SHA-256 verifier (RFC 5802) of a password with 256 bits of its own: one round is enough."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    stored = hashlib.sha256(client).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    return f"SCRAM-SHA-256$1:{b64encode(salt).decode()}${b64encode(stored).decode()}:{b64encode(server).decode()}"


def check_login(servers: Servers, name: str, user: str, password: str, database: str) -> None:
    import psycopg

    try:
        with servers.connect(name, user, password, database or "postgres") as link:
            link.execute("SELECT 1")
    except psycopg.Error as error:
        raise EngineError(f"login as {user} failed: {str(error).strip()}") from error
