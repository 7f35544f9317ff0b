"""The library behind the Video-R2 workflow; imports point from `config` and `records` towards `paper`."""

import os
import site
import sys
from pathlib import Path

# Snakemake lets every script fall back on the packages that it is installed with: what a rule's own environment lacks would
# come from there, in whatever version.
if "snakemake" in sys.modules:
    _own = [*site.getsitepackages(), site.getusersitepackages()]
    _snakemakes = Path(str(sys.modules["snakemake"].__file__)).resolve().parents[1]
    if _snakemakes not in [Path(path).resolve() for path in _own]:
        sys.path[:] = [path for path in sys.path if Path(path).resolve() != _snakemakes]

# What jobs read has been fetched by rules of its own. A library that looks up something on the hub in passing would wait for a
# network that compute nodes need not have, or get what nobody has locked. A rule's script has a global `snakemake`.
_rule = getattr(getattr(sys.modules["__main__"], "snakemake", None), "rule", "")
if _rule and not _rule.startswith("fetch_"):
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
