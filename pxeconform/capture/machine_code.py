"""Kernels to machine code and back: numba translates, LLVM loads.

Numba is needed for translating only. What is kept is a plain object file without any reference to Python, so a later
process loads it in a few milliseconds and starts neither numba nor its own compiler.
"""

from __future__ import annotations

import ctypes
import types
from collections.abc import Sequence
from typing import Any

import llvmlite.binding as llvm

from pxeconform.capture.columns import Kernel


def processor() -> str:
    """What the machine code is made for."""
    return f"{llvm.get_default_triple()} {llvm.get_host_cpu_name()} {'.'.join(map(str, llvm.llvm_version_info))}"


def link(code: bytes, functions: Sequence[Kernel]) -> dict[str, Kernel]:
    """Load an object file; each kernel then takes the same arguments as the function that it was made from."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return {f.__name__: _callable(engine, f) for f in functions}


def _callable(engine: Any, function: Kernel) -> Kernel:
    """Numba's own convention: where the result goes, where an exception would go, then the arguments."""
    address = engine.get_function_address(function.__name__)
    if not address:
        raise LookupError(f"the object file lacks {function.__name__}")
    pointers = [kind != "int" for name, kind in function.__annotations__.items() if name != "return"]
    argument_types = [ctypes.c_void_p if pointer else ctypes.c_int64 for pointer in pointers]
    native = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *argument_types)(address)
    result = ctypes.c_int64()
    where = ctypes.byref(result)

    places = [place for place, pointer in enumerate(pointers) if pointer]
    views: list[Any] = [None] * len(pointers)
    addresses = [0] * len(pointers)

    def call(*arguments: Any, _owner: Any = engine) -> int:
        given = list(arguments)
        for place in places:
            # Nearly always the same buffers as the last time.
            if views[place] is not given[place]:
                views[place], addresses[place] = given[place], _address(given[place])
            given[place] = addresses[place]
        native(where, None, *given)
        return result.value

    return call


def _address(view: memoryview) -> int:
    """Where a view's octets lie."""
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def translate(functions: Sequence[Kernel]) -> bytes:
    """Compile kernels into one object file. Raises `RuntimeError` when numba cannot."""
    from numba.core.errors import NumbaError

    try:
        return _translated(functions)
    except NumbaError as error:
        raise RuntimeError(str(error)) from error


def _translated(functions: Sequence[Kernel]) -> bytes:
    from numba import cfunc

    whole: Any = None
    machine: Any = None
    done: dict[Any, Any] = {}
    for function in functions:
        compiled: Any = cfunc(_signature(function), error_model="numpy")(_with_compiled_helpers(function, done))
        library = compiled._library
        module = llvm.parse_assembly(library.get_llvm_str())
        machine = library._codegen._tm
        for part in module.functions:
            if part.is_declaration:
                continue
            if part.name.startswith("cfunc."):
                # The face for C that numba adds reports exceptions to Python; kernels raise none.
                part.linkage = "internal"
            elif part.name == compiled.native_name.removeprefix("cfunc."):
                part.linkage = "external"
                part.name = function.__name__
            else:
                part.linkage = "internal"
        _without_dead_code(module, machine)
        if whole is None:
            whole = module
        else:
            whole.link_in(module)
    code: bytes = machine.emit_object(whole)
    return code


def _signature(function: Any) -> Any:
    """From the annotations: all numbers are 64 bit integers with a sign, so that none becomes a float by mixing."""
    from numba import types as kinds

    pointer: Any = kinds.CPointer
    kinds_of = {"int": kinds.int64, "Octets": pointer(kinds.uint8), "Columns": pointer(kinds.int64)}
    return kinds.int64(*(kinds_of[kind] for name, kind in function.__annotations__.items() if name != "return"))


def _without_dead_code(module: Any, machine: Any) -> None:
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))


def _with_compiled_helpers(function: Any, done: dict[Any, Any]) -> Any:
    """The same function, with the functions that it calls ready for numba; the module itself stays as it is."""
    from numba import njit

    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        helper = names.get(name)
        if isinstance(helper, types.FunctionType):
            if helper not in done:
                done[helper] = njit(_signature(helper), error_model="numpy")(_with_compiled_helpers(helper, done))
            names[name] = done[helper]
    copy = types.FunctionType(function.__code__, names, function.__name__)
    copy.__module__ = function.__module__
    copy.__qualname__ = function.__qualname__
    return copy
