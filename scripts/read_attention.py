"""Where a response looks: how a Qwen2.5-VL checkpoint spreads its attention while it writes.

    python scripts/read_attention.py CHECKPOINT VIDEO --prompt "What falls?" --response "<think>At 00:05, a cup falls.</think>"

Prints how much of the attention of the response's tokens, averaged over heads, goes to the video, to the rest of the prompt and
to the response itself; how much of it goes to each second; and, for each claim of the trace, whether its tokens look at the
time that it cites.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

# Nothing here needs the network: what is not on the disk is an error, not a download.
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

from video_r2 import config
from video_r2.command import run_command
from video_r2.data.frames import FrameCache
from video_r2.errors import RejectedRecord, UserError
from video_r2.evaluation.cited_attention import attention_to_cited_times
from video_r2.evaluation.prefixes import PrefixReader
from video_r2.model.attention import attention_to_video
from video_r2.model.generation import Prompt, make_suffix
from video_r2.sections import checked

FRAMES = {
    "fps": "frames a second",
    "max_frames": "frames at most",
    "min_pixels": "smallest area of a frame, resized",
    "max_pixels": "largest area of a frame, resized",
}
WIDTH = 40  # characters of the longest bar


def main() -> None:
    arguments = parse_arguments()
    decoding = checked(config.Decoding, {"attention": arguments.attention, "bf16": arguments.bf16}, "command line")
    given = {name: getattr(arguments, name) for name in FRAMES}
    frames = checked(config.Frames, {**given, "overlay": False}, "command line")
    # What is said while it loads is no part of the figures.
    with tempfile.TemporaryDirectory(prefix="video-r2-frames-") as folder, contextlib.redirect_stdout(sys.stderr):
        cache = FrameCache(Path(folder), frames, config.Overlay(), config.Data().decoder)
        reader = PrefixReader.of_checkpoint(arguments.checkpoint, decoding, cache)
        found = read_out(reader, arguments)
    print(json.dumps(found, indent=1, ensure_ascii=False) if arguments.json else described(found))


def parse_arguments() -> argparse.Namespace:
    decoding, frames = config.Decoding(), config.Frames()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="folder of a Qwen2.5-VL checkpoint")
    parser.add_argument("video", type=Path, help="video file")
    parser.add_argument("--prompt", required=True, help="what was asked")
    parser.add_argument("--response", required=True, help="what the model said")
    parser.add_argument("--layer", type=int, default=-1, help="decoder layer, counted as in a list (default: the last)")
    parser.add_argument("--json", action="store_true", help="print everything, every token's shares too, as JSON")
    for name, told in FRAMES.items():
        default = getattr(frames, name)
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=type(default), default=default, help=f"{told} (default: %(default)s)")
    parser.add_argument(
        "--attention", default=decoding.attention, help="implementation of the forward pass (default: %(default)s)"
    )
    parser.add_argument("--bf16", action="store_true", help="load the weights in bfloat16")
    return parser.parse_args()


def read_out(reader: PrefixReader, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of the response: shares from 0 to 1."""
    encoded = reader.processor.tokenizer(arguments.response, add_special_tokens=False, return_offsets_mapping=True)
    tokens, places = encoded["input_ids"], encoded["offset_mapping"]
    if not tokens:
        raise UserError("the response is empty", cure="give --response what the model said")
    shown = (str(arguments.video), "")
    prefix = reader.read([shown], batch=1)[shown]
    if isinstance(prefix, RejectedRecord):
        raise prefix
    layers = len(reader.model.model.language_model.layers)
    if not -layers <= arguments.layer < layers:
        raise UserError(f"the model has no layer {arguments.layer}, but {layers} of them", cure="--layer")
    prompt = Prompt(prefix, make_suffix(reader.processor, arguments.prompt), max_new_tokens=0)
    (readout,) = attention_to_video(reader.model, [prompt], [tokens], arguments.layer)
    words = reader.processor.tokenizer.batch_decode([[token] for token in tokens])
    shares = {name: getattr(readout, name) for name in ("video", "prompt", "response")}
    return {
        **{name: float(of_tokens.mean()) for name, of_tokens in shares.items()},
        "per_second": readout.per_second(),
        "claims": [
            dataclasses.asdict(claim) for claim in attention_to_cited_times(readout, arguments.response, places)
        ],
        "tokens": [
            {"token": word, **{name: float(of_tokens[at]) for name, of_tokens in shares.items()}}
            for at, word in enumerate(words)
        ],
        "moments": readout.moments.tolist(),
        "seconds_per_moment": readout.seconds_per_moment,
    }


def described(found: dict[str, Any]) -> str:
    """The figures for the terminal."""
    shares = ", ".join(f"{100 * found[name]:.1f}% to the {name}" for name in ("video", "prompt", "response"))
    lines = [f"attention of {len(found['tokens'])} tokens: {shares}", "", "second of the video"]
    highest = max(found["per_second"].values(), default=0.0) or 1.0
    for second, share in found["per_second"].items():
        bar = "#" * round(WIDTH * share / highest)
        lines.append(f"{second // 60:4d}:{second % 60:02d} {100 * share:6.2f}% {bar}")
    for claim in found["claims"]:
        start, end = claim["interval"]["start"], claim["interval"]["end"]
        cited = f"{start:g} s" if start == end else f"{start:g} to {end:g} s"
        lines.append(
            f"the claim of {cited}: {100 * claim['share']:.1f}% of its attention to the video is there "
            f"({100 * claim['even']:.1f}% if it were even)"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
