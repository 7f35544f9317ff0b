
# FlashAttention 2 comes as source, and is built with the torch that is here by nvcc of the same CUDA: no GPU is needed, but up to
# an hour. Without such an nvcc it is left out; jobs then compute with torch's own attention, which their logs say.
cuda=$("$CONDA_PREFIX/bin/python" -c 'import torch; print((torch.version.cuda or "none").partition(".")[0])')
if [[ ${FLASH_ATTENTION:-yes} == yes ]] && command -v nvcc >/dev/null && nvcc --version | grep -q "release $cuda\."; then
    # Forced, for it would else fetch a build that nothing vouches for.
    FLASH_ATTENTION_FORCE_BUILD=TRUE "$CONDA_PREFIX/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-build-isolation --no-deps --require-hashes --requirement <(
            echo 'flash-attn==2.8.3.post2 --hash=sha256:d0f9f0b08a986cdeadbffcf5ec8b3a8f514366c68ad1853d3ab061bc83cc340b'
        ) || {
        echo "error: flash-attn cannot be built (cure: fewer processes, MAX_JOBS=4; or go without, FLASH_ATTENTION=no)" >&2
        exit 1
    }
fi
