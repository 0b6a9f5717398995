"""What a firmware executed: blocks of instructions, and instructions by function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tinydeploy.emulate.image import Image


@dataclass(frozen=True)
class Block:
    """Instructions that always run one after the other.

    Args:
        address: Address of the first one.
        size: Bytes.
        instructions: Their number.
        executions: How often the block ran.
        taken: How often it was left by a taken branch.
        code: Its bytes; empty where the image does not hold them.
    """

    address: int
    size: int
    instructions: int
    executions: int
    taken: int
    code: bytes = b""


@dataclass(frozen=True)
class Profile:
    """Counts of one stretch of execution.

    Args:
        blocks: By address.
        functions: Instructions by function, most first; "?" for code outside of functions.
    """

    blocks: tuple[Block, ...]
    functions: Mapping[str, int]

    @property
    def instructions(self) -> int:
        """Instructions in all."""
        return sum(block.instructions * block.executions for block in self.blocks)


def make_profile(image: Image, blocks: Iterable[Block]) -> Profile:
    """Looks up the blocks' code and adds them up by function."""
    ordered = tuple(
        replace(block, code=image.code_at(block.address, block.size))
        for block in sorted(blocks, key=lambda block: (block.address, block.size))
    )
    functions: Counter[str] = Counter()
    for block in ordered:
        function = image.function_at(block.address)
        functions[function.name if function else "?"] += block.instructions * block.executions
    return Profile(ordered, dict(functions.most_common()))
