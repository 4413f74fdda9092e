"""One coroutine function an operation, one module a resource."""
