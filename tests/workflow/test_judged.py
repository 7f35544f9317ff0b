"""A model behind a server judges in the workflow: what is asked again, and what runs again, after which change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import judge_servers
import pandas as pd
import pytest
import yaml
from hub_server import environment, serving
from loopback import Server
from repository_copy import copy_repository, rules_in, snakemake

from video_r2.data.sources import Pinned, read_lock, write_lock
from video_r2.records import PREDICTION, write_table

SCORES = [f"results/judged/scores/{metric}/sft/seed-0/videomme.parquet" for metric in ("tac", "vas_judge")]
TRACES = ["It is green, as far as I can see.", "Red it was, I would say.", "A circle. So the answer is red (A)."]


class Scoring:
    """A copy of the repository with three predictions of one benchmark, and a judge on loopback."""

    overlay = "judged.yaml"

    def __init__(self, root: Path, folder: Path, url: str) -> None:
        self.folder = copy_repository(root, folder)
        overlay = {
            "experiment": "judged",
            "evaluation": {"jobs": "per_benchmark", "bootstrap": 20},
            "judge": {"kind": "cascade", "url": url, "model": "m"},
        }
        (folder / "judged.yaml").write_text(yaml.safe_dump(overlay))
        self.settings = overlay
        path = folder / "results/judged/predictions/sft/seed-0/videomme.parquet"
        path.parent.mkdir(parents=True)
        write_table(path, pd.DataFrame([prediction(at, think) for at, think in enumerate(TRACES)]), PREDICTION)

    def snakemake(self, *arguments: str, hub: str = "http://127.0.0.1:9") -> str:
        rules = ["--allowed-rules", "score_tac", "score_vas_judge", "fetch_judge"]
        given = ["--profile", "local", "--configfile", self.overlay, *rules, *arguments]
        return snakemake(self.folder, *SCORES, *given, environment=environment(hub))

    def would_run(self, *arguments: str) -> set[str]:
        return rules_in(self.snakemake(*arguments, "--dry-run"))


def prediction(at: int, think: str) -> dict[str, object]:
    response = f"<think>{think}</think><answer>A</answer>"
    texts = {"config": "default", "category": "short", "subtitle": "", "question": "Which?", "answer_type": "choice"}
    return {
        **texts,
        "id": f"q{at}",
        "benchmark": "videomme",
        "video": f"v{at}.mp4",
        "options": ["red", "green"],
        "target": "A",
        "grounding": "{}",
        "evaluation": "sft",
        "seed": 0,
        "prompt": "p",
        "response": response,
        "think": think,
        "answer": "A",
        "times": [],
        "tokens": 9,
        "finished": True,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    server.behaviour = lambda request, number: {"answer": "A", "score": 7}
    yield server
    server.close()


@pytest.fixture(scope="module")
def scoring(root: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Scoring:
    made = Scoring(root, tmp_path_factory.mktemp("judged"), server.url)
    made.snakemake()
    return made


def test_scores_say_who_judged(scoring: Scoring, server: Server) -> None:
    # Of three traces and three answers four are plain; how much evidence there is, is never plain.
    prompts = [request["response_format"]["json_schema"]["name"] for request in server.requests]
    assert sorted(prompts) == ["answer"] * 2 + ["evidence"] * 3
    summaries = [json.loads((scoring.folder / path).with_suffix(".json").read_text()) for path in SCORES]
    assert [summary["judge"] for summary in summaries] == [
        {"by_rules": 4, "by_model": 2},
        {"by_rules": 0, "by_model": 3},
    ]
    log = scoring.folder / "results/judged/logs/score_tac/sft/seed-0/videomme.log"
    assert "6 questions; 4 decided by rules, 0 known already, 2 sent to the server (4 calls saved)" in log.read_text()


def test_scoring_again_with_what_is_known_makes_no_call(scoring: Scoring, server: Server) -> None:
    before = len(server.requests)
    tables = [pd.read_parquet(scoring.folder / path) for path in SCORES]
    scoring.snakemake("--forceall")
    assert len(server.requests) == before
    for path, table in zip(SCORES, tables, strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(scoring.folder / path), table)


def test_only_what_asked_by_a_changed_prompt_runs_again(scoring: Scoring) -> None:
    prompt = scoring.folder / "scripts/video_r2/judge/prompts/answer.md"
    text = prompt.read_text(encoding="utf-8")
    prompt.write_text(f"{text}\nBe brief.\n", encoding="utf-8")
    try:
        assert scoring.would_run() == {"score_tac"}
    finally:
        prompt.write_text(text, encoding="utf-8")


def test_a_server_of_the_jobs_own_makes_the_same_and_is_no_reason_to_run_again(
    scoring: Scoring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes"
    serve = judge_servers.settings(notes).model_dump(mode="json")
    judge = {"kind": "cascade", "model": "m", "url": None, "serve": serve, "cache": str(tmp_path / "judge.sqlite")}
    (scoring.folder / "served.yaml").write_text(yaml.safe_dump({**scoring.settings, "judge": judge}))
    monkeypatch.setattr(scoring, "overlay", "served.yaml")
    tables = [pd.read_parquet(scoring.folder / path) for path in SCORES]
    assert "Nothing to be done" in scoring.snakemake("--dry-run")
    scoring.snakemake("--forceall")
    for path, table in zip(SCORES, tables, strict=True):
        pd.testing.assert_frame_equal(pd.read_parquet(scoring.folder / path), table)
    assert len(judge_servers.started(notes)) == 2  # one for each job
    assert judge_servers.running(notes) == []
    log = scoring.folder / "results/judged/logs/judge_server/score_tac/sft/0/videomme.log"
    assert log.read_text() == "a server that is well\n"


def test_nothing_runs_again_for_another_server_more_patience_or_a_lost_cache(scoring: Scoring) -> None:
    cache = scoring.folder / "results/judged/cache/judge.sqlite"
    assert cache.is_file()
    cache.rename(scoring.folder / "elsewhere.sqlite")
    changes = "judge={'timeout': 600, 'retries': 9, 'url': 'https://elsewhere/v1', 'cache': 'elsewhere.sqlite'}"
    assert "Nothing to be done" in scoring.snakemake("--dry-run", "--config", changes)


def test_the_model_that_jobs_serve_is_fetched_before_them_and_is_the_same_judge(
    root: Path, tmp_path: Path, server: Server
) -> None:
    (tmp_path / "repository").mkdir()
    made, notes = Scoring(root, tmp_path / "repository", server.url), tmp_path / "notes"
    serve = judge_servers.settings(notes)
    serve = serve.model_copy(update={"command": [*serve.command, "{model}", "{name}"]}).model_dump(mode="json")
    judge = {"kind": "cascade", "model": "owner/judge", "url": None, "serve": serve}
    (made.folder / "served.yaml").write_text(yaml.safe_dump({**made.settings, "judge": judge}))
    made.overlay = "served.yaml"
    folder, lock = made.folder / "results/judged/raw/judge", made.folder / "sources.lock.yaml"
    with serving(judge={"model.safetensors": b"weights", "config.json": b"{}", "model.py": b"code"}) as hub:
        repository = hub.repositories["owner/judge"]
        repository.gated = True
        with pytest.raises(AssertionError, match=r"owner/judge: access has to be asked for"):
            made.snakemake(hub=hub.address)
        assert not (made.folder / "results/judged/logs").exists()  # nothing had begun

        repository.gated = False
        made.snakemake(hub=hub.address)
        first = repository.commit()
        assert read_lock(lock)["owner/judge@main"].commit == first
        assert {path.name for path in folder.iterdir()} >= {"model.safetensors", "config.json"}
        assert not (folder / "model.py").exists()
        noted = judge_servers.started(notes)
        assert [note["arguments"] for note in noted] == [["results/judged/raw/judge", "owner/judge"]] * 2
        assert {note["environment"]["HF_HUB_OFFLINE"] for note in noted} == {"1"}

        # At an address, and back again: the model is called the same, so that nothing is scored again, and nothing fetched.
        elsewhere = {**made.settings, "judge": {**made.settings["judge"], "model": "owner/judge"}}
        (made.folder / "elsewhere.yaml").write_text(yaml.safe_dump(elsewhere))
        made.overlay = "elsewhere.yaml"
        assert "Nothing to be done" in made.snakemake("--dry-run")
        made.overlay = "served.yaml"
        folder.rename(tmp_path / "aside")
        assert "Nothing to be done" in made.snakemake("--dry-run")
        (tmp_path / "aside").rename(folder)

        # Moved on purpose, it is another judge, which is fetched and asked anew.
        repository.files["config.json"] = b"{ }"
        write_lock(lock, {"owner/judge@main": Pinned("model", repository.commit(), {})})
        assert made.would_run() >= {"fetch_judge", "score_tac"}
        made.snakemake(hub=hub.address)
        assert made.would_run() == set()
