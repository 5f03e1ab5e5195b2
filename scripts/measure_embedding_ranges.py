"""Measure between what values the inputs of the encoder's products lie, and write them for memories.embedding.int8.

    python scripts/measure_embedding_ranges.py

Texts of our own writing only: the quarantine's examples, and below what memories and questions are besides (remarks of
a word or two, code, numbers, other languages). Takes a minute. Raise FORMAT_VERSION in memories/embedding/graph.py when
the ranges changed: vectors made with other ranges are a little other vectors.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from memories.embedding.encoder import Graph, build_model
from memories.embedding.graph import weights_folder
from memories.embedding.int8 import RANGES_FILE
from memories.refinement.quarantine import WEIGHTS_FILE

EXAMPLES_FILE = WEIGHTS_FILE.with_name("quarantine_examples.jsonl")
OUTLIERS = 0.05  # per cent of a channel's values at either end that may lie outside its range
TOKENS = 256
RUN_TEXTS = 16

REMARKS = """
Thanks! | Thank you. | Thanks a lot! | Thanks, that helps. | Thanks! See you later. | Hi! | Hello there. | Hey |
Bye! | See you! | Good night. | Yes. | No. | Yes! | No!! | Sure. | Okay. | OK | Agreed. | Exactly! | Right. |
Wow! | Great! | Cool. | Nice! | Lovely :) | :) | ;) | :( | ??? | ... | ! | Haha | Ha, true. | Sorry. | Sorry! |
Oh no. | Congratulations! | You too! | Me too. | Same here. | Not yet. | Maybe. | Why? | How? | When? | Who? |
Where? | What? | Really? | Go on. | Good luck! | Well done! | Take care. | No problem. | You're welcome! |
I see. | I know. | Of course! | Never mind. | Stop. | Continue. | Help! | Please. | Yes please! | No thanks. |
Awesome!! | Sounds good. | Sounds fun! | Can't wait! | 👍 | 😀 | ❤️ | 🎉🎉 | 1 | 42 | 2026 | x | a | tea | Berlin |
Python | port 5432 | 3 pm | 12.50 € | 50% | v2.1.0
"""
OTHERS = """
def area(r: float) -> float: return 3.14159 * r ** 2
SELECT id, name FROM users WHERE created_at > now() - interval '7 days' ORDER BY id DESC LIMIT 10;
for (let i = 0; i < items.length; i++) { console.log(items[i].id); }
{"user": {"id": 4711, "roles": ["admin", "billing"], "active": true}}
Traceback (most recent call last): KeyError: 'token' in session.py line 88
docker compose up -d && docker compose logs --tail=100 web
https://docs.example.org/guide/install?version=3#linux
CPU 93 %, memory 7.2 of 8 GB, load 4.31 3.90 2.75
Invoice 2026-0417: 3 x 19.90 EUR + 19 % VAT = 71.04 EUR, due 14 May 2026
IMPORTANT: THE OFFICE IS CLOSED ON FRIDAY!!! PLEASE READ THE MAIL FROM HR.
Meine Schwester zieht im März nach Hamburg und sucht dort eine Wohnung.
Le rendez-vous chez le dentiste est reporté au jeudi 12 juin à 9 h 30.
El usuario prefiere que le escriban en español y sin tecnicismos.
La riunione con il cliente è spostata a lunedì mattina.
De gebruiker drinkt 's ochtends alleen thee.
Użytkownik mieszka w Krakowie i pracuje jako inżynier.
ユーザーは毎朝お茶を飲みます。
用户住在上海,喜欢骑自行车。
Пользователь живёт в Риге и изучает японский язык.
المستخدم يفضل الاجتماعات الصباحية
asdf qwer zxcv 1q2w3e lorem ipsum dolor sit amet
the the the the the the the the the the the the
# Notes\n\n- buy oat milk\n- call Ana (+1 555 0100)\n- fix the build
What did I say about the budget for the kitchen, and when is the plumber coming?
Who was with me in Norway last summer?
How do I restart the staging cluster without losing the queue?
"""


def texts() -> Iterator[str]:
    """All texts that are looked at."""
    for line in EXAMPLES_FILE.read_text().splitlines():
        yield json.loads(line)["text"]
    yield from (remark.strip() for remark in REMARKS.split("|"))
    yield from OTHERS.strip().splitlines()


def inputs_of_products() -> tuple[Any, dict[str, str]]:
    """A session of the fp32 graph that answers what enters its products, and the product's names by input."""
    from onnx import TensorProto, helper
    from onnxruntime import InferenceSession
    from safetensors.numpy import load_file

    model = build_model(Graph(weights=load_file(weights_folder() / "model.safetensors")))
    constants = {constant.name for constant in model.graph.initializer}
    entered = {
        node.output[0].removesuffix("_m"): node.input[0]
        for node in model.graph.node
        if node.op_type == "MatMul" and node.input[1] in constants
    }
    for name in dict.fromkeys(entered.values()):
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]), entered


def main() -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(weights_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    tokens = sorted((tokenizer.encode(text).ids for text in texts()), key=len)
    session, entered = inputs_of_products()
    names = [output.name for output in session.get_outputs()]
    seen: dict[str, list[np.ndarray]] = defaultdict(list)
    for first in range(0, len(tokens), RUN_TEXTS):
        run = tokens[first : first + RUN_TEXTS]
        mask = np.array([[1] * len(ids) + [0] * (len(run[-1]) - len(ids)) for ids in run], dtype=np.int64)
        padded = np.array([ids + [0] * (len(run[-1]) - len(ids)) for ids in run], dtype=np.int64)
        answers = dict(zip(names, session.run(None, {"input_ids": padded, "attention_mask": mask}), strict=True))
        for product, name in entered.items():
            seen[product].append(answers[name][mask.astype(bool)])
    ranges: dict[str, np.ndarray] = {}
    for product, rows in seen.items():
        low, high = np.percentile(np.concatenate(rows), (OUTLIERS, 100 - OUTLIERS), axis=0)
        ranges |= {f"{product}_low": low.astype(np.float16), f"{product}_high": high.astype(np.float16)}
    np.savez_compressed(RANGES_FILE, **ranges)
    print(f"{len(tokens)} texts, {sum(map(len, tokens))} tokens: {len(seen)} products in {RANGES_FILE}")


if __name__ == "__main__":
    main()
