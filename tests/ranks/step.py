"""A program for two ranks: every backbone takes a step under DataParallel."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import numpy as np
import paddle
from backbones import OPERATORS, shallow
from paddle import distributed

paddle.set_device("cpu")
distributed.init_parallel_env()
rank = distributed.get_rank()


def same_on_all_ranks(parameters) -> bool:
    """Whether each parameter has the same sum, and sum of squares, on all ranks."""
    values = [p.numpy().astype("float64") for p in parameters]
    mine = paddle.to_tensor([[v.sum() for v in values], [np.square(v).sum() for v in values]])
    gathered: list = []
    distributed.all_gather(gathered, mine)
    return all(np.array_equal(gathered[0].numpy(), other.numpy()) for other in gathered[1:])


for name in OPERATORS:
    network = shallow(name)
    parallel = paddle.DataParallel(network)
    parameters = [p for p in network.parameters() if p.trainable]
    optimizer = paddle.optimizer.SGD(1e-3, parameters=parameters)
    before = [p.numpy() for p in parameters]
    for step in range(2):
        paddle.seed(10 * step + rank)
        images = paddle.randn([4, 3, 32, 32])
        labels = paddle.to_tensor([rank, step, 2, 3])
        loss = paddle.nn.functional.cross_entropy(parallel(images), labels)
        loss.backward()
        unused = [n for n, p in network.named_parameters() if p.trainable and p.grad is None]
        assert not unused, f"{name}: {unused}"
        optimizer.step()
        optimizer.clear_grad()
    assert np.isfinite(float(loss)), name
    assert any(not np.array_equal(old, p.numpy()) for old, p in zip(before, parameters)), name
    assert same_on_all_ranks(parameters), name
    print(f"rank {rank}: {name} stepped", flush=True)
