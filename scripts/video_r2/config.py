"""The configuration, declared once: every key with its type, default and meaning.

`config.yaml` is the paper; a profile lays an overlay such as `profiles/local/miniature.yaml` over it. The JSON schema in
`docs/config.schema.json` and the reference page `docs/config.md` are generated from the classes below.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from video_r2.sections import Section, checked, overlaid

Semantics = Literal["reference", "corrected"]
Trace = Literal["full", "without_times", "conclusion"]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")]


def _least_first(given: tuple[int, int]) -> tuple[int, int]:
    if given[0] > given[1]:
        raise ValueError("the least comes first, and then the most")
    return given


def _names_letter_and_text(given: str) -> str:
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(given) if field is not None]
    except ValueError as error:
        raise ValueError(f"is no format: {error}") from error
    if sorted(fields) != ["letter", "text"]:
        raise ValueError("an option has a {letter} and a {text}, once each, and no other field")
    return given


Range = Annotated[tuple[Count, Count], AfterValidator(_least_first)]
Side = Annotated[int, Field(ge=28, multiple_of=2)]  # H.264 halves the colours' resolution
Length = Annotated[int, Field(ge=4, le=38)]  # what two or three scenes fill
OptionFormat = Annotated[str, AfterValidator(_names_letter_and_text)]


# --- data -------------------------------------------------------------------------------------------------------------


class Frames(Section):
    """How frames are sampled from a video and sized for the model (paper section 4; release: training scripts)."""

    fps: Positive = Field(2.0, description="Frames sampled per second of video.")
    max_frames: Count = Field(128, description="At most this many frames; a longer video is sampled evenly.")
    min_pixels: Count = Field(100_352, description="Smallest frame area after the resize, in pixels.")
    max_pixels: Count = Field(151_200, description="Largest frame area after the resize, in pixels.")
    overlay: bool = Field(True, description="Draw the clock, and the subtitle where there is one, on every frame.")

    @model_validator(mode="after")
    def _least_pixels_first(self) -> Frames:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels {self.min_pixels} is above max_pixels {self.max_pixels}")
        return self


class Overlay(Section):
    """The clock and the subtitle drawn on frames at source resolution (release: data preparation)."""

    clock_size: Fraction = Field(0.05, description="Clock font size as a share of the frame's shorter side.")
    clock_size_range: Range = Field((16, 72), description="Smallest and largest clock font, in pixels.")
    subtitle_size: Fraction = Field(0.06, description="Subtitle font size as a share of the shorter side.")
    subtitle_size_range: Range = Field((20, 96), description="Smallest and largest subtitle font, in pixels.")
    subtitle_width: Fraction = Field(0.9, description="Subtitles wrap at this share of the frame's width.")
    subtitle_box_opacity: Fraction = Field(0.55, description="Opacity of the black box behind the subtitle.")
    subtitle_tolerance: float = Field(0.05, ge=0, description="A cue is active this many seconds before and after it.")


class Films(Section):
    """Films of the generated world, and how they are asked about in training."""

    seed: int = Field(0, description="Seed of every video and question.")
    size: tuple[Side, Side] = Field((112, 112), description="Width and height of a video, in pixels; even.")
    seconds: Annotated[tuple[Length, Length], AfterValidator(_least_first)] = Field(
        (8, 24), description="Shortest and longest video, from 4 to 38 seconds."
    )
    fps: list[Count] = Field([8, 10, 12], min_length=1, description="Frame rates that the videos are encoded at.")
    option_formats: list[OptionFormat] = Field(
        ["{letter}. {text}", "({letter}) {text}"],
        min_length=1,
        description="How the training sets write options, in turn.",
    )
    contexts: list[str] = Field([""], min_length=1, description="Texts before the training sets' questions, in turn.")


class BenchmarkFilms(Films):
    """Those of the benchmarks."""

    benchmark_videos: Count = Field(40, description="Videos of each benchmark, never seen in training.")
    benchmark_questions: Count = Field(100, description="Questions of each benchmark.")


class World(BenchmarkFilms):
    """The generated world of videos that stands in for the released data set where none can be downloaded."""

    training_videos: Count = Field(800, description="Videos of the training sets.")
    validation_videos: Count = Field(60, description="Videos of the validation split, for choosing settings.")
    sft_rows: Count = Field(512, description="Rows of the SFT set.")
    grpo_rows: Count = Field(1000, description="Rows of the GRPO set.")
    validation_rows: Count = Field(240, description="Rows of the validation split.")
    claim_error_rate: Fraction = Field(0.1, description="Share of SFT traces with a claim at a wrong time.")
    hedged_options: Count = Field(
        1, description="SFT traces may hedge where the right one is among so many first options."
    )
    hedge_rate: Fraction = Field(1.0, description="Share of these traces whose conclusion names a second answer.")


class Data(Section):
    """Where the raw data come from, and how they are checked."""

    source: Literal["hub", "generated"] = Field("hub", description="Download the release, or generate a world.")
    dataset: str = Field("MBZUAI/Video-R2-Dataset", description="Hub id of the training data.")
    revision: str | None = Field(None, description="Their revision, if not that of sources.yaml.")
    heldout_fraction: float = Field(
        0.02, ge=0, lt=1, description="Share of the GRPO videos held out to measure temporal alignment."
    )
    max_rejected: Fraction = Field(0.2, description="Stop when more than this share of the records cannot be used.")
    decoder: Literal["decord", "pyav"] = Field("decord", description="Library that decodes videos.")
    overlay: Overlay = Overlay()
    world: World = World()


# --- judge and rewards ------------------------------------------------------------------------------------------------


class JudgeServer(Section):
    """A server of the judge's model inside each job that asks it: from the job's first question to its end."""

    command: list[str] = Field(
        [
            ".judge/bin/vllm", "serve", "{model}", "--host", "127.0.0.1", "--port", "{port}",
            "--served-model-name", "{name}", "--tensor-parallel-size", "{gpus}", "--max-model-len", "32768",
        ],
        min_length=1,
        description="What starts an OpenAI-compatible server: a program (a name, or a path from the repository's root; "
        "`make judge` makes this one) and its arguments, in which {model} (the folder that judge.model is fetched to; nothing "
        "is fetched where no word has it), {name} (judge.model, which the server is asked for), {port} and {gpus} are "
        "filled in.",
    )  # fmt: skip
    key_variable: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        "VLLM_API_KEY",
        description="Environment variable that tells the server the key to ask for, a new one each time.",
    )
    gpus: Annotated[int, Field(ge=0)] = Field(
        4,
        description="GPUs of the server. A job of scores asks for them; a training gives the last ones of its own away.",
    )
    memory: Count = Field(200_000, description="Memory of a job of scores, in MB: its server has to load the model.")
    cores: Count = Field(16, description="CPU cores of such a job.")
    wait: Positive = Field(1800.0, description="Seconds in which the server must have come up.")

    @model_validator(mode="after")
    def _port_is_told(self) -> JudgeServer:
        if not any("{port}" in word for word in self.command):
            raise ValueError("no word of the command has {port}, the port that the server is to listen at")
        return self


class Judge(Section):
    """Who reads claims, consistency and visual evidence out of a trace."""

    kind: Literal["rules", "llm", "cascade"] = Field(
        "rules",
        description="Deterministic rules; a model behind a server (llm); or rules where they are certain, and the model for "
        "the rest (cascade). Where the key is not set: cascade with a server, rules without. With semantics: reference a "
        "cascade asks the model everything, as the release does.",
    )
    model: str = Field("Qwen/Qwen3-Next-80B-A3B-Instruct", description="Model that the server is asked for.")
    url: Annotated[str, Field(pattern="^https?://")] | None = Field(
        None, description="Address of an OpenAI-compatible server, for kinds llm and cascade."
    )
    serve: JudgeServer | None = Field(
        None, description="Instead of an address: a server that every job starts for itself; {} for one by vLLM."
    )
    cache: str | None = Field(
        None,
        description="File in which the model's answers are kept, so that no question is paid twice; none: "
        "cache/judge.sqlite among the experiment's results.",
    )
    timeout: Positive = Field(60.0, description="Seconds before a request counts as failed.")
    retries: Annotated[int, Field(ge=0)] = Field(3, description="Further attempts after a failed request.")
    concurrency: Count = Field(32, description="Requests in flight at once, of each job.")
    max_missing: Fraction = Field(
        0.02,
        description="Stop when more than this share of the answers to a job's questions, and three more, are missing; "
        "0 stops at the first.",
    )

    @model_validator(mode="before")
    @classmethod
    def _ask_the_server_if_there_is_one(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("kind") is None:
            served = given.get("url") or given.get("serve") is not None
            return {**given, "kind": "cascade" if served else "rules"}
        return given

    @model_validator(mode="after")
    def _server_is_known(self) -> Judge:
        if self.url is not None and self.serve is not None:
            raise ValueError("a server is either at an address (url) or started (serve); set the other one to null")
        if self.kind != "rules" and self.url is None and self.serve is None:
            raise ValueError(
                f"kind {self.kind!r} needs the key 'url', for example url: http://127.0.0.1:8000/v1, or 'serve'"
            )
        return self


class TemporalAlignment(Section):
    """The temporal alignment reward (paper section 3.3)."""

    buffer_seconds: float = Field(2.0, ge=0, description="A claim may be this far from the event it speaks of.")
    similarity: Fraction = Field(0.75, description="Least cosine similarity of a claim and its event.")
    sentence_model: str = Field(
        "all-MiniLM-L6-v2", description="Sentence embedding model: this one, which comes with a package, or a folder."
    )


class RewardWeights(Section):
    """Weight of each reward in the sum that GRPO maximises."""

    accuracy: float = Field(1.0, description="Weight of the accuracy reward.")
    format: float = Field(1.0, description="Weight of the format reward.")
    temporal_alignment: float = Field(0.0, description="Weight of the temporal alignment reward.")
    gate: bool = Field(False, description="Multiply the temporal alignment reward by the consistency gate.")


# --- training ---------------------------------------------------------------------------------------------------------


class Optimizer(Section):
    """Settings that every training stage shares."""

    # The key that says how much one optimizer step takes over all devices.
    step_batch: ClassVar[str] = "global_batch"

    learning_rate: Positive = Field(1e-5, description="Peak learning rate.")
    schedule: Literal["cosine", "constant", "linear"] = Field("cosine", description="Learning rate schedule.")
    warmup: Fraction = Field(0.0, description="Share of the steps that warm up.")
    weight_decay: float = Field(0.0, ge=0, description="AdamW weight decay.")
    max_grad_norm: Positive = Field(1.0, description="Gradient norm above which gradients are scaled down.")
    epochs: Positive = Field(1.0, description="Passes over the data.")
    max_steps: int = Field(-1, description="Stop after this many optimizer steps; -1 for none.")
    per_device_batch: Count = Field(1, description="Examples in one forward pass on one device.")
    bf16: bool = Field(True, description="Compute in bfloat16.")
    gradient_checkpointing: bool = Field(True, description="Recompute activations in the backward pass.")
    attention: Literal["flash_attention_2", "sdpa", "eager"] = Field(
        "sdpa",
        description="Attention implementation; sdpa where flash_attention_2 is not installed, which the log says.",
    )
    sharding: Literal["none", "zero2", "zero3"] = Field(
        "none",
        description="What the devices share out among them by DeepSpeed: nothing (every one has a copy of all), gradients and "
        "optimizer state (zero2), or these and the weights (zero3).",
    )

    @model_validator(mode="after")
    def _batch_divides(self) -> Optimizer:
        batch = getattr(self, self.step_batch)
        if batch % self.per_device_batch:
            raise ValueError(f"{self.step_batch} {batch} cannot be divided by per_device_batch {self.per_device_batch}")
        return self


class Lora(Section):
    """LoRA adapters on all linear layers of the language model."""

    r: Count = Field(64, description="Rank.")
    alpha: Count = Field(64, description="Scale.")
    dropout: Fraction = Field(0.05, description="Dropout on the adapters' input.")


class Sft(Optimizer):
    """Supervised fine-tuning on timestamped traces (paper section 3.2)."""

    learning_rate: Positive = 1e-5
    warmup: Fraction = 0.03
    weight_decay: float = 0.1
    global_batch: Count = Field(32, description="Examples per optimizer step over all devices.")
    lora: Lora = Lora()
    frames: Frames = Frames(fps=1.0, max_frames=128)
    trace: Trace = Field(
        "full",
        description="What of the traces is learnt: all, the claims without their times, or the conclusion alone.",
    )


class Grpo(Optimizer):
    """Group relative policy optimisation (paper section 3.3)."""

    step_batch: ClassVar[str] = "prompts_per_step"

    learning_rate: Positive = 1e-6
    weight_decay: float = 0.01
    group_size: int = Field(8, ge=2, description="Rollouts per prompt.")
    prompts_per_step: Count = Field(1, description="Prompts per optimizer step over all devices.")
    temperature: Positive = Field(0.9, description="Sampling temperature.")
    top_k: int = Field(50, ge=0, description="Sample among this many tokens; 0 for all.")
    max_new_tokens: Count = Field(1024, description="Tokens that a completion may have.")
    max_prompt_tokens: Count = Field(32_768, description="Tokens that a prompt may have.")
    kl_weight: float = Field(0.04, ge=0, description="Weight of the KL divergence from the starting model (beta).")
    frames: Frames = Frames(fps=2.0, max_frames=32)
    rewards: RewardWeights = RewardWeights()


class ModelShape(Section):
    """Size of a Qwen2.5-VL that is trained from nothing."""

    text_width: Count = 128
    text_layers: Count = 4
    text_heads: Count = 4
    text_kv_heads: Count = 2
    text_feedforward: Count = 384
    vision_width: Count = 96
    vision_layers: Count = 2
    vision_heads: Count = 4
    vision_feedforward: Count = 256
    initial_scale: Positive = Field(
        0.1, description="Standard deviation of the first weights (video_r2.model.scratch.SHARES of it for some)."
    )
    vocabulary: Count = Field(1024, description="Tokens of the tokenizer that is trained on the corpus.")

    @model_validator(mode="after")
    def _heads_fit(self) -> ModelShape:
        for whole, part in (
            ("text_width", "text_heads"),
            ("text_heads", "text_kv_heads"),
            ("vision_width", "vision_heads"),
        ):
            if getattr(self, whole) % getattr(self, part):
                raise ValueError(f"{whole} {getattr(self, whole)} cannot be divided by {part} {getattr(self, part)}")
        return self


RowKind = Literal["glance", "echo", "exercise", "read", "describe", "locate", "see", "explain"]


class BasePhase(Section):
    """One phase of the base model's curriculum."""

    steps: Annotated[int, Field(ge=0)]
    batches: list[dict[RowKind, Count]] = Field(
        description="Batches of a step, each computed at once and by one process. Rows of each kind: a moment "
        "described (glance), options repeated with their letters (echo), sums, counts and the like in text "
        "(exercise), a film that is told in words asked about as if it had been seen (read), a film described "
        "(describe), one moment of a film described (locate), a film asked about directly (see), a film described "
        "and then asked about (explain)."
    )

    @model_validator(mode="after")
    def _apart(self) -> BasePhase:
        kinds = [kind for batch in self.batches for kind in batch]
        if twice := {kind for kind in kinds if kinds.count(kind) > 1}:
            raise ValueError(f"rows of a kind belong into one batch, but {', '.join(sorted(twice))} stands in several")
        return self


class Base(Section):
    """The base model, trained from nothing until it sees and answers directly."""

    shape: ModelShape = ModelShape()
    phases: list[BasePhase] = Field(
        [], description="The curriculum, in order; the learning rate falls in the last phase."
    )
    branches: dict[RowKind, Count] = Field(
        {"glance": 1, "echo": 3, "exercise": 4, "read": 5, "describe": 1, "locate": 4, "see": 4, "explain": 1},
        description="Things said about one film or text in one row.",
    )
    films: Count = Field(3000, description="Generated films that it is trained on; no later stage sees them.")
    questions_per_film: Count = Field(8, description="Questions of the corpus about each film.")
    learning_rate: Positive = Field(4e-3, description="AdamW's, for embeddings, vectors and the patch embedding.")
    matrix_learning_rate: Positive = Field(0.007, description="Muon's, for the other matrices of the language model.")
    vision_learning_rate: Positive = Field(0.02, description="Muon's, for the matrices of the vision tower.")
    warmup: Annotated[int, Field(ge=1)] = Field(30, description="Steps that warm up.")
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: Positive = 1.0
    bf16: bool = True
    attention: Literal["sdpa", "eager"] = "eager"
    frames: Frames = Frames()


class Resumption(Section):
    """How often a training saves its state, and when it leaves to be brought back; no result depends on it."""

    minutes: Positive = Field(
        30.0, description="Save when so many minutes have passed since the state was last saved: what a crash costs."
    )
    steps: Count | None = Field(None, description="Save after so many optimizer steps too; none: by the clock alone.")
    keep: Count = Field(2, description="Saved states that are kept: the newest, and those before it if it is damaged.")
    before_limit: Positive = Field(
        10.0, description="Save and leave so many minutes before the job's time limit, where a scheduler sets one."
    )


class Guards(Section):
    """When a training stops by itself, because what it does is worth nothing any more; no result depends on it."""

    exploding_loss: Annotated[float, Field(gt=1.0)] = Field(
        10.0, description="Stop at a loss of more than so many times the median of the steps before."
    )
    diverging_loss: Annotated[float, Field(gt=1.0)] = Field(
        3.0, description="Stop at a median loss of more than so many times the lowest that there was."
    )
    least_loss: Positive = Field(
        2.0, description="A smaller loss is none of these, whatever it was: it is no worse than at the beginning."
    )
    diverging_norm: Annotated[float, Field(gt=1.0)] = Field(
        100.0, description="Stop at a median gradient norm of more than so many times the lowest that there was."
    )
    least_norm: Positive = Field(100.0, description="A smaller gradient norm is no reason to stop.")
    window: Count = Field(20, description="Steps that medians, and the share of empty completions, are taken over.")
    steps_without_variance: Count = Field(
        100, description="Stop after so many steps in a row in which the rewards of no group varied (GRPO)."
    )
    empty_completions: Fraction = Field(
        0.5, description="Stop when more than this share of the completions has no text (GRPO)."
    )


class Devices(Section):
    """What SFT and GRPO compute on; a result depends on it in the last digits only."""

    kind: Literal["gpu", "cpu"] = Field(
        "gpu",
        description="One process on each GPU that the rule asks for (resources gpu and nodes), or processes on CPUs.",
    )
    processes: Count = Field(1, description="Processes on each node where kind is cpu.")


class Training(Section):
    """Default settings of each training stage; a model may override single keys."""

    base: Base = Base()
    sft: Sft = Sft()
    grpo: Grpo = Grpo()
    resumption: Resumption = Resumption()
    guards: Guards = Guards()
    devices: Devices = Devices()


class Backend(Section):
    """What a checkpoint is asked by, and what it may do."""

    kind: Literal["qwen2_5_vl", "lmms_eval", "vllm"] = Field(
        "qwen2_5_vl",
        description="This project's own decoding, for checkpoints of the Qwen2.5-VL family; a model class of lmms-eval, for "
        "other families; or vLLM, which is to be installed.",
    )
    model: Name | None = Field(None, description="Name of the model class in lmms-eval's registry, for kind lmms_eval.")
    arguments: dict[str, Any] = Field(
        {}, description="Arguments that lmms-eval's model class, or vllm.LLM, is given besides."
    )
    max_frames: Count | None = Field(
        None, description="Show at most so many of the frames, evenly spread; for what takes fewer than Qwen2.5-VL."
    )
    trust_remote_code: bool = Field(
        False, description="Download the code that the checkpoint's repository holds, and run it. Read it first."
    )

    @model_validator(mode="after")
    def _complete(self) -> Backend:
        if (self.kind == "lmms_eval") != (self.model is not None):
            raise ValueError("kind 'lmms_eval' and the key 'model', a name in lmms-eval's registry, go together")
        if self.kind == "qwen2_5_vl" and (self.arguments or self.trust_remote_code or self.max_frames):
            raise ValueError("kind 'qwen2_5_vl' takes all frames and no arguments, and runs no code of a checkpoint's")
        return self


class Model(Section):
    """A checkpoint: how it comes to be."""

    stage: Literal["hub", "base", "sft", "grpo"] = Field(description="Downloaded, or the training stage that makes it.")
    hub: str | None = Field(None, description="Hub id, for stage hub.")
    revision: str | None = Field(None, description="Revision of the hub checkpoint, if not that of sources.yaml.")
    start: Name | None = Field(None, description="Model that training starts from, for stages sft and grpo.")
    dataset: Literal["sft", "grpo", "sft_clean"] | None = Field(
        None, description="Rows that it is trained on; default the stage's. A generated world alone has sft_clean."
    )
    settings: dict[str, Any] = Field(
        {}, description="Keys of the stage's settings that differ, e.g. {rewards: {gate: true}}."
    )
    per_seed: bool = Field(True, description="Train once per seed; false: once, with the first seed.")
    backend: Backend = Backend()

    @model_validator(mode="after")
    def _complete(self) -> Model:
        if self.stage == "hub" and not self.hub:
            raise ValueError("stage 'hub' needs the key 'hub', for example hub: Qwen/Qwen2.5-VL-7B-Instruct")
        if self.stage in ("sft", "grpo") and not self.start:
            raise ValueError(f"stage {self.stage!r} needs the key 'start', the model that training starts from")
        if self.stage != "hub" and self.backend.kind == "lmms_eval":
            raise ValueError(
                f"backend.kind: what stage {self.stage!r} makes is a Qwen2.5-VL, which needs no 'lmms_eval'"
            )
        return self


# --- evaluation -------------------------------------------------------------------------------------------------------


class Decoding(Section):
    """How answers are generated."""

    temperature: float = Field(0.0, ge=0, description="0 is greedy.")
    top_k: int = Field(0, ge=0, description="Sample among this many tokens; 0 for all.")
    max_new_tokens: Count = Field(1024, description="Tokens that a response may have.")
    batch: Count = Field(1, description="Questions answered in one batch.")
    attention: Literal["flash_attention_2", "sdpa", "eager"] = Field("sdpa", description="Attention implementation.")
    bf16: bool = Field(True, description="Compute in bfloat16.")


Marks = tuple[str, str]


class ResponseFormat(Section):
    """How a model marks the parts of its responses; they are stored with <think> and <answer> tags, whatever it writes."""

    think: Marks = Field(
        ("<think>", "</think>"), description="What stands around the trace; no beginning: the response's."
    )
    answer: Marks = Field(
        ("<answer>", "</answer>"), description="What stands around the answer; no end: that of the response."
    )

    @model_validator(mode="after")
    def _marked(self) -> ResponseFormat:
        if not self.think[1] or not self.answer[0]:
            raise ValueError("a trace needs a mark at its end, and an answer one at its beginning")
        return self


class Evaluation(Section):
    """A row of the exhibits: a model, asked in one way."""

    model: Name
    label: str = Field(description="Name in tables and figures.")
    prompt: Literal["think", "direct"] = Field("think", description="Ask for a trace first, or for the answer alone.")
    family: Literal["non_reasoning", "reasoning"] = Field("reasoning", description="Block of the main table.")
    control: Literal["none", "blind", "no_trace", "no_claims", "other_trace"] = Field(
        "none",
        description="What is taken away: the video (grey frames), the trace (an empty think block), its claims "
        "(the conclusion is generated at once), or its being this video's (the claims are another video's).",
    )
    trace_from: Name | None = Field(
        None, description="Evaluation whose predictions the traces are taken from, for control other_trace."
    )
    decoding: dict[str, Any] = Field(
        {}, description="Keys of evaluation.decoding that differ, e.g. {temperature: 1.0}."
    )
    prompts: dict[str, Any] = Field(
        {}, description="Keys of prompts that differ: what this model was trained to be asked."
    )
    response: ResponseFormat = ResponseFormat()
    exhibits: list[Literal["main", "heatmaps", "bars", "boxplot", "ablation", "controls", "released"]] = Field(
        [], description="Exhibits that show this row, in the order of the configuration."
    )
    components: list[Literal["sft", "grpo", "tar", "gate"]] = Field(
        [], description="Check marks in the ablation table."
    )

    @model_validator(mode="after")
    def _control_fits(self) -> Evaluation:
        if self.control in ("no_trace", "no_claims", "other_trace") and self.prompt != "think":
            raise ValueError(f"control {self.control!r} takes something from a trace, so it needs prompt: think")
        if (self.control == "other_trace") != (self.trace_from is not None):
            raise ValueError("control 'other_trace' and the key 'trace_from' go together")
        return self


class Benchmark(Section):
    """A benchmark: where it is, how its questions are put and in which average it counts."""

    label: str
    group: Literal["generic", "reasoning", "heldout", "validation"] = Field(
        description="Average that it counts in; or none: held out of the training data, or of the validation split."
    )
    adapter: Name = Field(description="Reader of its columns: a name in video_r2.data.benchmark_columns.")
    hub: str | None = Field(None, description="Hub id.")
    revision: str | None = Field(None, description="Revision on the hub, if not that of sources.yaml.")
    questions: Count | None = Field(
        None, description="Questions that it has as published; a download with another number is warned about."
    )
    configs: list[str] = Field(["default"], min_length=1, description="Configurations of the data set.")
    split: str = "test"
    option_format: OptionFormat | None = Field(None, description="How an option is written, if not as prompts.option.")
    context: str = Field("", description="Text before the question.")
    contexts: dict[str, str] = Field({}, description="Other texts there, by the configuration that a question is of.")
    max_new_tokens: Count | None = Field(None, description="Overrides decoding.max_new_tokens.")

    @model_validator(mode="after")
    def _contexts_of_configs(self) -> Benchmark:
        if unknown := sorted(set(self.contexts) - set(self.configs)):
            raise ValueError(
                f"contexts: {', '.join(unknown)} is none of its configurations ({', '.join(self.configs)})"
            )
        return self


class Prompts(Section):
    """Wording around every question; this project's own."""

    think: str = Field(
        "First think the question through inside <think> </think>, naming the times in the video that you rely on. "
        "Then give only the final answer inside <answer> </answer>.",
        description="Instruction that asks for a trace; empty where it should be taken from the training set.",
    )
    think_choice: str = Field("", description="What follows it for multiple choice, on a line of its own.")
    think_number: str = Field("", description="What follows it for numbers.")
    think_text: str = Field("", description="What follows it for text.")
    direct_choice: str = Field("Answer with the letter of the best option only.", description="Multiple choice.")
    direct_open: str = Field("Answer with a single number, word or phrase.", description="Numbers and text.")
    option: OptionFormat = Field("{letter}. {text}", description="How an option is written.")


class Controls(Section):
    """Wording of the beginnings that controls force on a trace."""

    conclusion: str = Field("So", min_length=1, description="Word that the last sentence of a trace begins with.")
    without_claims: str = Field(
        "So the answer is",
        min_length=1,
        description="How a trace begins whose claims are taken away: far enough that the answer itself comes next.",
    )


class EvaluationSettings(Section):
    """How predictions are made."""

    decoding: Decoding = Decoding()
    frames: Frames = Frames(fps=2.0, max_frames=128)
    controls: Controls = Controls()
    jobs: Literal["per_benchmark", "per_evaluation"] = Field(
        "per_benchmark",
        description="What one job answers: one benchmark, or all of an evaluation's, one after the other.",
    )
    processes: Count | None = Field(
        None,
        description="Processes that share a job's questions out; none: one on each GPU that the rule asks for (resources: "
        "gpu), one where there is no GPU. No answer depends on it.",
    )
    attention_questions: int = Field(
        0, ge=0, description="Responses per benchmark whose attention is read out; 0 for all."
    )
    bootstrap: Count = Field(2000, description="Bootstrap samples behind every confidence interval.")


# Colours of which more is darker, so that a number can be read on them.
Heatmap = Literal[
    "Blues", "BuGn", "BuPu", "GnBu", "Greens", "Greys", "OrRd", "Oranges", "PuBu", "PuBuGn", "PuRd", "Purples", "RdPu",
    "Reds", "YlGn", "YlGnBu", "YlOrBr", "YlOrRd",
]  # fmt: skip


class Figures(Section):
    """Look of the figures."""

    font_size: Positive = 9.0
    dpi: Count = 200
    palette: Literal["colorblind", "deep", "muted", "bright", "pastel", "dark"] = "colorblind"
    heatmap: Heatmap = "YlGnBu"
    smoothing: Count = Field(15, description="Steps that the running mean of a training curve takes in.")
    sample_questions: Count = Field(11, description="Questions that the report shows with every model's response.")
    sample_frames: Count = Field(6, description="Frames of the video shown beside such a question.")


class Config(Section):
    """The whole experiment."""

    experiment: Name = Field("paper", description="Results go to results/<experiment>.")
    semantics: Semantics = Field(
        "corrected", description="Rewards and metrics as released, or with their defects mended."
    )
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1, description="Seeds of training and sampling.")
    data: Data = Data()
    judge: Judge = Judge()
    temporal_alignment: TemporalAlignment = TemporalAlignment()
    training: Training = Training()
    prompts: Prompts = Prompts()
    evaluation: EvaluationSettings = EvaluationSettings()
    figures: Figures = Figures()
    models: dict[Name, Model] = Field({}, description="Checkpoints by name.")
    evaluations: dict[Name, Evaluation] = Field({}, description="Rows of the exhibits by name.")
    benchmarks: dict[Name, Benchmark] = Field({}, description="Benchmarks by name.")

    @model_validator(mode="after")
    def _references_exist(self) -> Config:
        for name, model in self.models.items():
            if model.start is not None and model.start not in self.models:
                raise ValueError(
                    f"models.{name}.start: no model is called {model.start!r}; there are {', '.join(self.models)}"
                )
            if model.start is not None and self.models[model.start].backend.kind == "lmms_eval":
                raise ValueError(
                    f"models.{name}.start: {model.start!r} is no Qwen2.5-VL, the one family that is trained"
                )
            self.settings_of(name)
            if model.dataset == "sft_clean" and self.data.source != "generated":
                raise ValueError(f"models.{name}.dataset: 'sft_clean' is of a generated world; data.source is not")
        for name, evaluation in self.evaluations.items():
            if evaluation.model not in self.models:
                raise ValueError(
                    f"evaluations.{name}.model: no model is called {evaluation.model!r}; there are {', '.join(self.models)}"
                )
            self.decoding_of(name)
            self.prompts_of(name)
            self._require_backend_can(name)
            if evaluation.trace_from is not None and evaluation.trace_from not in self.evaluations:
                raise ValueError(f"evaluations.{name}.trace_from: no evaluation is called {evaluation.trace_from!r}")
            source = self.evaluations.get(evaluation.trace_from or "")
            if source is not None and (source.prompt != "think" or source.control != "none"):
                raise ValueError(
                    f"evaluations.{name}.trace_from: {evaluation.trace_from!r} has no traces of its own (it needs prompt: "
                    "think, and no control)"
                )
        for name, benchmark in self.benchmarks.items():
            if benchmark.group == "validation" and self.data.source != "generated":
                raise ValueError(f"benchmarks.{name}.group: 'validation' is of a generated world; data.source is not")
        self._labels_differ()
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: one stands there twice")
        self._start_order()
        return self

    def _labels_differ(self) -> None:
        """In no exhibit may two rows have one label; those of the controls have a column that tells them apart."""
        seen: dict[tuple[str, str], str] = {}
        for name, evaluation in self.evaluations.items():
            for exhibit in sorted({*evaluation.exhibits} - {"controls"}):
                other = seen.setdefault((exhibit, evaluation.label), name)
                if other != name:
                    raise ValueError(
                        f"evaluations.{name}.label: {evaluation.label!r} is that of {other!r}, too, which stands in "
                        f"{exhibit!r} beside it"
                    )

    def _start_order(self) -> None:
        for name in self.models:
            seen, at = [name], self.models[name].start
            while at is not None:
                if at in seen:
                    raise ValueError(f"models.{name}.start: goes in a circle: {' <- '.join([*seen, at])}")
                seen.append(at)
                at = self.models[at].start

    def settings_of(self, model: str) -> Base | Sft | Grpo | None:
        """Settings of the training stage that makes `model`: the stage's, with the model's own keys over them."""
        entry = self.models[model]
        if entry.stage == "hub":
            return None
        defaults: Base | Sft | Grpo = getattr(self.training, entry.stage)
        return overlaid(defaults, entry.settings, f"models.{model}.settings")

    def decoding_of(self, evaluation: str) -> Decoding:
        """Decoding of `evaluation`: the default, with its own keys over it."""
        return overlaid(
            self.evaluation.decoding, self.evaluations[evaluation].decoding, f"evaluations.{evaluation}.decoding"
        )

    def prompts_of(self, evaluation: str) -> Prompts:
        """Wording of `evaluation`: the default, with its own keys over it."""
        return overlaid(self.prompts, self.evaluations[evaluation].prompts, f"evaluations.{evaluation}.prompts")

    def _require_backend_can(self, name: str) -> None:
        evaluation, decoding = self.evaluations[name], self.decoding_of(name)
        backend = self.models[evaluation.model].backend
        if "boxplot" in evaluation.exhibits and backend.kind == "vllm" and backend.max_frames:
            raise ValueError(
                f"evaluations.{name}: 'boxplot' shows attention to all frames, and the model has max_frames"
            )
        if backend.kind != "lmms_eval":
            return
        told = f"evaluations.{name}: model {evaluation.model!r} is asked by lmms-eval, which"
        if evaluation.control in ("no_trace", "no_claims", "other_trace"):
            raise ValueError(f"{told} begins no response as control {evaluation.control!r} needs it")
        if "boxplot" in evaluation.exhibits:
            raise ValueError(f"{told} reads no attention, and 'boxplot' shows it")
        if decoding.temperature and decoding.top_k:
            raise ValueError(f"{told} samples among all tokens: decoding.top_k must be 0")

    def model_seed(self, model: str, seed: int) -> int:
        """Seed under which `model` is trained when the run as a whole has `seed`."""
        return seed if self.models[model].per_seed and self.models[model].stage != "hub" else self.seeds[0]


def validate(raw: Mapping[str, Any], source: str = "configuration") -> Config:
    """Check a raw configuration.

    Raises:
        UserError: naming every wrong key with its path, what was given and what is allowed.
    """
    return checked(Config, raw, source)
