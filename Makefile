# Everything that a bare clone needs; `make` alone lists the targets.

VENV ?= .venv
# paddleclas 2.6.0 pins numpy 1.24.4, which has wheels for Python 3.8 to 3.11.
PYTHON ?= $(shell for python in python3 python3.11 python3.10 python3.9 python3.8; do \
    $$python -c 'import sys; sys.exit(not (3, 8) <= sys.version_info[:2] <= (3, 11))' 2>/dev/null \
    && echo $$python && break; done)

CONFIG := Digits/OctMobileNetV1.yaml
MODEL := inference/Digits/OctMobileNetV1
IMAGE := dataset/digits/val/3/0060.png

export PATH := $(abspath $(VENV))/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
SHELL := /bin/bash

.DEFAULT_GOAL := help
.PHONY: help demo test lint clean

help:
	@echo 'make demo    install into $(VENV); train, evaluate, export and predict handwritten digits'
	@echo 'make test    install into $(VENV); run the tests (PYTEST_ARGS="-k export" chooses some)'
	@echo 'make lint    check style and formatting'
	@echo 'make clean   remove what the other targets made'

$(VENV)/bin/python:
	@[ -n '$(PYTHON)' ] || { echo 'Python 3.8 to 3.11 is needed: make PYTHON=/path/to/python' >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

# opencv-python needs the system's libGL, which servers often lack; the same release without
# windows reads images just as well.
define install
	pip install $(PACKAGE)
	@python -c 'import cv2' 2>/dev/null || pip install --no-deps --force-reinstall \
	    "opencv-python-headless==$$(pip show opencv-python | sed -n 's/^Version: //p')"
endef

demo: PACKAGE := '.[cpu]'
demo: $(VENV)/bin/python
	$(install)
	paddleclas train -c $(CONFIG) --resume
	paddleclas eval -c $(CONFIG)
	paddleclas export -c $(CONFIG)
	paddleclas --inference_model_dir=$(MODEL) --infer_imgs=$(IMAGE)
	paddleclas infer -c $(CONFIG) -o Infer.infer_imgs=$(IMAGE)

test: PACKAGE := -e '.[cpu,onnx,slim,test]'
test: $(VENV)/bin/python
	$(install)
	pytest $(PYTEST_ARGS)

lint: $(VENV)/bin/python
	pip install -q ruff
	ruff check .
	ruff format --check .

clean:
	rm -rf $(VENV) build dist *.egg-info output inference log dataset/digits
