"""What training is made of: folds by other hands, estimators that add up, the blend of their scores."""

from __future__ import annotations

import numpy as np
import pytest

from triage.classify.calibrate import reliability
from triage.classify.fitting import (
    Choices,
    HeldOut,
    blend,
    discriminant,
    kernel,
    other_hands,
    raw_scores,
    shifts,
    together,
)

HOW = Choices(regularisation=1.0, shrinkage=0.1, centres=60, ridge=0.05, seed=0)


def test_other_hands_are_runs_of_neighbouring_lines_of_every_file() -> None:
    strata = np.array(["a"] * 4 + ["b"] * 6)
    folds = other_hands(strata, 2)
    assert [unseen.tolist() for _, unseen in folds] == [[0, 1, 4, 5, 6], [2, 3, 7, 8, 9]]
    assert all(sorted([*seen, *unseen]) == list(range(10)) for seen, unseen in folds)


def test_the_discriminant_gives_rare_topics_the_same_right() -> None:
    draw = np.random.default_rng(0)
    x = np.r_[draw.normal(0, 1, (300, 3)), draw.normal(2, 1, (20, 3))]
    truth = np.array(["often"] * 300 + ["rare"] * 20)
    rows, bias = discriminant(x, truth, ["often", "rare"], HOW)
    scores = np.array([[1.0, 1.0, 1.0]]) @ rows.T + bias
    assert scores[0, 0] == pytest.approx(scores[0, 1], abs=0.7)
    right = np.array(["often", "rare"])[(x @ rows.T + bias).argmax(axis=1)] == truth
    assert right[:300].mean() > 0.9
    assert right[300:].mean() > 0.9


def test_shifts_judge_by_models_that_know_other_messages() -> None:
    langs = np.array(["en", "fr"] * 4)
    lengths = np.arange(8)
    hands, by_length, by_language, by_both = shifts(langs, lengths, langs, 2)
    assert [unseen.tolist() for _, unseen in hands] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [unseen.tolist() for _, unseen in by_length] == [[4, 5, 6, 7], [0, 1, 2, 3]]
    assert [(seen.tolist(), unseen.tolist()) for seen, unseen in by_language] == [
        ([1, 3, 5, 7], [0, 2, 4, 6]),
        ([0, 2, 4, 6], [1, 3, 5, 7]),
    ]
    assert [(seen.tolist(), unseen.tolist()) for seen, unseen in by_both] == [
        ([1, 3], [4, 6]),
        ([0, 2], [5, 7]),
        ([5, 7], [0, 2]),
        ([4, 6], [1, 3]),
    ]
    assert len(shifts(langs, lengths, np.array(["en"] * 8), 2)) == 2


def test_the_blend_of_each_reader_trusts_the_part_that_knows() -> None:
    draw = np.random.default_rng(0)
    right = draw.integers(0, 3, 400)
    knows = np.eye(3)[right] * 2 + draw.normal(0, 1, (400, 3))
    noise = draw.normal(0, 1, (400, 3))
    better = knows + np.eye(3)[right]
    scores = HeldOut(
        grams=knows.astype(np.float32),
        vectors=noise.astype(np.float32),
        encoded=(better.astype(np.float32),),
        kernels=(noise[::-1].astype(np.float32),),
    )
    fast, second = blend(scores, right)
    assert fast[1] < fast[0] / 4
    assert second[2] > second[0]
    assert second[3] < second[2] / 4
    raw = raw_scores(scores, [fast, second])
    assert np.allclose(raw[0], fast[0] * knows + fast[1] * noise, atol=1e-4)
    assert np.allclose(raw[1], np.tensordot(second, [knows, noise, better, noise[::-1]], 1), atol=1e-4)
    assert len(blend(HeldOut(grams=scores.grams, vectors=scores.vectors), right)) == 1


def circle(draw: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions of a plane and an axis; the topic lies on both ends of one axis, so that no line parts them."""
    angle = draw.uniform(0, 2 * np.pi, count)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + draw.normal(0, 0.1, (count, 2))
    return x, np.where(np.abs(np.cos(angle)) > np.abs(np.sin(angle)), "across", "up")


def test_the_kernel_knows_what_no_line_parts() -> None:
    draw = np.random.default_rng(0)
    topics = ["across", "up"]
    x, truth = circle(draw, 300)
    unseen, right = circle(draw, 100)
    made = kernel([x, draw.normal(0, 1, (300, 1))], truth, topics, HOW)
    assert made.centres.shape == (60, 3)
    told = made.scores(np.hstack([unseen, np.zeros((100, 1))]).astype(np.float32))
    assert np.mean(np.array(topics)[told.argmax(axis=1)] == right) > 0.85
    rows, bias = discriminant(x, truth, topics, HOW)
    assert np.mean(np.array(topics)[(unseen @ rows.T + bias).argmax(axis=1)] == right) < 0.7


def test_a_message_is_as_near_alone_as_among_others() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(0, 1, (80, 5))
    made = kernel([x], np.array(["a", "b"] * 40), ["a", "b"], HOW)
    vectors = x[:7].astype(np.float32)
    alone = np.vstack([made.scores(one[None]) for one in vectors])
    assert alone.tobytes() == made.scores(vectors).tobytes()


def test_a_message_without_a_direction_has_scores_all_the_same() -> None:
    made = kernel([np.eye(4)], np.array(["a", "b"] * 2), ["a", "b"], HOW)
    assert np.isfinite(made.scores(np.full((1, 4), 0.25, np.float32))).all()


def test_several_ways_to_cut_stand_one_after_the_other() -> None:
    one = HeldOut(grams=np.zeros((2, 3), np.float32), vectors=np.ones((2, 3), np.float32))
    both = together([one, one])
    assert both.grams.shape == (4, 3)
    assert both.encoded == ()


def test_reliability_by_hand() -> None:
    chance, right = np.array([0.12, 0.18, 0.95, 1.0]), np.array([False, True, True, True])
    assert reliability(chance, right) == [(2, 0.15, 0.5), (2, 0.975, 1.0)]
