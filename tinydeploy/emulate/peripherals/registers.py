"""Register storage, oscillators with start-up time, and GPIO ports: what STM32 families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tinydeploy.board import Console, Pin
from tinydeploy.emulate.peripherals.family import START_UP, Supervisor

_MODER, _PUPDR, _IDR, _ODR, _BSRR, _AFRL, _AFRH = 0x00, 0x0C, 0x10, 0x14, 0x18, 0x20, 0x24
_INPUT, _OUTPUT, _ALTERNATE = 0, 1, 2


class Registers:
    """Words by offset, with reset values.

    Args:
        base: Address of offset 0.
        reset: Reset values that are not zero.
    """

    def __init__(self, base: int, reset: Mapping[int, int] | None = None) -> None:
        self.base = base
        self._reset = dict(reset or {})
        self._words = dict(self._reset)

    def __getitem__(self, offset: int) -> int:
        return self._words.get(offset, 0)

    def __setitem__(self, offset: int, value: int) -> None:
        self._words[offset] = value

    def reset(self) -> None:
        """Back to the values after reset."""
        self._words = dict(self._reset)


@dataclass(frozen=True)
class Oscillator:
    """A clock source with an enable bit and a ready bit in one register."""

    name: str
    on: int
    ready: int


class Oscillators:
    """Clock sources that are ready some time after they were turned on.

    Args:
        sources: Their bits in the control register.
        supervisor: For the time.
        running: Names of those that run after reset.
    """

    def __init__(
        self, sources: tuple[Oscillator, ...], supervisor: Supervisor, running: tuple[str, ...]
    ) -> None:
        self._sources, self._supervisor = {source.name: source for source in sources}, supervisor
        self._ready_at: dict[str, int] = dict.fromkeys(running, 0)

    def control(self, value: int, blocked: tuple[str, ...] = ()) -> None:
        """Follows a write to the control register; `blocked` sources do not start."""
        for name, source in self._sources.items():
            if not value >> source.on & 1 or name in blocked:
                self._ready_at.pop(name, None)
            elif name not in self._ready_at:
                self._ready_at[name] = self._supervisor.now() + START_UP

    def enable_bit(self, name: str) -> int:
        """Position of the source's enable bit."""
        return self._sources[name].on

    def is_on(self, name: str) -> bool:
        """Whether the source is turned on."""
        return name in self._ready_at

    def is_ready(self, name: str) -> bool:
        """Whether the source delivers its clock."""
        return name in self._ready_at and self._supervisor.now() >= self._ready_at[name]

    def ready_bits(self) -> int:
        """The ready bits of the control register."""
        return sum(1 << s.ready for name, s in self._sources.items() if self.is_ready(name))


# Modes of the pins after reset: the debug pins' on ports A and B, and all others'.
ALL_ANALOG = (0xABFFFFFF, 0xFFFFFEBF, 0xFFFFFFFF)
ALL_INPUTS = (0xA8000000, 0x00000280, 0x00000000)


class Ports:
    """The GPIO ports.

    Args:
        base: Address of port A; each port takes 0x400.
        count: How many there are.
        modes: After reset; ALL_ANALOG or ALL_INPUTS.
        rcc: Holds the ports' enable bits, port A's at bit 0.
        enable: Offset and name of the enable register.
        supervisor: For reports.
    """

    def __init__(
        self,
        base: int,
        count: int,
        modes: tuple[int, int, int],
        rcc: Registers,
        enable: tuple[int, str],
        supervisor: Supervisor,
    ) -> None:
        self.window = (base, 0x400 * count)
        self._rcc, self._offset, self._enable = rcc, *enable
        self._supervisor = supervisor
        self._drive: Callable[[Pin], bool] = lambda pin: False
        self._inputs: tuple[Pin, ...] = ()
        self._written: Callable[[], None] = lambda: None
        self._ports = [
            Registers(base + 0x400 * n, {_MODER: modes[min(n, 2)]}) for n in range(count)
        ]

    def read(self, address: int) -> int:
        """Reads a port's register; zero while its clock is off."""
        port, offset = self._find(address)
        if not self._is_clocked(port):
            return 0
        registers = self._ports[port]
        if offset == _IDR:  # inputs are low where nobody drives them, outputs read back
            driven = (pin for pin in self._inputs if ord(pin.port) - ord("A") == port)
            high = sum(1 << p.pin for p in driven if self.mode(p) == _INPUT and self._drive(p))
            return registers[_ODR] | high
        return 0 if offset == _BSRR else registers[offset]

    def write(self, address: int, value: int) -> None:
        """Writes a port's register; while its clock is off that breaks a rule."""
        port, offset = self._find(address)
        if not self._is_clocked(port):
            letter = chr(ord("A") + port)
            self._supervisor.violate(
                f"GPIO{letter} is written while its clock is off ({self._enable} bit {port})"
            )
            return
        registers = self._ports[port]
        if offset == _BSRR:
            registers[_ODR] = registers[_ODR] & ~(value >> 16) | value & 0xFFFF
        else:
            registers[offset] = value
        self._written()

    def attach(
        self, inputs: tuple[Pin, ...], drive: Callable[[Pin], bool], written: Callable[[], None]
    ) -> None:
        """Wires something to pins.

        Args:
            inputs: Pins that it drives.
            drive: Whether one of these is high now.
            written: Called after each write to a port's register.
        """
        self._inputs, self._drive, self._written = inputs, drive, written

    def mode(self, pin: Pin) -> int:
        """A pin's mode: 0 input, 1 output, 2 alternate function, 3 analog."""
        return self._ports[ord(pin.port) - ord("A")][_MODER] >> 2 * pin.pin & 3

    def is_released(self, pin: Pin) -> bool:
        """Whether a line with a pull-up is high: its pin is no output, or is one that is high."""
        high = self._ports[ord(pin.port) - ord("A")][_ODR] >> pin.pin & 1
        return self.mode(pin) != _OUTPUT or bool(high)

    def has_pull_up(self, pin: Pin) -> bool:
        """Whether a pin's pull-up is on."""
        return self._ports[ord(pin.port) - ord("A")][_PUPDR] >> 2 * pin.pin & 3 == 1

    def console_problems(self, console: Console) -> list[str]:
        """Why the console's pins do not lead to the UART."""
        pins = ((console.tx, "transmit"), (console.rx, "receive"))
        return [
            text
            for pin, role in pins
            if pin is not None
            for text in self.pin_problems(pin, role, console.uart)
        ]

    def pin_problems(self, pin: Pin, role: str, unit: str) -> list[str]:
        """Why a pin does not lead to its peripheral."""
        port = ord(pin.port) - ord("A")
        name = f"{pin.name}, the {role} pin of {unit}"
        if not self._is_clocked(port):
            return [f"{name}: the port's clock is off ({self._enable} bit {port})"]
        registers = self._ports[port]
        if (mode := registers[_MODER] >> 2 * pin.pin & 3) != _ALTERNATE:
            return [f"{name}, is not in alternate-function mode (MODER {mode})"]
        functions = registers[_AFRH if pin.pin >= 8 else _AFRL]
        if (function := functions >> 4 * (pin.pin % 8) & 15) != pin.function:
            return [f"{name}, has alternate function {function} instead of {pin.function}"]
        return []

    def _is_clocked(self, port: int) -> bool:
        return bool(self._rcc[self._offset] >> port & 1)

    def _find(self, address: int) -> tuple[int, int]:
        return divmod(address - self.window[0], 0x400)
