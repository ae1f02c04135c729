"""PaddleX runs exported folders as they are, and gives what ``predict`` gives.

``nox -s paddlex`` installs it in an environment of its own.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import requests
import yaml
from conftest import run_cli, run_python

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        find_spec("paddlex") is None, reason="PaddleX is not installed (nox -s paddlex)"
    ),
]

PADDLEX = Path(sys.executable).with_name("paddlex")
SIDE = 64
NETWORKS = {
    "OctMobileNetV1_x0_25": {"alpha": 0.5},
    "OctResNet50": {"alpha": 0.25},
    "Octave": {"backbone": {"name": "ResNet18_vd"}, "alpha": 0.5},
    "MobileNetV1": {},  # the twin, which PaddleX calls MobileNetV1_x1_0
}
# PaddleX asks the network's hosts which of them answers.
OFFLINE = {"PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True"}
ASK = """
import json, sys
from paddlex import create_model, create_pipeline

name, folder, pipeline, *photos = sys.argv[1:]
model = create_model(name, model_dir=folder, device="cpu")
asked = {
    "model": model.predict(photos, batch_size=3),
    "pipeline": create_pipeline(pipeline, device="cpu").predict(photos),
}
for way, results in asked.items():
    found = [result.json["res"] for result in results]
    print("FOUND", json.dumps([way, [[r["class_ids"], r["scores"]] for r in found]]))
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[str]:
    """Pieces of photographs, of several sizes."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    folder = tmp_path_factory.mktemp("photos")
    random = np.random.RandomState(0)
    for index in range(8):
        photo = load_sample_images().images[index % 2]
        height, width = random.randint(90, 300, 2)
        piece = photo[index * 10 : index * 10 + height, index * 30 : index * 30 + width]
        Image.fromarray(piece).save(folder / f"{index}.png")
    return sorted(map(str, folder.iterdir()))


@pytest.fixture(scope="module", params=NETWORKS)
def exported(request, tiny_config, fetched_trainer, tmp_path_factory) -> tuple[str, Path]:
    """A network's name, and the folder that ``paddleclas export`` makes of it, with a pipeline."""
    import paddle

    from paddleclas_octconv import registry

    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    config = yaml.safe_load(tiny_config.read_text())
    config["Arch"] = {"name": name, "class_num": 4, **NETWORKS[name]}
    config["Global"]["image_shape"] = [3, SIDE, SIDE]
    evaluated = config["DataLoader"]["Eval"]["dataset"]["transform_ops"]
    for steps in (evaluated, config["Infer"]["transforms"]):
        steps[1:1] = [{"ResizeImage": {"resize_short": 72}}, {"CropImage": {"size": SIDE}}]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))

    net = registry.build(**config["Arch"])
    net.train()
    for _ in range(3):  # moments of real feature maps, so that the classes differ
        net(paddle.randn([8, 3, SIDE, SIDE]))
    paddle.save(net.state_dict(), str(folder / "weights.pdparams"))
    made = ["--weights", folder / "weights.pdparams", "--output", folder / "model"]
    done = run_cli("export", "-c", folder / "config.yaml", *made, cwd=folder)
    assert done.returncode == 0, done.stderr

    module = {
        "module_name": "image_classification",
        "model_name": name,
        "model_dir": str(folder / "model"),
        "batch_size": 4,
        "topk": 2,
    }
    pipeline = {
        "pipeline_name": "image_classification",
        "SubModules": {"ImageClassification": module},
    }
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(pipeline))
    return name, folder


def predicted(folder: Path, photos: list[str]) -> list[dict]:
    """What ``predict`` says of each photograph, in Paddle Inference."""
    file, where = folder / "predicted.json", Path(photos[0]).parent
    done = run_cli("predict", folder / "model", where, "--engine", "paddle", "--json", file)
    assert done.returncode == 0, done.stderr
    return json.loads(file.read_text())


def test_a_folder_gives_in_paddlex_what_it_gives_here(exported, photos):
    name, folder = exported
    wanted = predicted(folder, photos)
    done = run_python(
        "-c", ASK, name, folder / "model", folder / "pipeline.yaml", *photos, **OFFLINE
    )
    found = dict(
        json.loads(line.split(" ", 1)[1])
        for line in done.stdout.splitlines()
        if line.startswith("FOUND")
    )
    assert set(found) == {"model", "pipeline"}, done.stderr
    for results in found.values():
        assert [ids for ids, _ in results] == [each["class_ids"] for each in wanted]
        scores = np.array([scores for _, scores in results])
        assert abs(scores - [each["scores"] for each in wanted]).max() < 2e-5  # of five digits


def test_the_command_and_the_server_take_a_folder(exported, photos, tmp_path):
    _, folder = exported
    wanted = predicted(folder, photos)[0]
    command = [PADDLEX, "--pipeline", folder / "pipeline.yaml", "--device", "cpu"]
    environ = {**os.environ, **OFFLINE}
    done = subprocess.run(
        [*command, "--input", photos[0]], env=environ, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert str(wanted["class_ids"]) in done.stdout + done.stderr

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(tmp_path / "log", "w") as log, subprocess.Popen(
        [*command, "--serve", "--port", str(port)], env=environ, stdout=log, stderr=log
    ) as server:
        try:
            answer = asked(server, port, photos[0])
        finally:
            server.terminate()
    assert answer.status_code == 200, answer.text
    categories = answer.json()["result"]["categories"]
    assert [each["id"] for each in categories] == wanted["class_ids"]
    scores = np.array([each["score"] for each in categories])
    assert abs(scores - wanted["scores"]).max() < 2e-5


def asked(server: subprocess.Popen, port: int, photo: str) -> requests.Response:
    """The answer of a server about a photograph, once it listens."""
    body = {"image": base64.b64encode(Path(photo).read_bytes()).decode(), "visualize": False}
    deadline = time.monotonic() + 200
    while True:
        try:
            url = f"http://127.0.0.1:{port}/image-classification"
            return requests.post(url, json=body, timeout=60)
        except requests.ConnectionError:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.5)


def test_switched_off_the_names_are_unknown():
    code = "from paddlex.modules.image_classification.model_list import MODELS; print(MODELS)"
    listed = run_python("-c", code).stdout
    assert "'OctResNet50'" in listed and "'Octave'" in listed and "'MobileNetV1'" in listed
    off = run_python("-c", code, PADDLECLAS_OCTCONV_AUTOLOAD="0").stdout
    assert "'ResNet50'" in off and "Oct" not in off
