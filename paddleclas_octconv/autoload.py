"""The start-up hook: OctConv is there as soon as PaddleClas is imported.

``paddleclas_octconv.pth`` calls ``install()`` when an interpreter starts. It puts one finder in
front of ``sys.meta_path``, which acts on a few names and passes over all others:

* ``ppcls.arch.backbone`` and ``paddleclas.ppcls.arch.backbone``: registers the OctConv backbones
  right after the module ran, so that whatever imports from it later finds them.
* ``paddleclas.paddleclas``: makes PaddleClas's predictor read exported folders in any format.
* ``paddlex.modules.image_classification.model_list``: adds the OctConv networks to those that
  PaddleX knows, before it makes use of the list.
* ``paddlex.inference.models.image_classification.processors``: gives each image its own classes,
  which PaddleX 3.7 by itself does not.
* ``paddleclas`` in the process of the ``paddleclas`` command: gives that command its sub-commands;
  anywhere, where it is not installed: the release that ``trainer.fetch`` names is fetched.

Every interpreter pays for this module: it imports nothing that ``site`` has not loaded already.
``PADDLECLAS_OCTCONV_AUTOLOAD=0`` switches it off.
"""

import os
import sys

BACKBONE_MODULES = ("ppcls.arch.backbone", "paddleclas.ppcls.arch.backbone")
PACKAGE = "paddleclas"
PREDICTOR = "paddleclas.paddleclas"
PADDLEX_NETWORKS = "paddlex.modules.image_classification.model_list"
PADDLEX_CLASSES = "paddlex.inference.models.image_classification.processors"


def install(force=False):
    """Install the finder, once, unless ``PADDLECLAS_OCTCONV_AUTOLOAD=0`` (and not ``force``)."""
    wanted = force or os.environ.get("PADDLECLAS_OCTCONV_AUTOLOAD") != "0"
    if wanted and _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def leave_command():
    """From here on, ``import paddleclas`` means the real one in this process, whatever its name."""
    _FINDER.serves_command = False
    for name in (PREDICTOR, PACKAGE):
        sys.modules.pop(name, None)


class _Finder:
    """A meta path finder that wraps the loaders of the modules it acts on."""

    serves_command = True

    def find_spec(self, name, path=None, target=None):
        if name in BACKBONE_MODULES:
            return self._find_then(_register, name, path, target)
        if name == PADDLEX_NETWORKS:
            return self._find_then(_add_to_paddlex, name, path, target)
        if name == PADDLEX_CLASSES:
            return self._find_then(_split_classes, name, path, target)
        if name in (PACKAGE, PREDICTOR) and self.serves_command and _is_ours():
            from .cli import console

            return console.stub(name, name == PACKAGE, _run_ours)
        if name == PREDICTOR:
            if _is_command():
                import warnings

                from .common.images import bound_images

                bound_images()  # it imports OpenCV
                warnings.filterwarnings("ignore", message="No ccache found")  # and Paddle
            return self._find_then(_adapt, name, path, target)
        if name == PACKAGE:
            spec = self._find(name, path, target)
            # Any folder of that name, such as one of pictures, is a package without an origin.
            return spec if spec is not None and spec.origin else _fetched_spec(name)
        return None

    def _find_then(self, act, name, path, target):
        """The spec that the other finders give, its loader made to call ``act(module)`` at last."""
        spec = self._find(name, path, target)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _LoaderThen(spec.loader, act)
        return spec

    def _find(self, name, path, target):
        """The spec that the other finders give."""
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            spec = find_spec(name, path, target) if find_spec and finder is not self else None
            if spec is not None:
                return spec
        return None


class _LoaderThen:
    """Stands in for a module's loader until the module runs, then hands its place back."""

    def __init__(self, loader, act):
        self.loader, self.act = loader, act

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)
        try:
            self.act(module)
        except Exception as error:  # PaddleClas and PaddleX must work without us
            print(
                f"paddleclas-octconv: warning: {module.__name__} runs without OctConv: "
                f"{type(error).__name__}: {error}",
                file=sys.stderr,
            )

    def __getattr__(self, name):  # is_package, get_code, get_source, …
        if name == "loader":  # not there yet: this object is being unpickled
            raise AttributeError(name)
        return getattr(self.loader, name)


class _FetchingLoader:
    """Loads the package from where it is fetched to; to look for it fetches nothing."""

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from importlib.machinery import PathFinder

        from .trainer.fetch import library_root

        root = str(library_root())
        spec = PathFinder.find_spec(module.__name__, [root])
        assert spec is not None and spec.loader is not None  # the files were checked just now
        sys.path.append(root)
        module.__spec__, module.__loader__ = spec, spec.loader
        module.__file__, module.__path__ = spec.origin, spec.submodule_search_locations
        spec.loader.exec_module(module)


def _fetched_spec(name):
    from importlib.machinery import ModuleSpec

    loader = _FetchingLoader()  # no importlib.abc.Loader: that would be imported at every start
    return ModuleSpec(name, loader, is_package=True)  # type: ignore[arg-type]


_FINDER = _Finder()


def _register(backbone):
    from .patches.old_programs import write_old_programs
    from .patches.paddle_on_cpu import give_cpu_a_device_id
    from .patches.paddle_to_static import export_without_detours
    from .patches.paddleclas_arch import offer_near_names
    from .patches.paddleclas_weights import cut_for_networks_inside
    from .registry import register_into

    register_into(backbone)
    offer_near_names(backbone)
    cut_for_networks_inside(backbone)
    give_cpu_a_device_id()
    export_without_detours()
    write_old_programs()


def _add_to_paddlex(model_list):
    from .registry import add_to_paddlex

    add_to_paddlex(model_list)


def _split_classes(processors):
    from .patches.paddlex_classes import split_by_image

    split_by_image(processors)


def _adapt(module):
    from .patches.paddleclas_predictor import adapt, adapt_command

    adapt(module)
    if _is_command():
        adapt_command(module)


def command():
    """The ``paddleclas`` script of this package, for where PaddleClas's own is not installed."""
    if _is_ours():
        return _run_ours()
    from paddleclas.paddleclas import main

    return main()


def _run_ours():
    from .cli import console

    leave_command()
    return console.run(_is_sub_command())


def _is_sub_command():
    """PaddleClas's own command takes options only: a word names one of our sub-commands. The help,
    which lists both, is ours too."""
    if not _is_command():
        return False
    first = (sys.argv[1:] or ["--help"])[0]
    return first in ("-h", "--help", "--version") or not first.startswith("-")


def _is_ours():
    """Whether the command is ours to run: a sub-command, or there is no Paddle to run the other."""
    if _is_sub_command():
        return True
    if not _is_command():
        return False
    from .common.machine import has_paddle

    return not has_paddle()


def _is_command():
    """True in the process of the ``paddleclas`` console script (a ``paddleclas.py`` is not it)."""
    name = os.path.basename((getattr(sys, "argv", None) or [""])[0])
    for suffix in (".exe", "-script.py", "-script.pyw"):
        if name.endswith(suffix):
            name = name[: -len(suffix)]
    return name == "paddleclas"
