"""Learn what orders to a judge look like: writes the weights that `video_r2.reading.order_likeness` reads.

The sentences are those written for it and those of the labelled responses' development half. With --folds nothing is written:
it says how well sentences are told apart that are not learnt from.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import fmean

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from video_r2.command import run_command
from video_r2.metrics.agreement import LabelledResponse, read_labelled, split_of
from video_r2.reading.order_likeness import FILE, Weights, features, likeness
from video_r2.reading.orders import SENTENCE
from video_r2.reading.plain_text import spell_plainly

LEAST = 3  # sentences that a feature stands in
STRENGTH = 10.0  # of the data against the penalty on large weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sentences", type=Path, help="JSON lines: sentence, order (tests/judge/order_sentences.jsonl)")
    parser.add_argument("responses", type=Path, help="labelled responses (tests/judge/readings.jsonl)")
    parser.add_argument("--output", type=Path, default=FILE, help="the weights (default: where they are read)")
    parser.add_argument("--folds", type=int, help="parts, each of which is told apart by what the others teach")
    given = parser.parse_args()
    sentences = sentences_of(given.sentences, given.responses)
    if given.folds:
        orders, honest = held_out(sentences, given.folds)
        print(
            f"like an order: {orders:.1%} of the orders, {honest:.1%} of the other sentences, of {len(sentences)} in all"
        )
        return
    given.output.write_text(as_json(fit(sentences)), encoding="utf-8")


def sentences_of(sentences: Path, responses: Path) -> dict[str, bool]:
    """Each sentence, in one spelling, and whether it is an order or holds one."""
    lines = map(json.loads, sentences.read_text(encoding="utf-8").splitlines())
    written = {spell_plainly(line["sentence"]): line["order"] for line in lines}
    for response in split_of(read_labelled(responses), "development"):
        written.update(marked_sentences(response))
    return written


def marked_sentences(response: LabelledResponse) -> Iterator[tuple[str, bool]]:
    """The sentences of a response's blocks, each with whether it shares text with what was marked as the order."""
    orders = [part.strip() for piece in response.order for part in SENTENCE.findall(spell_plainly(piece))]
    blocks = (spell_plainly(reading.text) for reading in response.readings)
    for sentence in (part.strip() for block in blocks for part in SENTENCE.findall(block)):
        if any(map(str.isalnum, sentence)):
            yield sentence, any(part in sentence for part in orders if any(map(str.isalnum, part)))


def held_out(sentences: Mapping[str, bool], folds: int) -> tuple[float, float]:
    """The shares of the orders, and of the other sentences, that are like an order where they are not learnt from."""
    like: dict[bool, list[bool]] = {True: [], False: []}
    for fold in range(folds):
        places = enumerate(sentences.items())
        weights = fit({sentence: order for place, (sentence, order) in places if place % folds != fold})
        for sentence in list(sentences)[fold::folds]:
            like[sentences[sentence]].append(likeness(sentence, weights) > 0)
    return fmean(like[True]), fmean(like[False])


def fit(sentences: Mapping[str, bool]) -> Weights:
    """Learn weights from sentences and whether they are orders."""
    vectorizer = TfidfVectorizer(analyzer=features, binary=True, min_df=LEAST)
    model = LogisticRegression(C=STRENGTH, solver="liblinear", class_weight="balanced", random_state=0)
    model.fit(vectorizer.fit_transform(sentences), list(sentences.values()))
    places = sorted(vectorizer.vocabulary_.items())
    rarity = {name: float(vectorizer.idf_[at]) for name, at in places}
    return Weights(
        float(model.intercept_[0]), rarity, {name: rarity[name] * float(model.coef_[0][at]) for name, at in places}
    )


def as_json(weights: Weights) -> str:
    """One feature a line, so that a new fit can be compared."""
    lines = [f"  {json.dumps(name)}: [{rare:.3f}, {weights.weight[name]:.3f}]" for name, rare in weights.rarity.items()]
    return f'{{"bias": {weights.bias:.4f}, "features": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    run_command(main)
