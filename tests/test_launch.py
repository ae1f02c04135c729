"""Options of the launcher that it would answer with a traceback, or by waiting for ever."""

from __future__ import annotations

import pytest

from paddleclas_octconv.common.errors import OctConvError
from paddleclas_octconv.run import launch


@pytest.mark.parametrize(
    "options, told",
    [
        ({"nproc-per-node": "²"}, "--nproc-per-node ²: should be a whole number from 1 to"),
        ({"nproc-per-node": "٣"}, "--nproc-per-node ٣: should be"),
        ({"nproc-per-node": "1" * 5000}, "should be a whole number"),
        ({"nproc-per-node": "100000"}, "should be a whole number from 1 to 1024"),
        ({"nproc-per-node": "1_0"}, "--nproc-per-node 1_0: should be"),
        ({"nnodes": "2"}, "--nnodes 2: the machines find each other at --master"),
        ({"nnodes": "2:4", "rank": "0"}, "--nnodes 2:4: the machines find each other"),
        ({"nnodes": "4:2", "master": "a:1"}, "--nnodes 4:2: should be"),
        ({"nnodes": "²"}, "--nnodes ²: should be"),
        ({"nnodes": "2", "master": "a:1", "rank": "2"}, "--rank 2: should be from 0 to 1"),
        ({"rank": "1"}, "--rank 1: should be 0 without --nnodes"),
        ({"rank": "--1"}, "--rank --1: should be"),
        ({"nnodes": "2", "master": "localhost"}, "--master localhost: should be ADDRESS:PORT"),
        ({"nnodes": "2", "master": "a:99999"}, "--master a:99999: should be ADDRESS:PORT"),
        ({"nnodes": "2", "master": ":80"}, "--master :80: should be ADDRESS:PORT"),
        ({"nnodes": "2", "master": "no.such.invalid:80"}, "this address cannot be resolved"),
        ({"host": "no.such.invalid"}, "--host no.such.invalid: this address cannot"),
        ({"host": "a\0b"}, "this address cannot be resolved"),
        ({"ips": "10.0.0.1,"}, "--ips 10.0.0.1,: this address cannot"),
        ({"start-port": "70000"}, "--start-port 70000: should be"),
        ({"max-restart": "x"}, "--max-restart x: should be"),
        ({"elastic-level": "2"}, "--elastic-level 2: should be"),
        ({"elastic-timeout": ""}, "--elastic-timeout : should be"),
        ({"log-level": "LOUD"}, "--log-level LOUD: should be one of"),
        ({"log-dir": ""}, "--log-dir : should be a folder"),
        ({"log-dir": "/dev/null"}, "--log-dir /dev/null: should be a folder"),
        ({"gpus": "0,²"}, "--gpus 0,²: should be the numbers of GPUs"),
        ({"gpus": "0,0"}, "--gpus 0,0: names a GPU twice"),
        ({"gpus": ""}, "--gpus : should be the numbers of GPUs"),
    ],
)
def test_mistake_is_told(options, told, monkeypatch):
    monkeypatch.delenv("PADDLE_MASTER", raising=False)
    with pytest.raises(OctConvError) as error:
        launch.check(options)
    assert told in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"nproc-per-node": "2", "log-dir": "new", "log-level": "debug"},
        {"nnodes": "2", "master": "10.0.0.1:6070"},
        {"nnodes": "2:4", "master": "etcd://10.0.0.1:2379", "max-restart": "3"},
        {"nnodes": "2", "master": "[::1]:6070", "rank": "1"},
        {"ips": "10.0.0.1,10.0.0.2", "host": "10.0.0.1", "start-port": "7000"},
        {"elastic-level": "-1", "elastic-timeout": "30", "job-id": "x"},
    ],
)
def test_what_the_launcher_takes_is_let_through(options):
    launch.check(options)


def test_machines_are_counted():
    assert launch.machines({}) == 1
    assert launch.machines({"nnodes": "2:4", "master": "a:1"}) == 4
    assert launch.machines({"ips": "10.0.0.1,10.0.0.2,10.0.0.3"}) == 3


@pytest.mark.parametrize(
    "options, count",
    [
        ({}, 1),
        ({"nproc-per-node": "2"}, 2),
        ({"nproc-per-node": "2", "nnodes": "2:3", "master": "a:1"}, 6),
        ({"gpus": "0,1,5", "nproc-per-node": "8"}, 3),
        ({"gpus": "0,1", "ips": "10.0.0.1,10.0.0.2,10.0.0.3"}, 6),
    ],
)
def test_processes_are_those_of_all_machines(options, count):
    assert launch.processes(options) == count


@pytest.mark.parametrize(
    "option, least, most",
    [
        ("nproc-per-node", 1, 1024),
        ("start-port", 1, 65535),
        ("max-restart", 0, 9999),
        ("elastic-level", -1, 1),
        ("elastic-timeout", 0, 999999),
        ("nnodes", 1, 9999),
    ],
)
def test_bounds_of_a_number(option, least, most):
    meeting = {"master": "127.0.0.1:1"}
    for value in (least, most):
        launch.check({option: str(value), **meeting})
    for value in (least - 1, most + 1):
        with pytest.raises(OctConvError, match=f"--{option} {value}: should be a whole number"):
            launch.check({option: str(value), **meeting})


def test_bounds_of_ranks_and_ports(monkeypatch):
    monkeypatch.delenv("PADDLE_MASTER", raising=False)
    machines = {"nnodes": "2:3", "master": "127.0.0.1:65535"}
    for rank in ("0", "2"):
        launch.check({**machines, "rank": rank})
    for rank in ("-1", "3"):
        with pytest.raises(OctConvError, match=f"--rank {rank}: should be "):
            launch.check({**machines, "rank": rank})
    for port in ("0", "65536", "x", ""):
        with pytest.raises(OctConvError, match="should be ADDRESS:PORT, such as"):
            launch.check({"master": f"127.0.0.1:{port}"})
    launch.check({"nnodes": "2:2", "ips": "127.0.0.1,127.0.0.2"})
    monkeypatch.setenv("PADDLE_MASTER", "127.0.0.1:1")
    launch.check({"nnodes": "2"})


def test_gpus_are_numbers_of_those_that_there_are(monkeypatch):
    with pytest.raises(OctConvError, match="no GPU here; --nproc-per-node 2 runs on the CPU"):
        launch.check({"gpus": "0,1"})
    monkeypatch.setattr(launch.machine, "has_gpu", lambda: True)
    for gpus in ("0", "0, 1", "7,9999"):
        launch.check({"gpus": gpus})
    for gpus in ("0,00", "1,1"):
        with pytest.raises(OctConvError, match="names a GPU twice"):
            launch.check({"gpus": gpus})
    for gpus in ("10000", "-1", "0,", "a"):
        with pytest.raises(OctConvError, match="should be the numbers of GPUs"):
            launch.check({"gpus": gpus})
