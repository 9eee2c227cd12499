"""The native engine: C++ behind JAX's foreign function interface, the second implementation of the engine on CPUs."""
