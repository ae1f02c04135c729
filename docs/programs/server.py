"""A web server over an exported folder, with a pool of predictors.

    pip install fastapi uvicorn
    MODEL=inference/Digits/OctMobileNetV1 PREDICTORS=4 uvicorn server:app --port 8000
    curl --data-binary @image.png http://127.0.0.1:8000/classify

A predictor answers one call after the other, so there are several, of one thread each. A request
waits until one is free; what cannot be read as an image is answered with 422 and the reason.
"""

import contextlib
import os
import queue

from fastapi import Depends, FastAPI, HTTPException, Request

from paddleclas_octconv.deploy.classify import Classifier
from paddleclas_octconv.deploy.predictor import create_predictor

FOLDER = os.environ["MODEL"]
POOL: "queue.Queue[Classifier]" = queue.Queue()
for _ in range(max(1, int(os.environ.get("PREDICTORS", os.cpu_count() or 1)))):
    POOL.put(Classifier(FOLDER, create_predictor(FOLDER, threads=1)))
app = FastAPI()


@contextlib.contextmanager
def classifier():
    """One that is free, given back in the end."""
    taken = POOL.get()
    try:
        yield taken
    finally:
        POOL.put(taken)


async def sent(request: Request) -> bytes:
    return await request.body()


@app.post("/classify")
def classify(image: bytes = Depends(sent)) -> dict:
    with classifier() as free:
        (prediction,) = free(image)
    if prediction.error:
        raise HTTPException(422, prediction.error)
    return {
        "class_ids": prediction.class_ids,
        "scores": prediction.scores,
        "label_names": prediction.label_names,
    }
