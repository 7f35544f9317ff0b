"""The library behind the Video-R2 workflow; imports point from `config` and `records` towards `paper`."""

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
