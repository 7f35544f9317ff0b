"""The training sets, checked and split: no video that is held out is trained on."""

from collections.abc import Container
from pathlib import Path

from video_r2 import config, records
from video_r2.data.conversations import SUPPORTED, Conversation, held_out_videos, read_conversations, write_jsonl
from video_r2.data.frames import model_size, read_image
from video_r2.data.rejected import require_few, write_rejected
from video_r2.errors import RejectedRecord, UnsupportedRecord, UserError
from video_r2.run import Job, run

ANY_SIZE = config.Frames()  # that an image is too narrow does not depend on it


def main(job: Job) -> None:
    data = config.Data.model_validate(job.params.data)
    media = Path(job.input.grpo).parent
    readable = {str(media / path) for path in records.read_table(job.input.videos, records.VIDEO)["path"]}

    sets: dict[str, list[Conversation]] = {}
    rejected: list[RejectedRecord] = []
    for name, path in job.input.items():
        if name == "videos":
            continue
        conversations, unusable = read_conversations(path, media)
        sets[name] = []
        for conversation in conversations:
            defect = defect_of(path, conversation, readable)
            if defect is None:
                sets[name].append(conversation)
            else:
                unusable.append(defect)
        damaged = [defect for defect in unusable if not isinstance(defect, UnsupportedRecord)]
        require_few(path, damaged, len(sets[name]) + len(unusable), job.params.max_rejected)
        rejected.extend(unusable)

    names = {one.video: str(Path(one.video).relative_to(media)) for one in sets["grpo"] if one.video and one.grounding}
    held_out = held_out_videos(names.values(), data.heldout_fraction)
    out = {video for video, name in names.items() if name in held_out}
    for name, conversations in sets.items():
        kept = [one for one in conversations if one.video not in out]
        images = sum(one.video is None for one in kept)
        print(
            f"{name}: {len(kept)} rows, {images} of them over images; {len(conversations) - len(kept)} of videos that are "
            "held out"
        )
        if not kept:
            raise UserError("no row is left to train on", file=job.input[name], cure="lower data.heldout_fraction")
        write_jsonl(job.output[name], kept)
    write_jsonl(job.output.heldout, [one for one in sets["grpo"] if one.video in out and one.grounding])
    write_rejected(job.output.rejected, rejected)


def defect_of(path: str, conversation: Conversation, readable: Container[str]) -> RejectedRecord | None:
    """Why an example cannot be trained on; None if it can.

    Args:
        path: the training set that it is of.
        readable: the videos that can be read.
    """
    if conversation.shown is None:
        reason = f"has {len(conversation.images)} images; {SUPPORTED}"
        return UnsupportedRecord(reason, file=path, record=conversation.id, cure="nothing; the others are trained on")
    if conversation.video is None:
        try:
            model_size(*read_image(conversation.shown).shape[1:3], ANY_SIZE)
        except RejectedRecord as error:
            reason = f"its image {conversation.shown} {error.reason}"
            return RejectedRecord(reason, file=path, record=conversation.id, cure=error.cure)
    elif conversation.video not in readable:
        reason = f"its video {conversation.video} cannot be read; data/rejected/videos.jsonl says why"
        cure = "fetch the video again, or leave the row out"
        return RejectedRecord(reason, file=path, record=conversation.id, cure=cure)
    return None


if __name__ == "__main__":
    run(main, globals()["snakemake"])
