#!/usr/bin/env bash
# Installs the named Debian packages that are missing. Says what it does, and what to do where it cannot.
set -euo pipefail
command -v dpkg-query >/dev/null || { echo "Not a Debian system: install these packages' equivalents yourself: $*"; exit 0; }
missing=()
for p in "$@"; do
  dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "Missing packages: ${missing[*]}. Install them as root:  apt-get install ${missing[*]}"; exit 1; }
  sudo=(sudo)
fi
echo "==> system packages: ${missing[*]} (1 to 2 minutes)"
export DEBIAN_FRONTEND=noninteractive
# Debian's postgresql package would start a cluster of its own, which Nightjar does not need.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  "${sudo[@]}" mkdir -p /etc/postgresql-common
  echo 'create_main_cluster = false' | "${sudo[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
log=$(mktemp)
if ! { "${sudo[@]}" apt-get update -q && "${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log"
  echo "Installing failed; the whole output is in $log"
  exit 1
fi
rm -f "$log"
