"""The exhibits drawn from the published numbers, and the audit of which of those follow from the others."""

from pathlib import Path

from video_r2 import config
from video_r2.paper.audit import audit, audit_sheet
from video_r2.paper.layouts import ablation_sheet, boxes_frame, main_accuracy_sheet
from video_r2.paper.output import write_bars, write_boxplot, write_heatmap, write_sheet
from video_r2.paper.reported import read_reported
from video_r2.paper.tables import to_markdown, to_text
from video_r2.run import Job, run


def main(job: Job) -> None:
    reported = read_reported(job.input.reported)
    settings = config.Figures.model_validate(job.params.figures)

    def files(exhibit: str) -> list[str]:
        return [path for path in job.output if Path(path).stem == exhibit]

    write_sheet(files("main_accuracy"), reported.main, main_accuracy_sheet(reported.main, reported.header))
    write_heatmap(files("tac_heatmap"), reported.tac, reported.header, "tac", settings)
    write_heatmap(files("vas_heatmap"), reported.vas, reported.header, "vas_judge", settings)
    write_sheet(files("ablation"), reported.ablation, ablation_sheet(reported.ablation, reported.components))
    write_bars(files("bars"), reported.bars, settings)
    write_boxplot(files("attention_boxplot"), boxes_frame(reported.boxes), settings)
    checks = audit(reported)
    sheet = audit_sheet(checks)
    write_sheet(files("audit"), checks, sheet)
    print(to_text(to_markdown(sheet)))


if __name__ == "__main__":
    run(main, globals()["snakemake"])
