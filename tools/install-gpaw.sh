#!/bin/sh
# Install GPAW without MPI into a Python environment, for the dft oracle:
#
#   sh tools/install-gpaw.sh [PYTHON]      (default: .venv/bin/python)
#
# It is compiled, which takes a minute or two, against libxc and OpenBLAS; where these are
# missing they come from Debian's or Ubuntu's archive. Its PAW data is the package gpaw-data.
set -eu

root="$(cd "$(dirname "$0")/.." && pwd)"
python="${1:-$root/.venv/bin/python}"

if "$python" -c "import gpaw" 2>/dev/null; then
    exit 0
fi

as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo"
fi

missing=""
command -v cc >/dev/null || missing="gcc libc6-dev"
[ -e /usr/include/xc.h ] || missing="$missing libxc-dev"
ls /usr/lib/*/libopenblas.so >/dev/null 2>&1 || missing="$missing libopenblas-dev"
if [ -n "$missing" ]; then
    if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then
        echo "$missing missing and installing them needs root: run this script as root" >&2
        exit 1
    fi
    export DEBIAN_FRONTEND=noninteractive
    $as_root apt-get update -qq
    # shellcheck disable=SC2086  # several packages
    $as_root apt-get install -y -qq --no-install-recommends $missing
fi

site="$(mktemp)"
trap 'rm -f "$site"' EXIT
cat >"$site" <<'CONFIG'
mpi = False
compiler = 'cc'
libraries = ['xc', 'openblas']
CONFIG

# Its source and the tools that build it are those whose hashes are in tools/locks.
GPAW_CONFIG="$site" "$python" "$root/tools/install_locked.py" build gpaw
"$python" -c "import gpaw; print('GPAW', gpaw.__version__)"
