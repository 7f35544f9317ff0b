"""The training sets, checked and split: no video that is held out is trained on."""

from collections.abc import Container
from pathlib import Path

from video_r2 import config, records
from video_r2.data.conversations import Conversation, held_out_videos, read_conversations, write_jsonl
from video_r2.data.frames import model_size, read_image
from video_r2.data.rejected import require_few, write_rejected
from video_r2.errors import RejectedRecord, UserError
from video_r2.run import Job, run

ANY_SIZE = config.Frames()  # that an image is too narrow does not depend on it


def main(job: Job) -> None:
    data = config.Data.model_validate(job.params.data)
    media = Path(job.input.grpo).parent
    readable = {str(media / path) for path in records.read_table(job.input.videos, records.VIDEO)["path"]}

    sets: dict[str, list[Conversation]] = {}
    rejected: list[RejectedRecord] = []
    for name, path in job.input.items():
        if name in ("videos", "folder"):
            continue
        conversations, unusable = read_conversations(path, media)
        sets[name] = []
        for conversation in conversations:
            defect = defect_of(path, conversation, readable)
            if defect is None:
                sets[name].append(conversation)
            else:
                unusable.append(defect)
        require_few(path, unusable, len(sets[name]) + len(unusable), job.params.max_rejected)
        rejected.extend(unusable)

    grounded = [one for one in sets["grpo"] if one.video and one.grounding]
    names = {one.media[0].path: str(Path(one.media[0].path).relative_to(media)) for one in grounded}
    held_out = held_out_videos(names.values(), data.heldout_fraction)
    out = {video for video, name in names.items() if name in held_out}
    for name, conversations in sets.items():
        kept = [one for one in conversations if not any(medium.path in out for medium in one.media)]
        images, several = sum(one.kind == "image" for one in kept), sum(len(one.media) > 1 for one in kept)
        print(
            f"{name}: {len(kept)} rows, {images} of them over images, {several} over several videos or images; "
            f"{len(conversations) - len(kept)} of videos that are held out"
        )
        if not kept:
            raise UserError("no row is left to train on", file=job.input[name], cure="lower data.heldout_fraction")
        write_jsonl(job.output[name], kept)
    write_jsonl(job.output.heldout, [one for one in grounded if one.media[0].path in out])
    write_rejected(job.output.rejected, rejected)


def defect_of(path: str, conversation: Conversation, readable: Container[str]) -> RejectedRecord | None:
    """Why an example cannot be trained on; None if it can.

    Args:
        path: the training set that it is of.
        readable: the videos that can be read.
    """
    for medium in conversation.media:
        if conversation.kind == "image":
            try:
                model_size(*read_image(medium.path).shape[1:3], ANY_SIZE)
            except RejectedRecord as error:
                reason = f"its image {medium.path} {error.reason}"
                return RejectedRecord(reason, file=path, record=conversation.id, cure=error.cure)
        elif medium.path not in readable:
            reason = f"its video {medium.path} cannot be read; data/rejected/videos.jsonl says why"
            cure = "fetch the video again, or leave the row out"
            return RejectedRecord(reason, file=path, record=conversation.id, cure=cure)
    return None


if __name__ == "__main__":
    run(main, globals()["snakemake"])
