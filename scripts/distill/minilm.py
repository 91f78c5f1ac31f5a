"""The forward pass of all-MiniLM-L6-v2 (a BERT of six layers) in numpy, for sequences of equal length."""

import math

import numpy as np
from safetensors.numpy import load_file

LAYERS = 6
HEADS = 12


def erf(x: np.ndarray) -> np.ndarray:
    """Abramowitz and Stegun 7.1.26: off by at most 1.5e-7, far below one step of int8."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t
    return np.sign(x) * (1 - poly * np.exp(-x * x))


def gelu(x: np.ndarray) -> np.ndarray:
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class MiniLM:
    def __init__(self, safetensors_file: str):
        self.weights = load_file(safetensors_file)

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        # One product of two matrices: numpy would run a stack of small ones 20 times slower.
        flat = x.reshape(-1, x.shape[-1]) @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def layer_norm(self, name: str, x: np.ndarray) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-12)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def attention(self, name: str, x: np.ndarray) -> np.ndarray:
        batch, length, hidden = x.shape

        def heads(part: str) -> np.ndarray:
            projected = self.linear(f"{name}.self.{part}", x)
            return projected.reshape(batch, length, HEADS, hidden // HEADS).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = softmax(query @ key.transpose(0, 1, 3, 2) / math.sqrt(hidden // HEADS))
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(batch, length, hidden)
        return self.layer_norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", mixed) + x)

    def last_layer(self, ids: np.ndarray) -> np.ndarray:
        """ids of shape (batch, length) to states of shape (batch, length, hidden)."""
        weights = self.weights
        x = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        x = self.layer_norm("embeddings.LayerNorm", x)
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}"
            x = self.attention(f"{name}.attention", x)
            inner = gelu(self.linear(f"{name}.intermediate.dense", x))
            x = self.layer_norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", inner) + x)
        return x
