
# FlashAttention 2 comes as source, and is built with the torch that is here by nvcc of the same CUDA: no GPU is needed, but up to
# an hour. Without such an nvcc it is left out; jobs then compute with torch's own attention, which their logs say.
flash_attention() {
    local folder
    folder=$(mktemp -d)
    "$CONDA_PREFIX/bin/python" -m pip download --quiet --disable-pip-version-check --dest "$folder" --no-binary :all: \
        --no-build-isolation --no-deps --require-hashes --requirement <(
            echo 'flash-attn==2.8.3.post2 --hash=sha256:d0f9f0b08a986cdeadbffcf5ec8b3a8f514366c68ad1853d3ab061bc83cc340b'
        ) && tar -xzf "$folder"/flash_attn-*.tar.gz -C "$folder" --strip-components 1 &&
        # It asks for C++17; the headers of this torch are C++20.
        sed -i 's/-std=c++17/-std=c++20/' "$folder/setup.py" &&
        "$CONDA_PREFIX/bin/python" -m pip install --quiet --no-build-isolation --no-deps "$folder" && rm -r "$folder"
}
export FLASH_ATTENTION_FORCE_BUILD=TRUE # it would else fetch a build that nothing vouches for
cuda=$("$CONDA_PREFIX/bin/python" -c 'import torch; print((torch.version.cuda or "none").partition(".")[0])')
if [[ ${FLASH_ATTENTION:-yes} == yes ]] && command -v nvcc >/dev/null && nvcc --version | grep -q "release $cuda\."; then
    flash_attention || {
        echo "error: flash-attn cannot be built (cure: set CUDA_HOME; fewer processes, MAX_JOBS=4; or FLASH_ATTENTION=no)" >&2
        exit 1
    }
fi
