# Everything that a bare clone needs; `make` alone lists the targets.

VENV ?= .venv
# The first of these that is there and in the range of pyproject.toml.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10 python3.9 \
    python3.8; do \
    $$python -c 'import sys; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
    && echo $$python && break; done)

CONFIG := Digits/OctMobileNetV1.yaml
MODEL := inference/Digits/OctMobileNetV1
IMAGE := dataset/digits/val/3/0060.png

export PATH := $(abspath $(VENV))/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Set in many images of Python: each process would compile all that it imports, Paddle too.
export PYTHONDONTWRITEBYTECODE :=
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz lint mutants routes benchmarks results clean

help:
	@echo 'make demo    install into $(VENV); train, evaluate, export and predict handwritten digits'
	@echo 'make test    install into $(VENV); run the tests (PYTEST_ARGS="-k export" chooses some)'
	@echo 'make fuzz    spoilt files for every reader, 500 each (FUZZ_EXAMPLES=… for others)'
	@echo 'make lint    check style, formatting and types'
	@echo 'make mutants plant 300 errors, one by one, and tell which of them the tests let pass (hours)'
	@echo 'make routes  the programs that people deploy with: do they give the same classes? (half an hour)'
	@echo 'make benchmarks  measure the tables of docs/performance.md again, on an idle machine'
	@echo 'make results  the small comparison with three seeds, into docs/results.md'
	@echo 'make clean   remove the environment, builds, and what the demo made'

$(VENV)/bin/python:
	@[ -n '$(PYTHON)' ] && '$(PYTHON)' -c \
	'import sys; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo 'Python 3.8 to 3.13 is needed: make PYTHON=/path/to/python' >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

demo: $(VENV)/bin/python
	@echo 'installing into $(VENV): what is not in the cache of pip is downloaded first'
	@pip install -q '.[cpu]'
	paddleclas train -c $(CONFIG) --resume
	paddleclas eval -c $(CONFIG)
	paddleclas export -c $(CONFIG)
	paddleclas --inference_model_dir=$(MODEL) --infer_imgs=$(IMAGE)
	paddleclas infer -c $(CONFIG) --images $(IMAGE)
	@echo 'To use the paddleclas command in this shell: . $(VENV)/bin/activate'

# Python compiles what is imported, once; pip would compile all, which takes a minute.
test: $(VENV)/bin/python
	pip install --no-compile -e '.[cpu,onnx,openvino,int8,slim,test]'
	pytest -n auto --dist worksteal $(PYTEST_ARGS)

# Outside CI; what it finds once stays in .hypothesis and is tried first.
fuzz: $(VENV)/bin/python
	pip install -q -e '.[cpu,onnx,test]'
	pytest -o pythonpath=tests fuzz $(PYTEST_ARGS)

lint: $(VENV)/bin/python
	pip install -q -e '.[lint]'
	ruff check .
	ruff format --check .
	mypy

# N of them, drawn with SEED from the folders ROOMS of the package; all that tests/mutants.py lists
# by default.
N ?= 300
SEED ?= 1
mutants: $(VENV)/bin/python
	pip install -q -e '.[cpu,onnx,openvino,int8,slim,test]' cosmic-ray
	python tests/mutants.py --number $(N) --seed $(SEED) $(ROOMS)

# ROUTES_ARGS="mnn opencv" chooses some, --time times them; `python tests/routes --help`.
routes: $(VENV)/bin/python
	pip install -q -e '.[cpu,onnx]'
	python tests/routes $(ROUTES_ARGS)

benchmarks: $(VENV)/bin/python
	pip install -q '.[cpu,openvino,onnx,int8]'
	benchmarks/measure.sh

results: $(VENV)/bin/python
	pip install -q '.[cpu,openvino,int8]'
	paddleclas compare --preset small --seeds 1,2,3 --jobs 2 --octavize 0.25,0.5 --distil 1 \
	    --engine openvino --precision fp32,int8 --output output/results/small
	python docs/tables.py --keep output/results/small small

clean:
	rm -rf $(VENV) build dist *.egg-info output/Digits inference/Digits dataset/digits
