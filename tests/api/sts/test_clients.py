"""The AWS CLI's own profiles: a role by `source_profile`, with the MFA prompt answered."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from haneul.auth import totp
from tests.api.iam.conftest import trust
from tests.running import RunningCloud


def test_a_role_profile_with_mfa(cloud: RunningCloud, tmp_path: Path) -> None:
    """What people have in ~/.aws/config works unmodified."""
    account = f"{uuid.uuid4().int % 10**12:012d}"
    iam = cloud.client("iam", account=account)
    iam.create_user(UserName="u")
    role = iam.create_role(RoleName="admin", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]
    seed = base64.b32decode(device["Base32StringSeed"])
    step = int(time.time()) // 30
    iam.enable_mfa_device(
        UserName="u",
        SerialNumber=device["SerialNumber"],
        AuthenticationCode1=totp.code(seed, step - 2),
        AuthenticationCode2=totp.code(seed, step - 1),
    )
    key = iam.create_access_key(UserName="u")["AccessKey"]
    config = tmp_path / "config"
    config.write_text(
        f"[profile base]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
        f"[profile admin]\nrole_arn = {role}\nsource_profile = base\nmfa_serial = {device['SerialNumber']}\n"
        "role_session_name = me\nregion = eu-west-1\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "AWS_ENDPOINT_URL": cloud.url,
        "HOME": str(tmp_path),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "awscli", "--profile", "admin", "sts", "get-caller-identity"],
        input=totp.code(seed, int(time.time()) // 30) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        start_new_session=True,  # without a terminal the prompt reads from standard input
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["Arn"] == f"arn:aws:sts::{account}:assumed-role/admin/me"
