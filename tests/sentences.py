"""Sentences of traces: claims, talk and conclusions, to be strung together."""

from __future__ import annotations

from hypothesis import strategies as st

SENTENCES = st.sampled_from(
    [
        "At 00:05 a red circle rises.",
        "A man picks up two boxes.",
        'The sign reads "Exit" on the left.',
        "The video shows something.",
        "It is probably C.",
        "So the answer is B.",
    ]
)
