"""What every model answered to the sample questions."""

import pandas as pd

from video_r2 import records
from video_r2.run import Job, run


def main(job: Job) -> None:
    samples = records.read_table(job.input.samples, records.SAMPLE)
    shown = pd.MultiIndex.from_frame(samples[["benchmark", "id"]])
    chosen = []
    for path in job.input.predictions:
        predictions = records.read_table(path, records.PREDICTION)
        chosen.append(predictions[pd.MultiIndex.from_frame(predictions[["benchmark", "id"]]).isin(shown)])
    records.write_table(job.output.predictions, pd.concat(chosen, ignore_index=True), records.PREDICTION)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
