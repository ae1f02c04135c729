"""Put on PYTHONPATH, it has each rank of a run note what it read, wrote and ended with.

A rank writes $RANKS/rank-<n>.pickle: the parameters of the network it trained, the samples of
each pass over its data, and the files it opened for writing below the working folder.
"""

import atexit
import os
import sys

if "RANKS" in os.environ and "PADDLE_TRAINER_ID" in os.environ:
    folder = os.environ["RANKS"]
    rank = os.environ["PADDLE_TRAINER_ID"]
    here = os.getcwd()
    written = set()

    def note(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            path, mode, flags = arguments
            path = os.path.abspath(path)
            if flags & (os.O_WRONLY | os.O_RDWR) and path.startswith(here + os.sep):
                written.add(os.path.relpath(path, here))

    sys.addaudithook(note)
    import paddle

    networks, passes = [], []
    wrap, iterate = paddle.DataParallel.__init__, paddle.io.DistributedBatchSampler.__iter__

    def keep(self, layers, *args, **kwargs):
        networks.append(layers)
        wrap(self, layers, *args, **kwargs)

    def iterate_and_note(self):
        read = []
        passes.append((len(self.dataset), read))
        for batch in iterate(self):
            read.extend(int(index) for index in batch)
            yield batch

    paddle.DataParallel.__init__ = keep
    paddle.io.DistributedBatchSampler.__iter__ = iterate_and_note

    @atexit.register
    def tell():
        import pickle

        if networks:
            # Without the statistics of batch norms, which each rank has of its own images.
            parameters = {
                name: p.numpy() for name, p in networks[0].named_parameters() if p.trainable
            }
            noted = {"parameters": parameters, "passes": passes, "written": sorted(written)}
            with open(os.path.join(folder, f"rank-{rank}.pickle"), "wb") as file:
                pickle.dump(noted, file)
