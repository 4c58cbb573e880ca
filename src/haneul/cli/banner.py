"""What a starting cloud says of itself."""

from __future__ import annotations

from haneul import __version__
from haneul.config import Config


def banner(config: Config, port: int, tls_port: int | None, seconds: float) -> str:
    """Address, mode, credentials and data folder, and the first command to try."""
    url = f"http://localhost:{port}" if config.host in ("127.0.0.1", "::1") else f"http://{config.host}:{port}"
    rows = [("url", url)]
    if tls_port is not None:
        rows.append(("tls", f"https://localhost:{tls_port}  (CA: {config.data}/ca/ca.pem)"))
    if config.mode == "dev":
        iam = "policies are enforced" if config.iam_enforced else "policies are not enforced (--enforce-iam)"
        rows.append(("mode", f"dev: loopback only, {iam}"))
        rows.append(("keys", f"any, e.g. test/test (account {config.account}); a 12-digit key is its own account"))
    else:
        rows.append(("mode", "cloud: signatures and IAM are enforced"))
        rows.append(("keys", f"root's are in {config.data}/credentials"))
    rows.append(("data", f"{config.data}"))
    if (config.data / "engines" / "machines" / "installed").is_dir():
        from haneul.engines import machines

        rows += [("machines", f"{name:4} {text}") for name, text in machines.summary(config.data)]
    rows.append(("console", f"{url}/_haneul/console"))
    lines = [f"Haneul {__version__} is ready ({seconds:.2f} s)", ""]
    lines += [f"  {name:8} {text}" for name, text in rows]
    lines += ["", f"  aws --endpoint-url {url} s3 mb s3://photos"]
    return "\n".join(lines)
