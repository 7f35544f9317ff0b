#!/usr/bin/env bash
# Write envs/<kind>.post-deploy.sh for every envs/<kind>.in, with the versions and checksums of a lock file:
# lock_environments.sh UV LOCKFILE FOLDER
set -euo pipefail

uv=$1
lock=$2
folder=$3

for names in "$folder"/*.in; do
    kind=$(basename "$names" .in)
    case $kind in
    judge) versions=(--python-platform x86_64-manylinux_2_28) from=$kind.in who="\`make judge\` runs it" ;; # a torch of its own
    *) versions=(--constraints "$lock" --universal) from="$kind.in and requirements.lock" who="Snakemake runs a copy of it" ;;
    esac
    {
        cat <<SCRIPT
#!/usr/bin/env bash
# Made by \`make lock-environments\` from $from. $who in the new environment, and
# makes the environment anew when this text has changed, which is why the packages stand here.
set -euo pipefail

lock=\$(mktemp)
trap 'rm -f "\$lock"' EXIT
cat >"\$lock" <<'LOCK'
SCRIPT
        "$uv" pip compile "$names" "${versions[@]}" --python-version 3.11 --generate-hashes \
            --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
        cat <<'SCRIPT'
LOCK

export DS_BUILD_OPS=0 # DeepSpeed comes as source; without its operators there is nothing to compile
# uv links what several environments share, and does not read pip's settings, such as a mirror. `make env` brings it.
if ! { command -v uv >/dev/null &&
    uv pip install --quiet --python "$CONDA_PREFIX/bin/python" --require-hashes --requirement "$lock"; }; then
    "$CONDA_PREFIX/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
        --requirement "$lock" # complete as it is; pip would want a checksum of "typepy[datetime]", where that of typepy stands
fi
SCRIPT
        case $kind in train | predict) cat "$folder/flash-attention.sh" ;; esac
    } >"$folder/$kind.post-deploy.sh.new"
    mv "$folder/$kind.post-deploy.sh.new" "$folder/$kind.post-deploy.sh"
done
