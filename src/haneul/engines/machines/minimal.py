"""The image `minimal`: Debian's bash, curl, dropbear and tools, and an init of a few lines of shell, as a file system.

It boots to ssh in seconds on any engine that brings the kernel. Its own files are in guest/minimal.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from haneul.engines.errors import EngineError
from haneul.engines.machines.packages import fetch, run, tool, unpack

PACKAGES = ("bash", "busybox-static", "ca-certificates", "coreutils", "curl", "dropbear-bin", "e2fsprogs", "findutils",
            "gawk", "grep", "gzip", "iproute2", "libc-bin", "mount", "openssh-sftp-server", "procps", "sed", "sudo",
            "tar", "util-linux")  # fmt: skip
SIZE = 2 << 30
_GUEST = Path(__file__).with_name("guest") / "minimal"
_DROP = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian",
         "usr/share/bug", "usr/share/perl5", "usr/share/bash-completion", "usr/lib/systemd", "var/cache",
         "etc/update-motd.d", "usr/share/perl", "usr/lib/x86_64-linux-gnu/perl", "usr/lib/x86_64-linux-gnu/perl-base",
         "usr/lib/x86_64-linux-gnu/gconv", "usr/share/zsh", "usr/share/pixmaps")  # fmt: skip
_FILES = ("usr/bin/perl*", "usr/lib/x86_64-linux-gnu/libperl*", "usr/lib/x86_64-linux-gnu/libdb-5*")
"""What packages bring that nothing here needs: each launch copies the image's bytes."""
_FOLDERS = ("dev", "etc/dropbear", "home", "mnt", "opt", "proc", "root", "run", "sys", "tmp", "var/lib/ec2", "var/log",
            "var/tmp", "var/spool", "srv", "media", "usr/local/bin", "usr/local/sbin",
            "usr/local/share/ca-certificates")  # fmt: skip
_USERS = (("root", 0, "/root"), ("admin", 1000, "/home/admin"), ("ec2-user", 1001, "/home/ec2-user"))
_PAM = "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
_OWN = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"
"""For sudo, whose users have no passwords: sudoers says who may."""
_PROFILE = """export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export AWS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
"""


def build(place: Path, work: Path, progress: Callable[[str], None]) -> None:
    """Make the file system at `place`, with `work` to work in. Raises EngineError."""
    if tool("mkfs.ext4") is None:
        raise EngineError("mkfs.ext4 is not on this machine: apt-get install e2fsprogs")
    progress("minimal: fetching Debian's packages")
    debs = fetch(PACKAGES, work, everything=True)
    root = work / "root"
    root.mkdir(mode=0o755)
    progress(f"minimal: unpacking {len(debs)} packages")
    unpack(debs, root)
    _merge(root)
    _furnish(root)
    progress("minimal: making the file system")
    fresh = work / "image.raw"
    with fresh.open("wb") as file:
        file.truncate(SIZE)
    # Where we are not root, the files shall be root's all the same.
    unshare = [] if os.geteuid() == 0 else ["unshare", "-r"]
    options: list[str | Path] = ["-q", "-F", "-L", "root", "-m", "1", "-J", "size=16", "-d", root]
    run([*unshare, tool("mkfs.ext4") or "", *options, fresh], work)
    fresh.rename(place)


def _merge(root: Path) -> None:
    """/bin, /sbin and /lib lead into /usr, as in every Debian; scripts use either path."""
    for name in ("bin", "sbin", "lib", "lib64", "lib32"):
        old, new = root / name, root / "usr" / name
        if old.is_dir() and not old.is_symlink():
            shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)
        if new.is_dir():
            old.symlink_to(f"usr/{name}")


def _furnish(root: Path) -> None:
    """What packages' own scripts would have made, had they been installed and not unpacked; and our own files."""
    for name in _DROP:
        shutil.rmtree(root / name, ignore_errors=True)
    for path in [path for pattern in _FILES for path in root.glob(pattern)]:
        path.unlink()
    for name in _FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, mode in (("tmp", 0o1777), ("var/tmp", 0o1777), ("root", 0o700), ("etc/dropbear", 0o700)):
        (root / name).chmod(mode)
    _applets(root)
    _accounts(root)
    bundle = [path.read_text() for path in sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))]
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    texts = {
        "etc/ssl/certs/ca-certificates.crt": "".join(bundle),
        "etc/hostname": "localhost\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/fstab": "",
        "etc/pam.d/other": _PAM,
        "etc/pam.d/sudo": _OWN,
        "etc/pam.d/sudo-i": _OWN,
        "etc/sudoers": "root ALL=(ALL:ALL) ALL\nadmin ALL=(ALL) NOPASSWD: ALL\nec2-user ALL=(ALL) NOPASSWD: ALL\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n",
        "etc/shells": "/bin/sh\n/bin/bash\n",
        "etc/motd": "",
        "etc/profile": _PROFILE,
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    (root / "etc/sudoers").chmod(0o440)
    (root / "etc/mtab").symlink_to("/proc/self/mounts")
    for path in sorted(_GUEST.rglob("*")):
        if path.is_file():
            target = root / path.relative_to(_GUEST)
            shutil.copyfile(path, target)
            target.chmod(0o755 if target.parent.name == "sbin" else 0o644)


def _applets(root: Path) -> None:
    """Busybox' commands, where the packages have none of that name; it is the first process too."""
    busybox = root / "usr/bin/busybox"
    for name in run([busybox, "--list-full"], root).split():
        path = root / ("usr" if not name.startswith("usr/") else "") / name
        twins = [root / "usr" / folder / path.name for folder in ("bin", "sbin")]
        if path.name not in ("busybox", "linuxrc") and not any(os.path.lexists(twin) for twin in twins):
            path.symlink_to("/usr/bin/busybox")
    for name, target in (("usr/sbin/init", "/usr/bin/busybox"), ("usr/bin/sh", "bash"), ("usr/bin/awk", "gawk")):
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)


def _accounts(root: Path) -> None:
    passwd, group, shadow = [], ["tty:x:5:", "sudo:x:27:admin,ec2-user"], []
    for name, number, home in _USERS:
        passwd.append(f"{name}:x:{number}:{number}::{home}:/bin/bash")
        group.append(f"{name}:x:{number}:")
        # No password, so no login with one; keys do (a "!" would lock those out too).
        shadow.append(f"{name}:*:19700:0:99999:7:::")
        keys = root / home[1:] / ".ssh" / "authorized_keys"
        for folder in (keys.parent.parent, keys.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        keys.touch(mode=0o600)
        for path in (keys.parent.parent, keys.parent, keys) if os.geteuid() == 0 else ():
            os.chown(path, number, number)
    passwd.append("nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin")
    group.append("nogroup:x:65534:")
    for name, rows, mode in (("passwd", passwd, 0o644), ("group", group, 0o644), ("shadow", shadow, 0o600)):
        (root / "etc" / name).write_text("\n".join(rows) + "\n")
        (root / "etc" / name).chmod(mode)
