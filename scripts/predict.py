"""Answer the questions of benchmarks with one checkpoint, asked in one way."""

import os
from pathlib import Path

os.environ["LMMS_EVAL_PLUGINS"] = ""  # no tasks or models but those that are asked for

from video_r2 import config
from video_r2.data.conversations import read_jsonl
from video_r2.data.frames import FrameCache
from video_r2.data.rejected import require_few
from video_r2.errors import RejectedRecord, UserError
from video_r2.evaluation.adapter import VideoR2Model
from video_r2.evaluation.answering import Response
from video_r2.evaluation.backends import Checkpoint
from video_r2.evaluation.controls import forced_starts
from video_r2.evaluation.kept import kept_results
from video_r2.evaluation.predictions import answers_size, ask, make_predictions, read_questions
from video_r2.evaluation.processes import places_of, put_in
from video_r2.evaluation.prompts import shared_instruction
from video_r2.files import paths
from video_r2.records import PREDICTION, read_table, write_table
from video_r2.run import Job, run
from video_r2.space import require_space


def main(job: Job) -> None:
    """Read the questions, put them, write a table of predictions per benchmark."""
    params = job.params
    evaluation = config.Evaluation.model_validate(params.evaluation)
    training = next(iter(paths(job.input.get("training", []))), None)
    prompts = config.Prompts.model_validate(params.prompts)
    if evaluation.prompt == "think":
        prompts = with_instruction(prompts, training)
    wording = config.Controls.model_validate(params.controls)
    decoding = config.Decoding.model_validate(params.decoding)
    data = config.Data.model_validate(params.data)
    benchmarks = {name: config.Benchmark.model_validate(value) for name, value in params.benchmarks.items()}
    tables = dict(zip(benchmarks, paths(job.input.questions), strict=True))
    questions = {name: read_questions(path, name) for name, path in tables.items()}

    starts: dict[tuple[str, str], str | RejectedRecord] = {}
    traces = dict(zip(benchmarks, paths(job.input.get("traces", [])), strict=False))
    for name, rows in questions.items():
        trace = read_table(traces[name], PREDICTION) if name in traces else None
        forced = forced_starts(rows, evaluation.control, wording, trace)
        starts.update({(name, question): start for question, start in forced.items()})

    folder = paths(job.input.checkpoint)[0]
    backend = config.Backend.model_validate(params.backend)
    frames = FrameCache(Path(params.cache), config.Frames.model_validate(params.frames), data.overlay, data.decoder)
    frames.expect(paths(job.input.frames)[0])
    checkpoint = Checkpoint(folder, backend, decoding, frames, evaluation.control, params.seed)
    places = places_of(params.processes, job.resources, job.threads)
    predictions = paths(job.output.predictions)
    asked = sum(map(len, questions.values()))
    require_space(params.state, answers_size(asked, decoding.max_new_tokens), f"answering {asked} questions")
    with kept_results(job, Response, predictions[0]) as kept:
        put = put_in(places, checkpoint.open)
        model = VideoR2Model(put, decoding.batch, starts, kept, evaluation.response)
        accuracy = ask(model, tables, benchmarks, prompts, evaluation.prompt, decoding.max_new_tokens)

        for name, path in zip(benchmarks, predictions, strict=True):
            rows = questions[name]
            missing = {
                question: reason
                for question in rows["id"]
                if (reason := model.responses[name, question].rejected) is not None
            }
            for question, reason in missing.items():
                print(f"{name}, question {question} is not answered: {reason}")
            damaged = [
                reason for question, reason in missing.items() if str(starts.get((name, question))) != str(reason)
            ]
            require_few(tables[name], damaged, len(rows), params.max_rejected)
            write_table(
                path, make_predictions(rows, model.responses, params.name, params.seed, evaluation.prompt), PREDICTION
            )
            print(f"{name}: {len(rows) - len(missing)} of {len(rows)} answered, {accuracy[name]:.1f}% right")


def with_instruction(prompts: config.Prompts, training: str | None) -> config.Prompts:
    """Take the instruction to think from the training set, where the configuration has none of its own."""
    if prompts.think:
        return prompts
    if training is None:
        raise UserError("prompts.think is empty, and no training set is given to take the instruction from")
    turns = [conversation.question for conversation in read_jsonl(training)]
    return prompts.model_copy(update={"think": shared_instruction(turns, training)})


if __name__ == "__main__":
    run(main, globals()["snakemake"])
