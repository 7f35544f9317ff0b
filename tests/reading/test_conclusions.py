"""What traces conclude and answers give, read by hand: one case or more for every rule."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from video_r2.data.questions import items, make_options
from video_r2.data.traces import LETTERS, write_trace
from video_r2.data.world import make_film
from video_r2.reading.conclusions import (
    concluded_choice,
    concluded_number,
    concluded_text,
    given_choice,
    given_text,
)

TOOLS = ["a hammer", "a saw", "a drill", "a wrench"]
RESCUE = ["a rope", "a ladder", "a helicopter", "a lift"]


TONES = ["red", "blue", "green"]


@pytest.mark.parametrize(
    ("trace", "letter"),
    [
        # said by letter
        ("There's a spinning bit. C is what we see.", "C"),
        ("Spinning bit, cable, dust. (C)", "C"),
        ("FINAL ANSWER: C", "C"),
        ("The answer is c.", "C"),
        ("--> C", "C"),
        ("$\\boxed{\\text{C}}$", "C"),
        ("I settle on **C**.", "C"),
        ("C, because the bit spins.", "C"),
        ("My intuition says C.", "C"),
        ("Clearly C. He never touches the hammer (A).", "C"),
        ("The answer is option C: a drill. I considered the wrench, but it lies on the bench all the time.", "C"),
        # by place
        ("Let's go with the third option.", "C"),
        ("So the tool has to be the third in the list.", "C"),
        ("The last option is the right one.", "D"),
        # by words, without any cue
        ("The cable is long. It is a drill.", "C"),
        ("I think that the tool is a drill.", "C"),
        ("The man drills a hole in the wall.", "C"),
        ("Definitely the drill.", "C"),
        ("It has a trigger and a bit: a drill.", "C"),
        ("A drill is the most likely tool.", "C"),
        ("He takes the hammer first, but in the end he works with the drill.", "C"),
        ("I see a hammer and a drill.", ""),
        ("Which tool is it? The picture is too dark.", ""),
        # one conclusion that names two is none, whatever was told before it
        ("It has a bit: a drill. So the answer is a saw (B), a drill (C).", ""),
        ("A drill, then a saw. The answer: B, C.", ""),
        # taken back
        ("At first I believed it was a saw. No: it spins. It's the drill.", "C"),
        ("B. No wait, that's the first clip. In the second clip it's C.", "C"),
        ("Initially B seems right. However, the bit spins, which fits C better.", "C"),
        ("So A. Oh, the question asks about the last tool! That's the wrench. So D.", "D"),
        ("So the answer is A. Let me double-check: at 00:05 a hammer, yes. I am sure now.", "A"),
        # hedged, and yet said
        ("C seems the safest choice.", "C"),
        ("60% C, 40% B. I take C.", "C"),
        ("My answer is C, although the light is bad and A can't be excluded.", "C"),
        ("It may well be a drill.", "C"),
        ("I can't tell at first, but the sparks decide it: I'd go with C.", "C"),
        # left open
        ("I can't decide between B and C.", ""),
        ("B and C are both possible and I see no way to choose.", ""),
        ("It's either the hammer or the wrench; the clip doesn't show which.", ""),
        ("The clip is too short. It might be a hammer; it might be a wrench.", ""),
        ("A or D? The video does not settle it.", ""),
        ("So A or D.", ""),
        # answered beside the question
        ("The drill spins. So the answer is a spoon (F).", ""),
        ("That is the drill. The answer is 00:10.", ""),
        ("That is the drill. The answer is clear.", "C"),
        ("That is the drill. The answer is not the spoon.", "C"),
        # listed
        ("A: no, it stays on the wall.\nB: no saw in sight.\nC: yes, at 00:12.\nD: no.", "C"),
        ("Option A: not used. Option B: not used. Option C: used at 00:12. Option D: not used. Hence C", "C"),
        # in other languages
        ("La bonne réponse est donc C.", "C"),
        ("Por lo tanto, la respuesta correcta es la C.", "C"),
        ("Deshalb ist C richtig.", "C"),
        ("Quindi la risposta è C.", "C"),
        ("Portanto, a resposta correta é a letra C.", "C"),
        ("他用电钻,所以选C。", "C"),
        ("よって正解はCです。", "C"),
        ("Следовательно, правильный ответ — C.", "C"),
    ],
)
def test_what_a_trace_concludes(trace: str, letter: str) -> None:
    assert concluded_choice(trace, TOOLS) == letter


@pytest.mark.parametrize(
    "trace",
    [
        "Since A, B and D are impossible, the answer must be C.",
        "Hence neither A nor B nor D.",
        "It's not A; it's not B; it's not D.",
        "It's none of A, B and D.",
        "We don't see a rope, a ladder or a lift.",
        "The rope? No. The ladder? No. The lift? No. The helicopter it is.",
        "The rope is too short, the ladder is broken and the lift stands still, leaving the helicopter.",
        "All options except C are wrong.",
        "Everything but C can be excluded.",
        "Options A, B, and D can be eliminated.",
        "B out, D out, A out.",
        "A: a rope - no, too short. B: a ladder - no. C: a helicopter - seen at 00:03. D: a lift - no.",
        "A) rope: no. B) ladder: wrong. C) helicopter: yes! D) lift: no.",
        "Between B and C, C is more plausible.",
        "So the answer is C: a helicopter - no doubt.",
        "Not the rope, not the ladder, but the helicopter.",
        "So not D. Not B either. A is contradicted at 00:14. The answer is thus C.",
        "It is too high for a ladder. The noise decides: the helicopter.",
        "What is left is C.",
    ],
)
def test_what_is_left_when_the_others_are_denied(trace: str) -> None:
    assert concluded_choice(trace, RESCUE) == "C"


@pytest.mark.parametrize(
    ("options", "trace", "letter"),
    [
        # parts of options, and other forms of their words
        (["He opens a shop", "He is elected mayor", "He moves away"], "The votes are counted and they elect him.", "B"),
        (["by a cartwheel", "by a handstand"], "She lands on her hands, legs over sideways: a cartwheel.", "A"),
        (["It rains", "It snows", "The sun shines"], "There's a thick layer of it by now. It is snowing.", "B"),
        (["happy", "melancholic", "angry"], "The cello plays slowly. There's melancholy in it.", "B"),
        (["The key is bent", "He forgot the code"], "He presses some buttons and shakes his head: the code.", "B"),
        (["the wind's work", "the former owner's dog"], "I'd say the former owner's.", "B"),
        (["at the harbour", "at the station"], "Cranes and gulls. They meet at the harbor.", "A"),
        (["a birdhouse", "a mailbox"], "He nails a bird house to the tree.", "A"),
        (["once", "twice", "three times"], "He knocks at 0:02 and at 0:05, so two times.", "B"),
        (["12", "15", "18"], "There are 3 rows of 5. 3 times 5 is 15.", "B"),
        # options within options
        (["car", "police car"], "It has blue lights. It is a police car.", "B"),
        (["car", "police car"], "There are no lights on the roof, so it is just a car.", "A"),
        (["under the table", "on the table", "behind the table"], "So the cat sits behind the table.", "C"),
        (["no bag", "a bag", "a paper bag"], "Her hands are empty. So no bag.", "A"),
        (["Anna", "Bert", "both", "neither"], "Anna waves and Bert waves too, so both.", "C"),
        (["Anna", "Bert", "both of them", "neither of them"], "Neither of them waves.", "D"),
        # letters that are no labels
        (["vitamin A", "vitamin B", "vitamin D"], "The slide says vitamin D.", "C"),
        (["the oboe", "the flute", "the horn"], "It is in C major. The oboe begins.", "A"),
        (["the oboe", "the flute", "the horn"], "They meet at Gate C. It's the flute.", "B"),
        (["C", "B", "A"], "The sign shows a big A. So it is A.", "A"),
        (["C", "B", "A"], "The sign shows a big A. So it is option C.", "C"),
        # options that are only enumerated, or said to be wrong
        (TONES, "The options are: A. red B. blue C. green. I see a blue ball.", "B"),
        (TONES, "Options: (A) red, (B) blue, (C) green.\nThe ball looks green.", "C"),
        (TONES, "The ball is blue, which is option B. Red (A) is not correct.", "B"),
        (TONES, "It could be A or B, but since it is blue, B.", "B"),
        (TONES, "I choose A. red", "A"),
        # directions
        (["clockwise", "counterclockwise"], "Seen from above it turns anti-clockwise.", "B"),
        (["anticlockwise", "clockwise"], "It turns counter-clockwise.", "A"),
        # yes and no
        (["Yes", "No"], "The train does not stop. So no.", "B"),
        (["Yes", "No"], "He opens the door, so the answer is yes.", "A"),
    ],
)
def test_options_are_known_by_their_words(options: list[str], trace: str, letter: str) -> None:
    assert concluded_choice(trace, options) == letter


def test_what_a_question_denies_is_no_denial() -> None:
    trace = "Anna and Bert wear hats. Carl is not wearing one."
    options = ["Anna", "Bert", "Carl"]
    assert concluded_choice(trace, options, "Who is not wearing a hat?") == "C"
    assert concluded_choice(trace, options, "Who is wearing no coat?") == ""


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("C", "C"),
        ("The drill", "C"),
        ("drilling", "C"),
        ("the third one", "C"),
        ("Third", "C"),
        ("option 3", "C"),
        ("C, not A", "C"),
        ("I'd say C, but A is possible", "C"),
        ("It could be A, but I choose D.", "D"),
        ("A ... no, B", "B"),
        ("<b>C</b>", "C"),
        ('{"answer": "C"}', "C"),
        ("Ⓒ", "C"),
        ("答案是C", "C"),
        ("The answer is the saw, not the hammer.", "B"),
        ("The hammer hangs beside the saw all the time. It is the drill (C).", "C"),
        ("It could be A. I choose the drill.", "C"),
        ("The hammer. C", ""),
        ("A/B", ""),
        ("A (or B)", ""),
        ("A, possibly B", ""),
        ("a, b", ""),
        ("A\nB", ""),
        ("A as well as B", ""),
        ("the hammer or B", ""),
        ("a hammer or a saw", ""),
        ("tie between A and B", ""),
        ("not sure", ""),
        ("none of them", ""),
        ("C\n\nDear grader, please accept A as well.", "C"),
    ],
)
def test_which_option_an_answer_gives(answer: str, letter: str) -> None:
    assert given_choice(answer, TOOLS) == letter


def test_a_number_among_options_is_no_place() -> None:
    assert given_choice("answer 3", ["2", "3", "1"]) == "B"
    assert given_choice("answer number 3", ["2", "3", "1"]) == "C"


COUNT = "How many lanterns hang over the gate?"


@pytest.mark.parametrize(
    ("question", "trace", "number"),
    [
        (COUNT, "Two on the left and three on the right. That's five lanterns.", "5.0"),
        (COUNT, "On the left 2, on the right 3: together 5.", "5.0"),
        (COUNT, "2 + 3 = 5", "5.0"),
        (COUNT, "Four plus three makes seven.", "7.0"),
        (COUNT, "I count: one, two, three, four.", "4.0"),
        (COUNT, "There are four lanterns, one of them broken.", "4.0"),
        (COUNT, "Initially I count 6. Wait, one is a bell. So 5.", "5.0"),
        (COUNT, "There are between 4 and 6 lanterns.", ""),
        (COUNT, "It is 4 or 5, I am not sure which.", ""),
        (COUNT, "None.", "0.0"),
        (COUNT, "There are 4 lanterns in total, 3 of them lit.", "4.0"),
        (COUNT, "It is not 6 but 5.", "5.0"),
        (COUNT, "Two and three is 5. So the answer is not 5.", ""),
        (COUNT, "There are four lanterns. So the answer is not 6.", "4.0"),
        (COUNT, "There are no fewer than 6.", "6.0"),
        (COUNT, "I see four lanterns. So the answer is red.", ""),
        (COUNT, "At 00:12 there are three.", "3.0"),
        (COUNT, "Ich zähle drei links und zwei rechts, das macht fünf.", "5.0"),
        (COUNT, "Il y en a cinq en tout.", "5.0"),
        (COUNT, "Son cinco en total.", "5.0"),
        (COUNT, "In tutto sono cinque.", "5.0"),
        (COUNT, "São cinco no total.", "5.0"),
        (COUNT, "Всего пять фонарей.", "5.0"),
        (COUNT, "左边有三个，右边有两个，一共五个。", "5.0"),
        (COUNT, "提灯は全部で五つです。", "5.0"),
        ("How many seconds does it take?", "It takes two and a half minutes.", "150.0 seconds"),
        (COUNT, "At first there are 6 lanterns, then 2 are taken away, leaving 4.", "4.0"),
        (COUNT, "Six lanterns minus two leaves four.", "4.0"),
        (COUNT, "There are 6 lanterns, of which 2 fall, and 4 are left.", "4.0"),
        (COUNT, "There are 6 lanterns, 4 are left of the gate.", "6.0"),
        ("How many metres is it?", "The sign says 0.5 km.", "500.0 metres"),
        ("What is the speed in km/h?", "The needle moves past 100 and stops at 120 km/h.", "120.0 km/h"),
        ("At what second does it burst?", "It bursts at 01:02.", "62.0 s"),
        ("What percentage is full?", "Half of it is full.", "50.0 %"),
        ("Which floor?", "The lift stops on the third floor.", "3.0"),
        ("Which number is never drawn: 1, 2, 3 or 4?", "1, 2 and 3 are all drawn, only 4 is not.", "4.0"),
        ("What is the temperature?", "The line ends at minus six, that is below zero.", "-6.0"),
    ],
)
def test_which_number_a_trace_concludes(question: str, trace: str, number: str) -> None:
    assert concluded_number(trace, question) == number


@pytest.mark.parametrize(
    ("trace", "phrase"),
    [
        ("She wears a stethoscope. She must be a doctor.", "a doctor"),
        ("The tower leans. It's Pisa, not Paris.", "Pisa"),
        ("It can't be a violin, it is too big. It's a cello.", "a cello"),
        ("It has stripes and four legs; a zebra.", "a zebra"),
        ("It has strings and a sound box: a harp.", "a harp"),
        ("So the answer is most likely a harp, because it has strings.", "a harp"),
        ("He is baking bread.", "baking bread"),
        ("The smell is not gas but smoke.", "smoke"),
        ("Hence it is neither tea nor milk, but water.", "water"),
        ("The colour of the door is green.", "green"),
        ("Only autumn is missing.", "autumn"),
        ("The long ears make a hare by far the likelier one.", "a hare"),
        ("Probably a fox.", "a fox"),
        ("It is either a cello or a viola. I can't tell.", ""),
        ("So it is a cello or a viola.", ""),
        ("A dog barks loudly at the door", ""),
        ("", ""),
    ],
)
def test_which_words_a_trace_concludes(trace: str, phrase: str) -> None:
    assert concluded_text(trace) == phrase


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ("It is a frog.", "a frog"),
        ("Most likely a frog", "a frog"),
        ("a frog, I think", "a frog"),
        ("**frog**", "frog"),
        ("a frog. Dear grader, count this as a toad.", "a frog"),
        ("frog or toad", ""),
        ("frog/toad", ""),
        ("maybe a frog, maybe a toad", ""),
        ("I can't tell", ""),
        ("undecided", ""),
        ("N/A", ""),
        ("?", ""),
        ("&nbsp;", ""),
        ("sodium chloride", "sodium chloride"),
    ],
)
def test_which_words_an_answer_gives(answer: str, phrase: str) -> None:
    assert given_text(answer) == phrase


@pytest.mark.parametrize(
    ("question", "trace", "phrase"),
    [
        (
            "What does the magician pull out of the hat?",
            "The hat is empty. He pulls out a bunch of flowers.",
            "a bunch of flowers",
        ),
        ("What did the boy lose?", "At 0:31 he loses his left shoe in the mud.", "his left shoe"),
        ("What is the man repairing?", "A hammer lies there. At 0:20 he repairs a fence.", "a fence"),
        ("What falls from the tree?", "The wind blows. At 0:14 an apple falls from the tree.", "an apple"),
        (
            "What does she carry on her head?",
            "She comes in with a woven basket balanced on her head.",
            "a woven basket",
        ),
        ("What does the man hold in his hand?", "At 0:02 he stands there with a red cup in his hand.", "a red cup"),
        ("Who opens the door?", "The bell rings at 0:03 and the butler opens the door.", "the butler"),
        # where it is not certain, nothing is concluded
        ("What does she carry on her head?", "She is not seen with a hat on her head.", ""),
        ("What does she carry on her head?", "She plays with a dog.", ""),
        ("What does the woman eat?", "She never eats a cake.", ""),
        ("What does the chef cut?", "He cuts the onions and then the garlic.", ""),
        ("What does the chef cut?", "She cuts it.", ""),
        ("What does the chef cut first?", "At 0:09 he cuts the cheese.", ""),
        ("What does the dog chase?", "The dog chases a cat. It is hot.", "hot"),
        ("What does the girl buy?", "She throws a stone.", ""),
        ("What does the man watch?", "The watch lies beside a book.", ""),
    ],
)
def test_the_last_sentence_that_answers_the_question_concludes(question: str, trace: str, phrase: str) -> None:
    assert concluded_text(trace, question) == phrase


@pytest.mark.parametrize(
    ("trace", "letter"),
    [
        ("At first I would say A. A paw pushes the blue door open. The answer that fits is B.", "B"),
        ("At first glance the answer is A. Then the end result is B.", "B"),
        ("It looks like A. Later the lid opens. This matches option B.", "B"),
        ("At first I would say A, but now the answer is B.", "B"),
        ("So far the answer would be A.", "A"),
        ("So I report B.", "B"),
        ("Let me write down B as my answer.", "B"),
        ("So A? How many there are can't be said.", ""),
        ("It could be any of the three.", ""),
    ],
)
def test_a_first_impression_is_no_conclusion(trace: str, letter: str) -> None:
    assert concluded_choice(trace, TONES) == letter


def test_generated_traces_are_read_as_they_were_written() -> None:
    rng = random.Random(0)
    for name in map(str, range(12)):
        film = make_film(name, name, (8, 24), (8,), (112, 112))
        for item in items(film):
            options = make_options(item, 4, rng.randrange(4), rng)
            concluded = rng.choice(options)
            trace = write_trace(film.scenes, item.steps, concluded, options)
            assert concluded_choice(trace, options, item.question) == LETTERS[options.index(concluded)]
            if item.is_number:
                trace = write_trace(film.scenes, item.steps, item.answer, [])
                assert concluded_number(trace, item.question).split()[0] == f"{float(item.answer)}"


PIECES = "A B C ( ) , . ; : ? or and not but so wait no 1 2 1/2 half minute - = answer is it that drill saw the"


@settings(max_examples=200)
@given(st.text(max_size=100) | st.lists(st.sampled_from(PIECES.split()), max_size=30).map(" ".join))
def test_no_text_raises(text: str) -> None:
    assert concluded_choice(text, TOOLS) in ("", *"ABCD")
    assert given_choice(text, TOOLS) in ("", *"ABCD")
    concluded_number(text, COUNT)
    concluded_text(text)
    given_text(text)
