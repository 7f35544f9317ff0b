#!/usr/bin/env bash
# Make a virtual environment that holds exactly what a lock file names: make_environment.sh FOLDER LOCKFILE
set -euo pipefail

folder=$1
lock=$2

find_python() {
    for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        if [[ -n $name ]] && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "error: Python 3.11 or newer is needed (cure: sudo apt install python3 python3-venv)" >&2
    exit 1
}

if [[ ! -x $folder/bin/python ]]; then
    python=$(find_python)
    echo "making the environment with $("$python" --version)"
    if ! "$python" -m venv "$folder" 2>/dev/null; then
        rm -rf "$folder"
        # Debian and Ubuntu ship Python without what puts pip into an environment; a pip or uv outside it does as well.
        if command -v uv >/dev/null; then
            uv venv --quiet --seed --python "$python" "$folder"
        elif "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip "$folder"; then
            "$python" -m pip --python "$folder/bin/python" install --quiet pip
        else
            echo "error: $python cannot make environments (cure: sudo apt install python3-venv)" >&2
            exit 1
        fi
    fi
fi

"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
echo "installing what $lock names"
export DS_BUILD_OPS=0 # DeepSpeed comes as source; without its operators there is nothing to compile
# uv is fast and takes away what the lock does not name, but does not read pip's settings, such as a mirror. pip takes the lock as
# complete, which it is: it would want a checksum of "typepy[datetime]" where that of typepy stands.
VIRTUAL_ENV=$folder "$folder/bin/uv" pip sync --quiet --require-hashes "$lock" ||
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement "$lock"
