"""A miniature benchmark's question, written as a row in the columns of the real benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from video_r2.data.questions import Item
from video_r2.data.traces import LETTERS
from video_r2.data.world import Film

Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """A question of a miniature benchmark, before it is written in the benchmark's columns.

    Attributes:
        id: "<kind>-<number>".
        number: its place in the benchmark, from 0.
        category: the benchmark's own question type.
        length: third of the world's range of lengths that the film lies in: short, medium or long.
        options: the texts of the options; empty for open questions.
    """

    id: str
    number: int
    film: Film
    item: Item
    category: str
    length: str
    options: list[str]

    @property
    def place(self) -> int:
        return self.options.index(self.item.answer)

    @property
    def letter(self) -> str:
        return LETTERS[self.place]

    @property
    def target(self) -> str:
        return self.letter if self.options else self.item.answer

    def lettered(self, pattern: str = "{}. {}") -> list[str]:
        """Options behind their letters, as benchmarks write them that do so themselves."""
        return [pattern.format(letter, text) for letter, text in zip(LETTERS, self.options, strict=False)]

    def with_options(self, pattern: str) -> str:
        """The question with its options in the text, one a line."""
        return "\n".join([self.item.question, *self.lettered(pattern)])


def mvbench(question: Question) -> Row:
    return {
        "video": f"{question.film.name}.mp4",
        "question": question.item.question,
        "candidates": question.options,
        "answer": question.item.answer,
        "question_id": question.id,
    }


def videomme(question: Question) -> Row:
    return {
        "video_id": question.film.name.rpartition("-")[2],
        "duration": question.length,
        "domain": "Knowledge",
        "sub_category": "Technology",
        "url": "",
        "videoID": question.film.name,
        "question_id": question.id,
        "task_type": question.category,
        "question": question.item.question,
        "options": question.lettered(),
        "answer": question.letter,
    }


def tempcompass(question: Question) -> Row:
    return {
        "video_id": question.film.name,
        "question": question.with_options("{}. {}"),
        "answer": f"{question.letter}. {question.item.answer}",
        "dim": question.category,
        "question_id": question.id,
    }


def mlvu(question: Question) -> Row:
    return {
        "video_name": f"{question.film.name}.mp4",
        "duration": float(question.film.seconds),
        "question": question.with_options("({}) {}"),
        "candidates": question.options,
        "answer": question.letter,
        "task_type": question.category,
        "question_id": question.id,
    }


def longvideobench(question: Question) -> Row:
    film = question.film
    padded = [*question.options, *["N/A"] * (5 - len(question.options))]
    return {
        "video_id": film.name,
        "id": question.id,
        "question": question.item.question,
        **{f"option{place}": text for place, text in enumerate(padded)},
        "correct_choice": question.place,
        "topic_category": "KA-Knowledge-Art",
        "question_category": question.category,
        "level": "L1-Perception" if question.item.looks == "one" else "L2-Relation",
        "video_path": f"{film.name}.mp4",
        "subtitle_path": f"{film.name}_en.json",
        "duration_group": 15 if film.seconds <= 15 else 60,
        "starting_timestamp_for_subtitles": 0.0,
        "duration": float(film.seconds),
    }


def videomathqa(question: Question) -> Row:
    return {
        "question_id": question.id,
        "videoID": question.film.name,
        "question": question.item.question,
        "options": question.lettered(),
        "answer": question.letter,
        "category": question.category,
        "length": question.length,
    }


def video_mmmu(question: Question) -> Row:
    return {
        "id": question.film.name,
        "question": question.item.question,
        "options": question.options,
        "answer": question.target,
        "question_type": "multiple-choice" if question.options else "open",
        "question_id": question.id,
    }


def mmvu(question: Question) -> Row:
    return {
        "id": question.id,
        "video_path": mmvu_video(question.film),
        "question_type": "multiple-choice",
        "question": question.item.question,
        "choices": dict(zip(LETTERS[:5], question.options, strict=True)),
        "answer": question.letter,
    }


MMVU_SUBJECTS = ("Biology", "Chemistry", "Mechanics", "Computer_Science", "Pharmacy", "Economics")


def mmvu_video(film: Film) -> str:
    number = int(film.name.rpartition("-")[2])
    return f"videos/{MMVU_SUBJECTS[number % len(MMVU_SUBJECTS)]}/{film.name}.mp4"


def vsibench(question: Question) -> Row:
    return {
        "id": question.number,
        "dataset": "scannet",
        "scene_name": question.film.name,
        "question_type": question.category,
        "question": question.item.question,
        "ground_truth": question.target,
        "options": question.lettered() or None,
        "question_id": question.id,
    }


def minerva(question: Question) -> Row:
    return {
        "key": question.id,
        "video_id": question.film.name,
        "question": question.item.question,
        "answer": question.item.answer,
        **{f"answer_choice_{place}": text for place, text in enumerate(question.options)},
        "answer_id": question.place,
        "question_type": question.category,
        "split": question.length,
        "category": "Knowledge",
    }


def scivideobench(question: Question) -> Row:
    return {
        "video_id": question.film.name,
        "question_id": question.id,
        "question": question.item.question,
        "options": dict(zip(LETTERS, question.options, strict=True)),
        "answer": question.letter,
        "question_type": question.category,
        "category": "Physics",
        "video_duration": float(question.film.seconds),
    }
