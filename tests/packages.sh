#!/bin/sh
# Brings the Debian packages that tests use as real clients, where the machine lacks them and we may install.
# A test whose client is missing says so and is skipped; CI runs as root on Debian and has them all.
set -eu
want=""
for pair in chromedriver:chromium-driver chromium:chromium rclone:rclone s3cmd:s3cmd curl:curl fusermount:fuse3 \
    nft:nftables dnsmasq:dnsmasq-base ip:iproute2 ssh:openssh-client mkfs.ext4:e2fsprogs qemu-img:qemu-utils \
    qemu-storage-daemon:qemu-system-common; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || want="$want ${pair##*:}"
done
[ -n "$want" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed, so their tests are skipped:$want" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -qq -y --no-install-recommends $want >/dev/null
