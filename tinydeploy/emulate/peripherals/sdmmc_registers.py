"""STM32L4+'s SDMMC1: its registers, and what may not be written to them (RM0432)."""

from __future__ import annotations

from tinydeploy.emulate.peripherals.registers import Registers
from tinydeploy.npu.sdio import Sdio

SDMMC1, SDMMC1_IRQ = 0x50062400, 49

POWER, CLKCR, ARG, CMD, RESPCMD, RESP1 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
DTIMER, DLEN, DCTRL, DCOUNT, STA, ICR, MASK = 0x24, 0x28, 0x2C, 0x30, 0x34, 0x38, 0x3C
IDMACTRL, IDMABASE0, FIFO = 0x50, 0x58, 0x80
READ_ONLY = (RESPCMD, RESP1, RESP1 + 4, RESP1 + 8, RESP1 + 12, DCOUNT, STA)

POWER_ON = 3  # POWER.PWRCTRL
CLKDIV, WIDBUS = 0x3FF, 14
CMDTRANS, CMDSTOP, WAITRESP, CPSMEN = 1 << 6, 1 << 7, 8, 1 << 12
NO_RESPONSE, CHECKED, LONG = 0, 1, 3  # CMD.WAITRESP; 2 is without a check of the CRC
DTDIR = 1 << 1

# STA
CCRCFAIL, DCRCFAIL, CTIMEOUT, DTIMEOUT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
CMDREND, CMDSENT, DATAEND, DABORT = 1 << 6, 1 << 7, 1 << 8, 1 << 11
DPSMACT, CPSMACT = 1 << 12, 1 << 13
CLEARABLE = 0x1FE00FFF

_CLKCR_MODELLED = CLKDIV | 3 << WIDBUS | 1 << 17  # and HWFC_EN
_CMD_MODELLED = 0x3F | CMDTRANS | CMDSTOP | 3 << WAITRESP | CPSMEN
_DCTRL_MODELLED = DTDIR | 15 << 4
_IDENTIFICATION_HZ, _HIGH_HZ = 400e3, 50e6


def list_write_problems(
    offset: int, value: int, *, command_active: bool, data_active: bool
) -> list[str]:
    """Why a write does not do what it looks like.

    Args:
        offset: Of the register.
        value: That is written.
        command_active: STA.CPSMACT.
        data_active: STA.DPSMACT.
    """
    rules = (
        (
            not (command_active and offset in (ARG, CMD, CLKCR)),
            "SDMMC1's command registers or CLKCR are written while CPSMACT is 1",
        ),
        (
            not (data_active and offset in (DTIMER, DLEN, DCTRL, IDMACTRL, IDMABASE0, CLKCR)),
            "SDMMC1's data registers or CLKCR are written while DPSMACT is 1",
        ),
        (
            offset != CLKCR or not value & ~_CLKCR_MODELLED,
            "SDMMC1_CLKCR asks for what is not modelled: only divider, width, flow control",
        ),
        (
            offset != DCTRL or not value & ~_DCTRL_MODELLED,
            "SDMMC1_DCTRL asks for what is not modelled: only blocks that CMD.CMDTRANS starts",
        ),
        (
            offset != IDMABASE0 or not value & 3,
            f"SDMMC1's DMA takes words: IDMABASE0 cannot be {value:#010x}",
        ),
        (offset != IDMACTRL or value in (0, 1), "only a single DMA buffer is modelled"),
        (offset != POWER or value & 3 != 1, "SDMMC1_POWER.PWRCTRL is set to a reserved value"),
        (offset < FIFO, "SDMMC1's FIFO is written by the core: only its DMA is modelled"),
    )
    return [text for kept, text in rules if not kept]


def list_command_problems(words: Registers, hz: float, *, data_active: bool) -> list[str]:
    """Why the command that CMD sends would go wrong.

    Args:
        words: The registers.
        hz: Of SDMMC1_CK.
        data_active: STA.DPSMACT.
    """
    command = words[CMD]
    index, moves = command & 0x3F, bool(command & CMDTRANS)
    slow = index in (Sdio.IO_SEND_OP_COND, Sdio.SEND_RELATIVE_ADDR)
    rules = (
        (words[POWER] & 3 == POWER_ON, "SDMMC1 sends a command before its power is on"),
        (hz > 0, "SDMMC1 has no clock"),
        (hz <= _HIGH_HZ, f"SDMMC1_CK has {hz / 1e6:g} MHz, a card takes 50 at most"),
        (
            not slow or hz <= _IDENTIFICATION_HZ,
            f"a card is found at 400 kHz at most, SDMMC1_CK has {hz / 1e3:g} kHz",
        ),
        (
            not command & ~_CMD_MODELLED and command >> WAITRESP & 3 != LONG,
            "SDMMC1_CMD asks for what is not modelled",
        ),
        (
            moves == (index == Sdio.IO_RW_EXTENDED),
            "CMD.CMDTRANS belongs to the command that moves data, CMD53",
        ),
        (not (moves and data_active), "CMD.CMDTRANS is set while DPSMACT is 1"),
        *(_list_transfer_rules(words) if moves else ()),
    )
    return [text for kept, text in rules if not kept]


def _list_transfer_rules(words: Registers) -> tuple[tuple[bool, str], ...]:
    """What must be true of a command that moves a block."""
    argument = words[ARG]
    one_block = bool(argument >> 27 & 1) and argument & 0x1FF == 1
    return (
        (
            argument >> 31 != (words[DCTRL] & DTDIR) >> 1,
            "SDMMC1_DCTRL.DTDIR is not the direction of CMD53",
        ),
        (
            one_block and words[DLEN] == 1 << (words[DCTRL] >> 4 & 15),
            "only one block is modelled: DLEN must be DCTRL's block, CMD53's count 1",
        ),
        (words[IDMACTRL] == 1, "SDMMC1's DMA is off (IDMACTRL)"),
        (words[DTIMER] > 0, "SDMMC1_DTIMER is 0: every transfer times out"),
    )
