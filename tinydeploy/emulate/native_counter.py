"""The counter in block_counter.c, hooked into Unicorn without Python in between."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Mapping
from typing import Any

import numpy as np
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc
from unicorn.unicorn_py3.unicorn import uclib

from tinydeploy.emulate.counter import (
    BLOCK,
    FULL,
    NOTHING,
    RETRANSLATE,
    Blocks,
    Hooks,
    flag_mask,
)
from tinydeploy.errors import InternalError

_MAX_BLOCKS = 1 << 18
_MAX_CHECKS = 1 << 18
_MAX_REGIONS = 8


class _Region(ctypes.Structure):
    _fields_ = (
        ("address", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("code", ctypes.c_void_p),
        ("index", ctypes.c_void_p),
    )


class _State(ctypes.Structure):
    """td_counter of block_counter.c."""

    _fields_ = (
        ("total", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("reason", ctypes.c_uint32),
        ("site", ctypes.c_uint32),
        ("flag_mask", ctypes.c_uint32),
        ("blocks", ctypes.c_uint32),
        ("last", ctypes.c_uint32),
        ("skip", ctypes.c_uint32),
        ("max_blocks", ctypes.c_uint32),
        ("checks", ctypes.c_uint32),
        ("max_checks", ctypes.c_uint32),
        ("regions", ctypes.c_uint32),
        ("block", ctypes.c_void_p),
        ("check", ctypes.c_void_p),
        ("region", _Region * _MAX_REGIONS),
        ("stop", ctypes.c_void_p),
        ("reg_read", ctypes.c_void_p),
        ("analyse", ctypes.c_void_p),
        ("judge", ctypes.c_void_p),
        ("watch", ctypes.c_void_p),
    )


class _Check(ctypes.Structure):
    _fields_ = (("reg", ctypes.c_int32), ("site", ctypes.c_uint32))


class _Site(ctypes.Structure):
    _fields_ = (
        ("counter", ctypes.c_void_p),
        ("reg", ctypes.c_int32),
        ("address", ctypes.c_uint32),
        ("conditional", ctypes.c_uint32),
    )


def _forward(name: str) -> Any:
    def read(self: NativeCounter) -> int:
        return int(getattr(self._state, name))

    def write(self: NativeCounter, value: int) -> None:
        setattr(self._state, name, value)

    return property(read, write)


class NativeCounter:
    """The counter in block_counter.c, hooked without Python in between."""

    kind = "native"
    total = _forward("total")
    deadline = _forward("deadline")
    reason = _forward("reason")
    site = _forward("site")
    skip = _forward("skip")

    def __init__(
        self,
        uc: Uc,
        code: Mapping[int, mmap.mmap],
        hooks: Hooks,
        library: ctypes.CDLL,
        *,
        double: bool,
    ) -> None:
        self._uc, self._hooks, self._library, self._double = uc, hooks, library, double
        library.td_create.restype = ctypes.c_void_p
        self._pointer = ctypes.c_void_p(library.td_create(_MAX_BLOCKS, _MAX_CHECKS))
        assert self._pointer.value
        self._state = _State.from_address(self._pointer.value)
        self._state.flag_mask = flag_mask(fpu=False, double=double)
        self._state.stop = _address_of(uclib.uc_emu_stop)
        self._state.reg_read = _address_of(uclib.uc_reg_read)
        one = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)
        self._callbacks = [one(self._analyse), one(self._judge), one(self._watch)]
        self._state.analyse, self._state.judge, self._state.watch = (
            _address_of(callback) for callback in self._callbacks
        )
        if len(code) > _MAX_REGIONS:
            raise InternalError(f"more than {_MAX_REGIONS} executable memories")
        for address, content in code.items():
            pointer = ctypes.addressof(ctypes.c_char.from_buffer(content))
            library.td_add_region(
                self._pointer, address, ctypes.c_uint32(len(content)), ctypes.c_void_p(pointer)
            )
        table: Any = (ctypes.c_char * (_MAX_BLOCKS * BLOCK.itemsize)).from_address(
            self._state.block
        )
        self._table: Blocks = np.frombuffer(table, BLOCK)
        self._checks = (_Check * _MAX_CHECKS).from_address(self._state.check)
        self._sites: list[tuple[int, _Site]] = []
        self._forgotten: list[tuple[int, _Site]] = []
        _hook_raw(uc, UC_HOOK_BLOCK, _address_of(library.td_on_block), self._pointer.value, 1, 0)

    def _analyse(self, number: int) -> int:
        block = self._table[number]
        checks, retranslate = self._hooks.analyse(int(block["address"]), int(block["size"]))
        first = self._state.checks
        if first + len(checks) > _MAX_CHECKS:
            return FULL
        for at, (register, site) in enumerate(checks, first):
            self._checks[at] = _Check(register, site)
        self._state.checks += len(checks)
        block["first_check"], block["checks"] = first, len(checks)
        return RETRANSLATE if retranslate else NOTHING

    def _judge(self, site: int) -> int:
        return int(self._hooks.judge(site))

    def _watch(self, address: int) -> int:
        self._hooks.watch(address)
        return 0

    def kick(self) -> None:
        """See Counter."""
        self._state.deadline = 0

    def set_fpu(self, on: bool) -> None:
        """See Counter."""
        self._state.flag_mask = flag_mask(fpu=on, double=self._double)

    def set_watch(self, address: int, on: bool) -> None:
        """See Counter."""
        self._library.td_set_watch(self._pointer, ctypes.c_uint32(address), int(on))

    def add_site(self, register: int, address: int, conditional: bool) -> None:
        """See Counter."""
        site = _Site(self._pointer.value, register, address, conditional)
        handle = _hook_raw(
            self._uc,
            UC_HOOK_CODE,
            _address_of(self._library.td_on_site),
            ctypes.addressof(site),
            address,
            address,
        )
        self._sites.append((handle, site))

    def trim(self, address: int) -> None:
        """See Counter."""
        self._library.td_trim(self._pointer, ctypes.c_uint32(address))

    def forget_last(self) -> None:
        """See Counter."""
        self._state.last = 0

    def forget_code(self) -> None:
        """See Counter."""
        self._library.td_forget(self._pointer)
        for handle, _ in self._sites:
            uclib.uc_hook_del(self._uc._uch, ctypes.c_size_t(handle))
        # Unicorn frees a hook when it next runs, and until then it may still read the site.
        self._forgotten, self._sites = self._sites, []

    def snapshot(self) -> Blocks:
        """See Counter."""
        return self._table[: self._state.blocks].copy()


def _address_of(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _hook_raw(uc: Uc, kind: int, function: int, data: int, begin: int, end: int) -> int:
    """uc_hook_add with a C function, which the Python binding does not offer."""
    handle = ctypes.c_size_t()
    status = uclib.uc_hook_add(
        uc._uch,
        ctypes.byref(handle),
        ctypes.c_int(kind),
        ctypes.c_void_p(function),
        ctypes.c_void_p(data),
        ctypes.c_uint64(begin),
        ctypes.c_uint64(end),
    )
    if status:
        raise RuntimeError(f"uc_hook_add failed with {status}")
    return int(handle.value)
