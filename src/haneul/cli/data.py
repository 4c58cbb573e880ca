"""haneul init, reset: prepare or empty a data folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import click
import orjson

from haneul import config as configuration
from haneul.cli.folder import chosen, read_pid
from haneul.config import Config

_DATA = click.option("--data", type=click.Path(path_type=Path), help="The data folder.")
_OURS = ("store", "blobs", "ca", "credentials", "haneul.log", "sealing.key", "engines")


@click.command()
@_DATA
@click.option("--account", help="The account whose root key is made.  [000000000000]")
@click.option("--store", help="'rocks' or a PostgreSQL URL.")
@click.option("--json", "as_json", is_flag=True, help="Print the key as JSON.")
def init(data: Path | None, account: str | None, store: str | None, as_json: bool) -> None:
    """Prepare a data folder for mode cloud: a root access key, kept in <data>/credentials (mode 0600).

    \b
    haneul init && haneul start --mode cloud
    AWS_SHARED_CREDENTIALS_FILE=<data>/credentials aws --endpoint-url http://localhost:4566 sts get-caller-identity
    """
    flags = {"data": data, "account": account, "store": store, "mode": "cloud"}
    config = configuration.load(flags)
    if read_pid(config.data) is not None:
        raise click.ClickException("a cloud runs on this data folder; stop it first")
    key, secret = create_root_key(config)
    if as_json:
        click.echo(orjson.dumps({"AccessKeyId": key, "SecretAccessKey": secret, "Account": config.account}))
        return
    click.echo(f"A root key of account {config.account} is in {config.data / 'credentials'}:")
    click.echo(f"  aws_access_key_id     = {key}")
    click.echo(f"  aws_secret_access_key = {secret}")


def create_root_key(config: Config) -> tuple[str, str]:
    """Make a root key and write the credentials file. The store must not be open elsewhere."""
    from haneul.app import open_store
    from haneul.auth.directory import StoreDirectory
    from haneul.kit.clock import SystemClock

    config.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    opened = open_store(config)
    try:
        directory = StoreDirectory(opened, config, SystemClock())
        with opened.write() as tx:
            key, secret = directory.create_root_key(tx, config.account)
        opened.wait(tx.ticket)
    finally:
        opened.close()
    text = f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    descriptor = os.open(config.data / "credentials", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return key, secret


@click.command()
@_DATA
@click.option("--yes", is_flag=True, help="Don't ask.")
def reset(data: Path | None, yes: bool) -> None:
    """Delete everything that the cloud keeps in a data folder."""
    folder = chosen(data)
    if read_pid(folder) is not None:
        raise click.ClickException("a cloud runs on this data folder; stop it first")
    ours = [folder / name for name in _OURS if (folder / name).exists()]
    if not ours:
        click.echo(f"There is nothing of Haneul's in {folder}.")
        return
    if not yes:
        click.confirm(f"Delete everything in {folder}?", abort=True)
    for path in ours:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    click.echo("Deleted.")
