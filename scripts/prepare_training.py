"""The training sets, checked and split: no video that is held out is trained on."""

from pathlib import Path

from video_r2 import config, records
from video_r2.data.conversations import Conversation, held_out_videos, read_conversations, write_jsonl
from video_r2.data.rejected import require_few, write_rejected
from video_r2.errors import RejectedRecord, UserError
from video_r2.run import Job, run


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
            if conversation.video is None or conversation.video in readable:
                sets[name].append(conversation)
            else:
                unusable.append(undecodable(path, conversation))
        require_few(path, unusable, len(conversations) + len(unusable), job.params.max_rejected)
        rejected.extend(unusable)

    names = {one.video: str(Path(one.video).relative_to(media)) for one in sets["grpo"] if one.video and one.grounding}
    held_out = held_out_videos(names.values(), data.heldout_fraction)
    out = {video for video, name in names.items() if name in held_out}
    for name, conversations in sets.items():
        kept = [one for one in conversations if one.video not in out]
        print(f"{name}: {len(kept)} rows, {len(conversations) - len(kept)} of videos that are held out")
        if not kept:
            raise UserError("no row is left to train on", file=job.input[name], cure="lower data.heldout_fraction")
        write_jsonl(job.output[name], kept)
    write_jsonl(job.output.heldout, [one for one in sets["grpo"] if one.video in out and one.grounding])
    write_rejected(job.output.rejected, rejected)


def undecodable(path: str, conversation: Conversation) -> RejectedRecord:
    reason = f"its video {conversation.video} cannot be read; data/rejected/videos.jsonl says why"
    return RejectedRecord(reason, file=path, record=conversation.id, cure="fetch the video again, or leave the row out")


if __name__ == "__main__":
    run(main, globals()["snakemake"])
