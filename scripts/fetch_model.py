"""Download a checkpoint, pinned to a commit: weights, tokenizer and configuration."""

from pathlib import Path

from video_r2.checksums import write_sums
from video_r2.data.archives import place
from video_r2.data.hub import download
from video_r2.data.sources import Source
from video_r2.errors import UserError
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Outputs: checkpoint (folder), manifest. Parameters: source, order, keep (cache, lock, record)."""
    keep, checkpoint = job.params.keep, Path(job.output.checkpoint)
    got = download(Source.model_validate(job.params.source), Path(keep["cache"]), Path(keep["lock"]))
    if not any("/" not in name and name.endswith(".safetensors") for name in got.files):
        raise UserError("has no weights as safetensors", record=got.source.key, cure="choose a revision that has them")
    place(got.folder, list(got.files), checkpoint)
    write_sums(checkpoint, got.files)
    got.write_manifest(job.output.manifest)
    got.remember(keep["record"], job.params.order)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
