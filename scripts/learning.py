"""What training is expected to teach, as paired differences with their 95% intervals."""

import pandas as pd

from video_r2.metrics.summaries import read_scores
from video_r2.paper.controls import chance_scores
from video_r2.paper.exhibits import Study, read_questions
from video_r2.paper.layouts import learning_sheet
from video_r2.paper.learning import check_claims, expected_claims
from video_r2.paper.output import write_sheet
from video_r2.run import Job, run


def main(job: Job) -> None:
    study = Study.from_params(job.params)
    questions = read_questions(job.input.questions)
    scores = pd.concat([read_scores(job.input.scores), chance_scores(questions, study)], ignore_index=True)
    claims = check_claims(expected_claims(study), scores, study)
    write_sheet(job.output, claims, learning_sheet(claims))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
