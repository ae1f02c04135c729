"""``pretrained: True`` and ``vanilla``: fetched from a server or folder of the tests, and kept."""

from __future__ import annotations

import hashlib
import http.server
import json
import logging
import shutil
import threading
import time

import numpy as np
import paddle
import paddleclas
import pytest
import yaml
from backbones import assert_close, build, twin
from conftest import run_cli
from mxnet_files import archive, drawn, logits, params, picture
from paddleclas.ppcls.arch.backbone.legendary_models import mobilenet_v1
from paddleclas.ppcls.utils import download as paddleclas_download

from paddleclas_octconv.backbones.catalogue import CATALOGUE
from paddleclas_octconv.backbones.published_weights import PUBLISHED, find
from paddleclas_octconv.cli import main
from paddleclas_octconv.common import download
from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.weights import address, published, store
from paddleclas_octconv.weights.octconv_mxnet import from_octconv_mxnet

NAME, FILE = "OctMobileNetV1_x0_75", "mobilenet_v1_075_alpha-0.375"
PATH = f"others/{FILE}.params"
DENSENET = "ablation/a01_densenet-121_alpha-0.125.tar"  # its hash is known


@pytest.fixture(scope="module")
def content():
    return params(drawn(FILE))


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files`` with ranges; ``server.send`` writes a body, and may do it badly."""

    def do_GET(self):
        server = self.server
        server.asked.append(self.path)
        body = server.files.get(self.path.lstrip("/"))
        if body is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range")
        start = int(asked[len("bytes=") : -1]) if asked else 0
        if asked and self.headers.get("If-Range") not in (None, server.tag):
            start = 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", server.tag)
        self.end_headers()
        server.send(self.wfile, body[start:])
        self.close_connection = True

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path, content):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked, server.tag = {PATH: content}, [], '"1"'
        server.send = lambda file, body: file.write(body)
        server.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv(store.URL_VARIABLE, server.url)
        monkeypatch.setenv("PADDLECLAS_OCTCONV_CACHE", str(tmp_path / "cache"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def cached(tmp_path):
    folder = tmp_path / "cache" / "weights"
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    return [name for name in names if not name.endswith(".lock")]


def get():
    """Fetch and convert the weights, without building the network that they are for."""
    family = CATALOGUE[NAME].family

    def rename(weights):
        return from_octconv_mxnet(weights, family.authors_units, family.counts_layers)

    return store.converted(find(NAME), rename, lambda weights, source: None)


def refused(message):
    with pytest.raises(OctConvError, match=message) as error:
        get()
    assert "\n" not in str(error.value)


def assert_those_of_the_authors(network):
    network.eval()
    with paddle.no_grad():
        assert_close(network(paddle.to_tensor(picture())).numpy()[0][::4], logits(FILE), 1e-5)


def test_pretrained_true_fetches_once_and_implies_alpha(server, tmp_path, content, capfd, caplog):
    logger = logging.getLogger("ppcls")
    logger.addHandler(caplog.handler)
    for _ in range(2):
        assert_those_of_the_authors(build(NAME, pretrained=True, class_num=1000))
    logger.removeHandler(caplog.handler)
    assert server.asked == [f"/{PATH}"]
    sha256 = hashlib.sha256(content).hexdigest()
    said = capfd.readouterr().err
    assert said.count("\npaddleclas: fetching") + said.startswith("paddleclas: fetching") == 1
    assert f"no hash is published; from now on it must have SHA-256 {sha256}" in said
    assert f"{FILE}.params of facebookresearch/OctConv (MIT, alpha 0.375, top-1 70.5 %)" in (
        caplog.text
    )
    record = json.loads((tmp_path / f"cache/weights/{FILE}.params.json").read_text())
    assert record["sha256"] == sha256 and record["trust"] == "first use"
    assert record["source"] == f"{server.url}/{PATH}"
    network = build(NAME, pretrained=True)  # 10 classes
    assert network.fc.weight.shape == [768, 10]


def test_building_leaves_no_trace_in_what_follows(server):
    def draws(pretrained):
        network = build(NAME, alpha=0.375, pretrained=pretrained)
        return network.fc.weight.numpy(), network.fc.weight.name.rpartition(".")[2]

    first, cached = draws(True), draws(True)
    np.testing.assert_array_equal(first[0], cached[0])


def test_a_stored_network_needs_neither_server_nor_source(server, tmp_path):
    get()
    (tmp_path / f"cache/weights/{FILE}.params").unlink()
    server.files.clear()
    get()
    assert len(server.asked) == 1


def test_a_changed_file_in_the_cache_is_refused(server, tmp_path):
    get()
    file = tmp_path / f"cache/weights/{FILE}.params"
    file.with_name(f"{file.name}.pdparams").write_bytes(b"changed")
    get()  # converted anew
    file.with_name(f"{file.name}.pdparams").unlink()
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    refused("was changed since it was fetched .*: delete it to have it fetched again")


@pytest.mark.parametrize(
    "send",
    [
        lambda file, body: file.write(body[: len(body) // 2]),  # once cut
        lambda file, body: file.write(body[:9_000_000]),
    ],
)
def test_a_lost_connection_is_taken_up_again(server, tmp_path, content, send):
    whole, server.send = server.send, send

    def later(file, body):
        send(file, body)
        server.send = whole

    server.send = later
    get()
    assert len(server.asked) == 2
    assert (tmp_path / f"cache/weights/{FILE}.params").read_bytes() == content


def test_a_file_that_changes_meanwhile_starts_anew(server, tmp_path, content):
    def cut_and_change(file, body):
        file.write(body[: len(body) // 2])
        server.tag, server.send = '"2"', lambda file, body: file.write(body)
        server.files[PATH] = content

    server.files[PATH], server.send = bytes(len(content)), cut_and_change
    get()
    assert len(server.asked) == 2
    assert (tmp_path / f"cache/weights/{FILE}.params").read_bytes() == content


def test_what_is_always_cut_ends_in_one_line(server, tmp_path):
    server.send = lambda file, body: file.write(body[:1000])
    refused(r"cannot download .*: check the network, or name a folder that has it with PADDLECLAS_")
    assert len(server.asked) == 3


def test_a_missing_file_ends_in_one_line(server, tmp_path):
    server.files.clear()
    refused(r"cannot download http://127.0.0.1:\d+/others/.* \(404 Not Found\): check the network")
    assert len(server.asked) == 1 and cached(tmp_path) == []


def test_no_network_ends_in_one_line(server, monkeypatch, tmp_path):
    monkeypatch.setenv(store.URL_VARIABLE, "http://127.0.0.1:9")
    refused("cannot download .*refused")
    assert cached(tmp_path) == []


def test_a_server_that_trickles_ends_in_one_line(server, monkeypatch):
    monkeypatch.setattr(download, "_PATIENCE", 1)

    def trickle(file, body):
        for byte in range(400):
            time.sleep(0.05)
            file.write(body[byte : byte + 1])
            file.flush()

    server.send = trickle
    started = time.monotonic()
    refused("cannot download .* bytes in 1 seconds")
    assert time.monotonic() - started < 30


def test_a_server_that_falls_silent_ends_in_one_line(server, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", (1, 0.3))
    server.send = lambda file, body: (file.write(body[:10]), file.flush(), time.sleep(1))
    refused("cannot download .*timed out")


@pytest.mark.parametrize(
    "wrong, message",
    [
        (b"<html>please log in</html>", "is damaged, or not a file of weights: .*; it is not used"),
        (params({"x": np.zeros(1, np.float32)})[:-3], "it is cut.*; it is not used"),
        (bytes(20_000_000), "has more than the 14,6.* bytes that it should have at most"),
    ],
)
def test_another_file_is_not_kept(server, tmp_path, wrong, message):
    server.files[PATH] = wrong
    refused(message)
    assert cached(tmp_path) == []


def test_weights_of_another_network_are_neither_used_nor_kept(server, tmp_path, content):
    server.files[PATH] = params(drawn("mobilenet_v2_100_alpha-0.375"))
    with pytest.raises(OctConvError, match="does not fit OctMobileNetV1_x0_75: "):
        build(NAME, pretrained=True)
    assert cached(tmp_path) == []
    server.files[PATH] = content
    build(NAME, pretrained=True)


def test_a_published_hash_is_held_to(server, tmp_path):
    known = {c.path: c for c in PUBLISHED}[DENSENET]
    server.files[DENSENET] = archive({"checkpoint-0-0000.params": b"another"})
    with pytest.raises(OctConvError, match=f"has SHA-256 .* instead of {known.sha256}"):
        build("OctDenseNet121", pretrained=True)
    assert cached(tmp_path) == []


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_is_a_mirror(server, tmp_path, monkeypatch, content, flat, scheme):
    mirror = tmp_path / "mirror"
    place = mirror / (f"{FILE}.params" if flat else PATH)
    place.parent.mkdir(parents=True)
    monkeypatch.setenv(store.URL_VARIABLE, f"{scheme}{mirror}")
    refused(f"{store.URL_VARIABLE}: {mirror}/others/.*: no such file")
    place.write_bytes(content)
    get()
    assert server.asked == []


def test_a_file_put_into_the_cache_is_taken(server, tmp_path, content):
    folder = tmp_path / "cache" / "weights"
    folder.mkdir(parents=True)
    (folder / f"{FILE}.params").write_bytes(content)
    get()
    assert server.asked == []


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PADDLECLAS_OCTCONV_CACHE", str(tmp_path / "file"))
    said = f"{tmp_path}/file/weights.*: cannot hold weights: Not a directory"
    refused(said)
    with pytest.raises(OctConvError, match=said):
        address.fetched("http://127.0.0.1:9/w.pdparams", "pretrained")


def test_options_that_published_weights_do_not_have(server):
    for options, message in (
        ({"alpha": 0.3}, "pretrained: True: no ImageNet weights .* at alpha 0.3 .*, but: 0.375"),
        ({"conv_bias": True}, "the published networks have no conv_bias"),
        ({"use_ssld": True}, "use_ssld: no distilled weights"),
    ):
        with pytest.raises(OctConvError, match=message):
            build(NAME, pretrained=True, **options)
    with pytest.raises(
        OctConvError, match="no ImageNet weights of OctResNet50 .*starts from Paddl"
    ):
        build("OctResNet50", pretrained=True)
    assert server.asked == []


# pretrained: vanilla


@pytest.fixture
def vanilla(server, tmp_path, monkeypatch):
    """PaddleClas publishes the twin's weights on our server."""
    name = "OctMobileNetV1_x0_25"
    twins = twin(name, class_num=1000)
    paddle.save(twins.state_dict(), str(tmp_path / "twin.pdparams"))
    saved = (tmp_path / "twin.pdparams").read_bytes()
    server.files = {f"M_{kind}pretrained.pdparams": saved for kind in ("", "ssld_")}
    monkeypatch.setattr(paddleclas_download, "WEIGHTS_HOME", str(tmp_path / "home"))
    url = f"{server.url}/M_pretrained.pdparams"
    monkeypatch.setitem(mobilenet_v1.MODEL_URLS, "MobileNetV1_x0_25", url)
    return twins.state_dict()


@pytest.mark.parametrize(
    "pretrained, use_ssld", [("vanilla", False), ("MobileNetV1_x0_25", False), ("vanilla", True)]
)
def test_vanilla_takes_what_paddleclas_publishes_of_the_twin(server, vanilla, pretrained, use_ssld):
    network = build("OctMobileNetV1_x0_25", pretrained=pretrained, use_ssld=use_ssld)
    kernel = vanilla["blocks.1.pointwise_conv.conv.weight"].numpy()
    conv = network.blocks[1].pointwise_conv.conv
    np.testing.assert_array_equal(conv.hl.weight.numpy(), kernel[16:, :8])
    assert server.asked == [f"/M_{'ssld_' if use_ssld else ''}pretrained.pdparams"]


def test_vanilla_needs_a_twin_with_weights(server, monkeypatch):
    with pytest.raises(OctConvError, match="OctPreResNet26 has no vanilla twin in PaddleClas"):
        build("OctPreResNet26", pretrained="vanilla")
    monkeypatch.setattr(mobilenet_v1, "MODEL_URLS", {})
    with pytest.raises(OctConvError, match="PaddleClas publishes no weights of MobileNetV1_x0_25"):
        build("OctMobileNetV1_x0_25", pretrained="vanilla")


# paddleclas weights


def test_the_command_lists_all_that_can_be_had(server, capfd):
    assert main(["weights"]) == 0
    table = capfd.readouterr().out
    assert table.count("OctPreResNet50 ") == 4
    assert "1ad2c754a556…" in table and "at first use" in table
    assert "renmada/OctConv-paddle (MIT)" in table and "OctResNet50            ResNet50" in table
    assert not any(line.endswith("fetched") for line in table.splitlines())
    store.fetch(find(NAME))
    assert main(["weights", "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)
    [row] = [row for row in rows if row["network"] == NAME and row.get("size", 0) is None]
    assert row["fetched"] and row["source"] == published.BASE + PATH and row["licence"] == "MIT"


def test_the_command_fetches_ahead(server, capfd, tmp_path):
    assert main(["weights", NAME]) == 0
    out = tmp_path / f"cache/weights/{FILE}.params.pdparams"
    assert capfd.readouterr().out == f"{out}\n"
    server.files.clear()
    network = getattr(paddleclas, NAME)(pretrained=True, class_num=1000)
    assert_those_of_the_authors(network)


def test_the_command_fetches_those_of_the_twin(vanilla, capfd, tmp_path):
    assert main(["weights", "OctMobileNetV1_x0_25", "--vanilla"]) == 0
    assert capfd.readouterr().out.endswith(f"{tmp_path}/home/M_pretrained.pdparams\n")


@pytest.mark.parametrize(
    "options, message",
    [
        (["OctMobileNetV9"], "weights: OctMobileNetV9: no such OctConv network; did you mean"),
        (["--alpha", "0.5"], "weights: --alpha needs the name of a network"),
        ([NAME, "--alpha", "0.5"], "at alpha 0.5 are published, but: 0.375"),
        ([NAME, "--ssld"], "weights: --ssld goes with --vanilla"),
        ([NAME], "cannot download"),
    ],
)
def test_the_command_refuses_in_one_line(server, capfd, options, message):
    server.files.clear()
    assert main(["weights", *options]) == 2
    said = capfd.readouterr().err.splitlines()
    assert said[-1].startswith("paddleclas: error: ") and message in said[-1]


# The trainer's modes


@pytest.mark.process
@pytest.mark.usefixtures("fetched_trainer")
def test_an_export_is_the_published_network_with_its_preprocessing(
    server, tiny_config, tmp_path, fetched_trainer
):
    (tmp_path / "cache").mkdir()
    for wheel in fetched_trainer.parents[1].glob("*.whl"):
        shutil.copy(wheel, tmp_path / "cache")
    config = yaml.safe_load(tiny_config.read_text())
    config["Arch"] = {"name": NAME, "pretrained": True, "class_num": 1000}
    config["Global"].update(image_shape=[3, 64, 64], save_inference_dir=str(tmp_path / "exported"))
    config["Infer"]["PostProcess"]["class_id_map_file"] = None
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    done = run_cli(
        *("export", "-c", tmp_path / "config.yaml", "--format", "pir"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "NormalizeImage as the weights of OctMobileNetV1_x0_75 were trained" in done.stderr
    steps = yaml.safe_load((tmp_path / "exported/inference.yml").read_text())["PreProcess"]
    [normalise] = [s for s in steps["transform_ops"] if "NormalizeImage" in s]
    assert normalise["NormalizeImage"]["mean"] == [123.68, 116.779, 103.939]
    exported = paddle.jit.load(str(tmp_path / "exported" / "inference"))
    exported.eval()
    probabilities = exported(paddle.to_tensor(picture())).numpy()[0][::4]
    ratios = np.log(probabilities) - logits(FILE)  # of a softmax: one number for all classes
    assert np.ptp(ratios) < 1e-4
