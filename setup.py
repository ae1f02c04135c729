"""Build and installation of paddleclas-octconv.

Two things go into the wheel beside the package itself: the start-up hook, a
``.pth`` file, which the interpreter reads only at the top of site-packages,
and the configs, which live at the top of the repository and are installed as
``paddleclas_octconv/ppcls_configs``.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HOOK = "paddleclas_octconv/paddleclas_octconv.pth"


class BuildWithHookAndConfigs(build_py):
    """build_py that also places the start-up hook and the configs."""

    def extra_files(self):
        """Target in site-packages -> source in the repository."""
        files = {
            f"paddleclas_octconv/{path}": str(path)
            for path in sorted(Path("ppcls_configs").rglob("*.yaml"))
        }
        files[Path(HOOK).name] = HOOK
        return files

    def run(self):
        super().run()
        if self.editable_mode:
            # An editable install reads the package from the repository; what is
            # put into the wheel's own folder is the only file it installs.
            wheel = self.get_finalized_command("install").install_lib
            self.copy_file(HOOK, str(Path(wheel) / Path(HOOK).name))
            return
        for target, source in self.extra_files().items():
            target = Path(self.build_lib) / target
            self.mkpath(str(target.parent))
            self.copy_file(source, str(target), preserve_mode=False)

    def get_outputs(self, include_bytecode=True):
        extra = [] if self.editable_mode else self.extra_files()
        return super().get_outputs(include_bytecode) + [
            str(Path(self.build_lib) / target) for target in extra
        ]


def read(path):
    return Path(path).read_text(encoding="utf-8")


CPU = [
    # The newest release whose CPU inference works: 3.3.0 and 3.3.1 fail under oneDNN
    # ("ConvertPirAttribute2RuntimeAttribute", Paddle #77340).
    "paddlepaddle==3.2.2",
]
GPU = [
    # The newest GPU release on the Python Package Index; 3.x GPU wheels live on Paddle's
    # own index (README, "GPU").
    "paddlepaddle-gpu==2.6.2",
    # Importing paddle 2.6.2 and scikit-learn >= 1.5 in one process is a segmentation fault.
    "scikit-learn<1.5",
]
ONNX = [
    # The converter for Paddle 3; it asks for onnx and onnxoptimizer in the versions it needs.
    "paddle2onnx==2.1.0",
    # The newest with wheels for Python 3.8 to 3.11 alike. Unpinned, an upgrade of it would take
    # numpy 2 along, on which paddleclas 2.6.0 (numpy 1.24.4, opencv-python 4.6) cannot be imported.
    "onnxruntime==1.19.2",
]
SLIM = [
    "paddleslim==2.6.0",  # its newest release; what works with it is tested
    # paddleslim 2.6.0 imports these two without asking for them; pkg_resources left setuptools
    # with version 81.
    "setuptools<81",
    "decorator",
]
TEST = [
    "pytest>=7",
    "hypothesis",  # makes hostile input up
    "nox",  # runs the matrix of versions
    "pre-commit",
    "ruff",
    "setuptools>=70.1",  # builds a wheel by itself
]

setup(
    name="paddleclas-octconv",
    version=re.search(r'^__version__ = "(.+)"', read("paddleclas_octconv/__init__.py"), re.M)[1],
    description="Octave convolution (OctConv) backbones for PaddleClas",
    long_description=read("README.md") if Path("README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.8,<3.12",  # paddleclas 2.6.0 pins numpy 1.24.4: no wheels outside 3.8-3.11
    package_dir={"": "."},  # makes an editable install one line in a .pth file: fastest to start
    packages=find_packages(include=["paddleclas_octconv", "paddleclas_octconv.*"]),
    package_data={"paddleclas_octconv.compare": ["templates/*.j2"]},
    install_requires=[
        "paddleclas==2.6.0",  # the copy whose registry, predictor and command are extended
        "visualdl>=2.5",  # the configs write VisualDL scalars
        "pyyaml>=5.1",
        "matplotlib",  # the plots of compare and visualize
        "jinja2",  # the report of compare
        "requests",  # downloads data sets
        "filelock",  # two processes fetch the trainer once
        "platformdirs",  # the user's cache folder on every system
        "psutil",  # finds what an interrupted run has started
        "tqdm",  # the progress bar of check-data
    ],
    extras_require={"cpu": CPU, "gpu": GPU, "onnx": ONNX, "slim": SLIM, "test": TEST},
    cmdclass={"build_py": BuildWithHookAndConfigs},
    zip_safe=False,
)
