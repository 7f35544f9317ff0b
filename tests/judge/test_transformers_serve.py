"""The client of a judge server against a real one, `transformers serve`, with checkpoints made here."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.import_utils import is_serve_available

from video_r2 import config
from video_r2.judge.base import Reading, Verdict
from video_r2.judge.cascade import CascadeJudge
from video_r2.judge.llm import LLMJudge
from video_r2.judge.server import JudgeServer
from video_r2.reading.claims import Claim
from video_r2.reading.times import Interval

COMMAND = Path(sys.executable).with_name("transformers")
pytestmark = [
    pytest.mark.skipif(not COMMAND.is_file(), reason="there is no transformers command in this environment"),
    pytest.mark.skipif(not is_serve_available(), reason="transformers serve needs fastapi, uvicorn and openai"),
]

REPLY = (
    '{"answer": "B", "consistent": true, "score": 7, "claims": [{"time": "00:04-00:08", "text": "a red circle rises"}]}'
)
END = "<end>"
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{{ eos_token }}{% endfor %}"


def make_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A token for every byte, one for the whole reply, one for the end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: at for at, letter in enumerate(alphabet)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, chat_template=TEMPLATE)
    tokenizer.add_tokens([REPLY])
    tokenizer.save_pretrained(folder)
    return tokenizer


def make_checkpoint(folder: Path, seed: int | None) -> Path:
    """A model that says the reply to everything or, with a seed, what its random weights make it say."""
    tokenizer = make_tokenizer(folder)
    torch.manual_seed(seed or 0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8192,
            eos_token_id=tokenizer.eos_token_id,
            bos_token_id=None,
            pad_token_id=tokenizer.eos_token_id,
        )
    )
    if seed is None:
        said, end = tokenizer.convert_tokens_to_ids(REPLY), tokenizer.eos_token_id
        with torch.no_grad():
            for weight in (model.model.layers[0].self_attn.o_proj.weight, model.model.layers[0].mlp.down_proj.weight):
                weight.zero_()
            # After the reply comes the end, after anything else the reply.
            model.model.embed_tokens.weight.zero_()[:, 0] = 1.0
            model.model.embed_tokens.weight[said] = torch.eye(16)[1]
            model.lm_head.weight.zero_()[said, 0] = 1.0
            model.lm_head.weight[end, 1] = 1.0
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        "speaking": str(make_checkpoint(folder / "speaking", None)),
        "babbling": str(make_checkpoint(folder / "babbling", 1)),
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JudgeServer]:
    """It loads the models that it is asked for."""
    command = [str(COMMAND), "serve", "--host", "127.0.0.1", "--port", "{port}", "--device", "cpu"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HUB_OFFLINE", "1")
        made = JudgeServer(
            config.JudgeServer(command=command, gpus=0, wait=240), "any", tmp_path_factory.mktemp("serve") / "log"
        )
        try:
            made.start()
            yield made
        finally:
            made.close()
    # Nobody is there any more.
    with socket.socket() as asking:
        assert asking.connect_ex(("127.0.0.1", made.address.port)) != 0


@pytest.fixture(scope="module")
def url(server: JudgeServer) -> str:
    return server.address.url


def judge_of(url: str, model: str, **settings: object) -> LLMJudge:
    return LLMJudge(
        config.Judge.model_validate(
            {"kind": "llm", "url": url, "model": model, "timeout": 120, "retries": 0, **settings}
        )
    )


def test_every_kind_of_question_is_answered(url: str, checkpoints: dict[str, str], tmp_path: Path) -> None:
    judge = judge_of(url, checkpoints["speaking"], cache=str(tmp_path / "judge.sqlite"))
    assert judge.evidence_of(["A red circle.", "A blue one."]) == [7.0, 7.0]
    assert judge.consistent("So B.", "B", ["red", "blue"], "choice", "Which?") is True
    assert judge.answers_of([Reading("So blue.", "think", "choice", ["red", "blue"], "Which?")]) == ["B"]
    assert judge.claims("At 00:04 a red circle rises.") == [Claim("00:04-00:08", Interval(4, 8), "a red circle rises")]
    assert (judge.asked, judge.sent, judge.missing) == (5, 5, 0)
    # What is known needs no server.
    again = judge_of("http://127.0.0.1:9/v1", checkpoints["speaking"], cache=str(tmp_path / "judge.sqlite"))
    assert again.evidence_of(["A red circle.", "A blue one."]) == [7.0, 7.0]
    assert again.sent == 0


def test_a_cascade_asks_it_the_rest(server: JudgeServer, checkpoints: dict[str, str]) -> None:
    serve = config.JudgeServer(gpus=0)
    settings = config.Judge(kind="llm", serve=serve, model=checkpoints["speaking"], timeout=120, retries=0)
    judge = CascadeJudge(LLMJudge(settings, server=server))
    options = ["red", "blue"]
    verdicts = [
        Verdict("So the answer is red (A).", "B", "choice", options),
        Verdict("Blue it seems to be.", "B", "choice", options),
    ]
    assert judge.consistency_of(verdicts) == [False, True]
    assert (judge.by_rules, judge.sent) == (1, 1)


def test_a_model_that_babbles_is_missing_and_never_0(url: str, checkpoints: dict[str, str]) -> None:
    judge = judge_of(url, checkpoints["babbling"])
    assert judge.visual_evidence("A red circle.") is None
    assert (judge.asked, judge.missing) == (1, 1)
    assert "InvalidReplyError" in judge._last_failure


def test_a_model_that_is_not_there_is_missing(url: str, tmp_path: Path) -> None:
    assert judge_of(url, str(tmp_path / "nowhere")).visual_evidence("A red circle.") is None
