"""Builds the native engine while the wheel is made; without a C++ compiler the wheel is made all the same, without it."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class NativeEngine(BuildHookInterface):
    """Compiles `throughtime.engine.native`, and says for which platforms the wheel then is."""

    def initialize(self, _version: str, build_data: dict[str, Any]) -> None:
        build = _module(Path(self.root) / "src/throughtime/engine/native/build.py")
        build_data["artifacts"].append(f"{build.BUILT.relative_to(self.root)}/")
        try:
            build.build()
        except build.NotBuilt as reason:
            self.app.display_warning(f"throughtime is installed without its native engine: {reason}")
            return
        build_data["pure_python"] = False
        platform = self.build_config.builder.get_best_matching_tag().split("-")[-1]
        build_data["tag"] = f"py3-none-{platform}"


def _module(path: Path) -> Any:
    """The module in that file, without the package around it, which cannot be imported yet."""
    spec = spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
