"""The verdict of a comparison, on made-up accuracies where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from paddleclas_octconv.compare.accuracy import IMAGES, LABELS, TOP1, chance_of, share_right
from paddleclas_octconv.compare.results import _pair, spread
from paddleclas_octconv.compare.tables import in_terminal
from paddleclas_octconv.compare.verdict import paired, verdicts


def runs(*accuracies: float, first_seed: int = 1) -> list[dict]:
    return [{"seed": first_seed + i, "eval_accuracy": value} for i, value in enumerate(accuracies)]


def config(rate: float = 0.1) -> dict:
    return {"Global": {"output_dir": "out/runs/a/output"}, "Optimizer": {"lr": rate}}


def model(name: str, *accuracies: float, twin: str | None = None, ms: float | None = None) -> dict:
    return {
        "model": name,
        "arch": {"name": name},
        "config": config(),
        "twin": twin,
        "twin_model": twin,
        "source": None,
        "runs": runs(*accuracies),
        "train_accuracy": spread(accuracies),
        "eval_accuracy": spread(accuracies),
        "train_seconds": {"mean": 600},
        "multiply_adds": 50_000_000 if twin else 80_000_000,
        "latency": ms and {"median_ms": ms, "engine": "openvino", "spread": 0.01},
    }


def verdict(ours: tuple, theirs: tuple, **options) -> dict:
    octave, vanilla = (
        model("OctNet", *ours, twin="Net", **options),
        model("Net", *theirs, **options),
    )
    (found,) = verdicts([octave, vanilla])
    return found


def test_one_seed_says_that_it_is_one():
    found = verdict((0.62,), (0.60,))
    assert found["mean"] == pytest.approx(0.02)
    assert found["p"] is found["deviation"] is None and not found["beyond_seeds"]
    assert "OctNet is 0.0200 above Net in evaluation accuracy, with one seed (1)" in found["text"]


def test_a_constant_gain_is_beyond_the_spread_of_seeds():
    found = verdict((0.61, 0.52, 0.703), (0.59, 0.50, 0.68))
    assert found["beyond_seeds"] and found["p"] < 0.01
    assert "above Net" in found["text"] and "more than the spread of seeds" in found["text"]


def test_a_gain_that_seeds_turn_round_is_within_it():
    found = verdict((0.61, 0.50, 0.70), (0.59, 0.54, 0.69))
    assert not found["beyond_seeds"] and found["p"] > 0.5
    assert "within the spread of seeds (paired t-test, p = 0." in found["text"]


def test_a_very_small_p_is_told_as_one():
    gains = [0.1 + i * 1e-4 for i in range(4)]
    found = verdict(tuple(0.5 + gain for gain in gains), (0.5,) * 4)
    assert "(paired t-test, p < 0.001)" in found["text"]


@pytest.mark.filterwarnings("error")
def test_gains_that_are_all_alike_leave_nothing_to_test():
    # As PaddleClas logs them: shares of 360 images, to five decimals.
    ours, theirs = (0.62222, 0.55556), (0.60278, 0.53611)
    found = verdict(ours, theirs)
    assert found["p"] is None and not found["beyond_seeds"]
    assert "0.0194 above Net" in found["text"]
    assert "with each of 2 seeds alike, which leaves nothing to test." in found["text"]
    assert "OctNet and Net reach the same" in verdict((0.5, 0.6), (0.5, 0.6))["text"]


def test_the_test_is_the_paired_one():
    # Unpaired, these overlap entirely; seed by seed the first is always better.
    found = verdict((0.41, 0.61, 0.812, 0.31), (0.40, 0.60, 0.80, 0.30))
    assert found["beyond_seeds"]
    known = paired(runs(1.0, 2.0, 4.0), runs(0.0, 0.0, 1.0))
    assert known.mean == pytest.approx(2.0) and known.deviation == pytest.approx(1.0)
    assert known.p == pytest.approx(0.0741799, abs=1e-6)  # t = 3.4641, two degrees of freedom


def test_two_seeds_say_little():
    assert verdict((0.61, 0.53), (0.59, 0.50))["text"].count("of two seeds that says little") == 1


def test_the_better_one_is_named_whichever_it_is():
    assert "Net is 0.0100 above OctNet" in verdict((0.60,), (0.61,))["text"]
    assert "reach the same evaluation accuracy" in verdict((0.6,), (0.6,))["text"]


def test_only_common_seeds_are_paired():
    found = paired(runs(0.5, 0.6, 0.7), runs(0.5, 0.5, first_seed=2))
    assert found.seeds == [2, 3]
    assert found.mean == pytest.approx(0.15)
    assert paired(runs(0.5), runs(0.5, first_seed=2)) is None


def test_what_it_costs_is_said_too():
    octave, vanilla = model("OctNet", 0.6, twin="Net", ms=5.0), model("Net", 0.6, ms=8.0)
    (found,) = verdicts([octave, vanilla])
    assert found["text"].endswith(
        "OctNet takes 62% of the multiply-adds and is 1.60 times as fast once exported "
        "(openvino, one image)."
    )


def test_latencies_that_tell_nothing_are_told_so():
    octave, vanilla = model("OctNet", 0.6, twin="Net", ms=7.9), model("Net", 0.6, ms=8.0)
    (found,) = verdicts([octave, vanilla])
    assert (
        "and has a latency that cannot be told from that of Net once exported (openvino, one image"
    ) in found["text"]
    octave["latency"].update(median_ms=4.0, busy=True)
    (found,) = verdicts([octave, vanilla])
    assert (
        "2.00 times as fast once exported (openvino, one image, on a busy machine: a guide"
        in (found["text"])
    )


EQUAL = ((0.61, 0.50, 0.70), (0.61, 0.505, 0.695))
BETTER = ((0.61, 0.52, 0.703), (0.59, 0.50, 0.68))


@pytest.mark.parametrize(
    "accuracies, milliseconds, take, said",
    [
        (EQUAL, (5.0, 8.0), "OctNet", "Take OctNet: 1.60 times as fast, and as accurate as far as"),
        (EQUAL, (8.0, 5.0), "Net", "Take Net: 1.60 times as fast, and as accurate as far as seeds"),
        (EQUAL, (8.0, 7.9), None, "equally accurate as far as seeds tell, and their latencies can"),
        (BETTER, (5.0, 8.0), "OctNet", "Take OctNet: more accurate than seeds explain, and 1.60 "),
        (BETTER, (None, None), "OctNet", "seeds explain, and their latency is not known."),
        (BETTER[::-1], (8.0, 8.0), "Net", "Take Net: more accurate than seeds explain, and their "),
        (BETTER, (8.0, 5.0), None, "take OctNet where accuracy counts, by 0.0210 more than seeds"),
        (
            ((0.62,), (0.60,)),
            (5.0, 8.0),
            None,
            "one seed does not tell their accuracies",
        ),
        (((0.62, 0.5), (0.60, 0.51)), (5.0, 8.0), None, "two seeds do not tell their accuracies"),
        (
            ((0.66, 0.50, 0.6), (0.60, 0.51, 0.6)),
            (5.0, 8.0),
            None,
            "3 seeds do not confirm, ",
        ),
        (
            ((0.62, 0.52, 0.72), (0.6, 0.5, 0.7)),
            (5.0, 8.0),
            None,
            "each seed gives the same",
        ),
    ],
)
def test_what_to_take(accuracies, milliseconds, take, said):
    octave = model("OctNet", *accuracies[0], twin="Net", ms=milliseconds[0])
    (found,) = verdicts([octave, model("Net", *accuracies[1], ms=milliseconds[1])])
    assert found["take"] == take and said in found["advice"]
    if take is None:
        assert found["advice"].startswith("Undecided: ")


def test_a_busy_machine_decides_nothing():
    octave, vanilla = (model(n, *a, ms=5.0) for n, a in zip(("OctNet", "Net"), EQUAL))
    octave.update(twin_model="Net", latency={"median_ms": 1.0, "spread": 0.01, "busy": True})
    (found,) = verdicts([octave, vanilla])
    assert found["take"] is None and found["advice"].endswith("measured on a busy machine.")


@pytest.mark.parametrize(
    "accuracies, who",
    [((0.10, 0.11), "both are"), ((0.5, 0.1), "Net is"), ((0.1, 0.5), "OctNet is")],
)
def test_what_guesses_is_trained_longer(accuracies, who):
    octave, vanilla = (
        {**model("OctNet", accuracies[0], twin="Net", ms=5.0), "chance": 0.125},
        {**model("Net", accuracies[1], ms=8.0), "chance": 0.125},
    )
    (found,) = verdicts([octave, vanilla])
    assert found["take"] is None
    assert found["advice"] == f"Undecided: {who} at chance: train longer (--epochs)."


def test_chance_is_that_of_the_largest_class():
    alike = np.repeat(np.arange(10), 100)
    assert chance_of(alike, TOP1) == pytest.approx(0.1 + 2 * (0.1 * 0.9 / 1000) ** 0.5)
    assert chance_of(np.repeat([0, 1], [900, 100]), TOP1) > 0.9
    assert chance_of(np.array([0, 0, 1, 1]), TOP1) == 1.0  # of four images nothing can be told


def test_of_several_labels_chance_is_what_saying_always_the_same_reaches():
    labels = np.array([[1, 0, 0], [1, 0, 1], [1, 0, 0], [1, 1, 1]] * 100)
    share = (1 + 0.75 + 0.5) / 3
    assert chance_of(labels, LABELS) == pytest.approx(
        share + 2 * (share * (1 - share) / 1200) ** 0.5
    )
    assert chance_of(labels, IMAGES) == pytest.approx(0.5 + 2 * (0.25 / 400) ** 0.5)
    always = np.array([[1, 0, 0]] * 400)
    assert share_right(labels, always, LABELS) == pytest.approx(share)
    assert share_right(labels, always, IMAGES) == 0.5


def test_the_verdict_names_a_metric_of_several_labels():
    several = [
        {**model("OctNet", 0.9, twin="Net", ms=5.0), "accuracy": LABELS},
        {**model("Net", 0.8, ms=8.0), "accuracy": LABELS},
    ]
    (found,) = verdicts(several)
    assert "OctNet is 0.1000 above Net in evaluation accuracy (labels right)" in found["text"]


def test_two_networks_that_are_no_twins_are_compared_too():
    first, second = model("PPLCNet", *EQUAL[0], ms=5.0), model("ResNet", *EQUAL[1], ms=8.0)
    (found,) = verdicts([first, second])
    assert found["take"] == "PPLCNet" and "ResNet" in found["text"]
    assert verdicts([first, second, model("Net", 0.5)]) == []


def test_a_twin_is_one_of_the_same_recipe():
    entries = [
        {**model("a-OctNet", 0.6, twin="Net"), "arch": {"name": "OctNet"}},
        {**model("a-Net", 0.6), "arch": {"name": "Net"}},
        {**model("b-OctNet", 0.6, twin="Net"), "arch": {"name": "OctNet"}, "config": config(0.2)},
        {**model("b-Net", 0.6), "arch": {"name": "Net"}, "config": config(0.2)},
        {**model("c-OctNet", 0.6, twin="Net"), "arch": {"name": "OctNet"}, "config": config(0.3)},
    ]
    _pair(entries)
    twins = {entry["model"]: (entry["twin_model"], entry["twin_differs"]) for entry in entries}
    assert twins["a-OctNet"] == ("a-Net", []) and twins["b-OctNet"] == ("b-Net", [])
    assert twins["c-OctNet"] == ("a-Net", ["Optimizer.lr"])
    said = {found["octave"]: found["text"] for found in verdicts(entries)}
    assert "They differ in Optimizer.lr, too." in said["c-OctNet"]
    assert "They differ" not in said["b-OctNet"]


def octavised(alpha: float) -> dict:
    entry = model(f"ResNet18-alpha{alpha:g}", 0.6, twin="ResNet18")
    entry["arch"] = {"name": "Octave", "backbone": {"name": "ResNet18"}, "alpha": alpha}
    return entry


def test_an_octavised_network_is_compared_with_itself_at_alpha_0():
    entries = [octavised(0.0), octavised(0.5), model("Net", 0.6), octavised(0.25)]
    entries[2]["arch"]["name"] = "Net"
    _pair(entries)
    twins = {entry["model"]: entry["twin_model"] for entry in entries}
    assert twins == {
        "ResNet18-alpha0": None,
        "ResNet18-alpha0.5": "ResNet18-alpha0",
        "ResNet18-alpha0.25": "ResNet18-alpha0",
        "Net": None,
    }
    assert [entry["group"] for entry in entries] == ["ResNet18-alpha0"] * 3 + ["Net"]


def test_networks_for_small_images_are_compared_with_alpha_0_of_their_own():
    """PaddleClas has no twin of theirs; ppcls_configs/CIFAR10/small."""
    archs = [
        {"name": "OctMobileNetV1", "alpha": 0.5, "small_images": True},
        {"name": "OctMobileNetV1", "alpha": 0.0, "small_images": True},
        {"name": "OctMobileNetV1", "alpha": 0.0},
        {"name": "OctResNet50", "alpha": 0.5, "small_images": True},
    ]
    entries = [{**model(f"net{i}", 0.6), "arch": arch} for i, arch in enumerate(archs)]
    _pair(entries)
    assert {e["model"]: e["twin_model"] for e in entries} == {
        **{"net0": "net1", "net1": None, "net2": None, "net3": None}
    }


def test_an_octavised_network_is_rather_compared_with_the_vanilla_one():
    entries = [octavised(0.0), octavised(0.5), model("ResNet18", 0.6)]
    entries[2]["arch"]["name"] = "ResNet18"
    _pair(entries)
    assert [entry["twin_model"] for entry in entries] == ["ResNet18", "ResNet18", None]


def test_every_alpha_is_compared_with_the_twin_and_others_stand_alone():
    entries = [
        model("OctNet-alpha0.25", 0.6, twin="Net"),
        model("OctNet-alpha0.5", 0.6, twin="Net"),
        model("Net", 0.6),
        model("PPLCNet_x1_0", 0.6),
    ]
    for entry in entries:
        entry["arch"]["name"] = entry["model"].partition("-")[0]
    _pair(entries)
    assert [entry["twin_model"] for entry in entries] == ["Net", "Net", None, None]
    assert [entry["group"] for entry in entries] == ["Net", "Net", "Net", "PPLCNet_x1_0"]
    assert [found["octave"] for found in verdicts(entries)] == [
        "OctNet-alpha0.25",
        "OctNet-alpha0.5",
    ]


def test_in_the_terminal_it_takes_80_columns():
    models = [
        model("OctResNet50-with-a-name-that-is-long", 0.6, 0.62, 0.61, twin="Net", ms=5.0),
        model("Net", 0.6, 0.61, 0.6, ms=8.0),
    ]
    text = in_terminal({"models": models, "verdicts": verdicts(models), "fronts": []})
    assert max(map(len, text.splitlines())) <= 80
    assert "…" in text.splitlines()[1] and "is-long" in text.splitlines()[1]
    assert "0.6100 ± 0.0100" in text and "5.00 ms" in text and "10.0 min" in text


def test_in_the_terminal_alphas_can_be_told_apart():
    names = [f"OctMobileNetV1-alpha{alpha}" for alpha in (0.125, 0.25, 0.5)]
    models = [model(name, 0.6, 0.62, 0.61, twin="Net", ms=5.0) for name in names]
    lines = in_terminal({"models": models, "verdicts": [], "fronts": []}).splitlines()[1:]
    assert len({line.split()[0] for line in lines}) == 3
