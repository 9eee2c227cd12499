"""The native engine: C++ behind JAX's foreign function interface, the second implementation of the engine on CPUs."""

from throughtime.engine.native.choice import EngineInfo, engine, engine_info, using_engine

__all__ = ["EngineInfo", "engine", "engine_info", "using_engine"]
