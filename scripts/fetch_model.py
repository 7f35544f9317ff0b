"""Download a compared model, or the paper's base model, at its revision: weights, tokenizer and configuration."""

from pathlib import Path

from video_r2 import config
from video_r2.checksums import write_sums
from video_r2.data.hub import MODEL_FILES, download, place
from video_r2.errors import UserError
from video_r2.run import Job, run


def main(job: Job) -> None:
    """Output: checkpoint (folder). Parameter: model; wildcard: model."""
    model = config.Model.model_validate(job.params.model)
    if model.hub is None:
        raise UserError(f"model {job.wildcards.model!r} has no hub id", cure=f"set models.{job.wildcards.model}.hub")
    checkpoint = Path(job.output.checkpoint)
    # Outside of the output, which Snakemake clears before a job: an interrupted download goes on.
    got = download(model.hub, "model", model.revision, checkpoint.parents[2] / "cache" / "hub", MODEL_FILES)
    if not any(got.folder.glob("*.safetensors")):
        raise UserError("has no weights as safetensors", record=model.hub, cure="choose a revision that has them")
    place(got.folder, checkpoint)
    write_sums(checkpoint)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
